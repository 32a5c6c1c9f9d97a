internal import Glibc
package import LuaRuntime

/// `os.date` of sessions and audits: a time as text, in UTC, the same on every machine.
package enum ClockText {
  package static let parameters = [
    APIParameter("format", .string, "as strftime takes it; in UTC", optional: true),
    APIParameter("time", .number, "seconds since 1970; now if not given", optional: true),
  ]

  /// - Parameter now: seconds since 1970, for calls that name no time.
  package static func text(_ call: HostCall, now: @autoclosure () throws(HostFailure) -> Double) throws(HostFailure)
    -> String
  {
    let seconds = if let given = call.number(1) { given } else { try now() }
    guard let whole = Int(exactly: seconds.rounded(.down)), abs(whole) < 1 << 40 else {
      throw HostFailure(argument: 2, "seconds since 1970 expected")
    }
    return try text(call.string(0) ?? "%Y-%m-%d %H:%M:%S", time: whole)
  }

  /// strftime(3) in UTC.
  private static func text(_ format: String, time seconds: Int) throws(HostFailure) -> String {
    guard format.utf8.count <= 200, !format.utf8.contains(0) else { throw HostFailure(argument: 1, "a shorter format") }
    var moment = time_t(seconds)
    var fields = unsafe tm()
    guard unsafe gmtime_r(&moment, &fields) != nil else { throw HostFailure(argument: 2, "a time of some calendar") }
    // A mark behind it tells an empty text from one that does not fit.
    var room = [CChar](repeating: 0, count: 4096)
    let count = unsafe strftime(&room, room.count, format + "|", &fields)
    guard count > 0 else { throw HostFailure(argument: 1, "a shorter format") }
    return String(decoding: room.prefix(count - 1).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
