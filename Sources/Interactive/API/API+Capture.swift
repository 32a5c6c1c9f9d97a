import Foundation
import LuaRuntime
import Policy

extension APIEntry {
  static let captureEntries: [APIEntry] = [
    APIEntry(
      owner: .namespace("capture"), name: "open",
      parameters: [APIParameter("path", .string, "pcap or pcapng, plain or gzip'ed", variadic: true)],
      returns: "packets",
      doc: "The packets of one or more captures, one after the other. Nothing is read until somebody asks.",
      example: #"packets = capture.open "web.pcap""#,
      binding: .function(
        body { session, call throws(HostFailure) in
          try session.refuseFiles("capture.open")
          try call.requireTyped("capture.open")
          let paths = (0..<call.count).compactMap { call.string($0) }
          try session.push(try session.open(paths), call)
        }))
  ]

  static let clockEntries: [APIEntry] = [
    clock("time", "number", "Seconds since 1970, now.", "os.time()") { call in call.push(Int64(time(nil))) },
    clock("clock", "number", "Seconds of processor time that the session took.", "os.clock()") { call in
      call.push(SessionClock.processor)
    },
    APIEntry(
      owner: .namespace("os"), name: "date",
      parameters: [
        APIParameter("format", .string, "as strftime takes it; in UTC", optional: true),
        APIParameter("time", .number, "seconds since 1970; now if not given", optional: true),
      ], returns: "string", doc: "A time as text.", example: #"os.date("%H:%M:%S", packets[1].time)"#,
      binding: .function { _, call throws(HostFailure) in
        let seconds = call.number(1) ?? Double(time(nil))
        guard let whole = Int(exactly: seconds.rounded(.down)), abs(whole) < 1 << 40 else {
          throw HostFailure(argument: 2, "seconds since 1970 expected")
        }
        call.push(try SessionClock.text(call.string(0) ?? "%Y-%m-%d %H:%M:%S", time: whole))
      }),
  ]

  private static func clock(
    _ name: String, _ returns: String, _ doc: String, _ example: String, _ body: @escaping @Sendable (HostCall) -> Void
  ) -> APIEntry {
    APIEntry(
      owner: .namespace("os"), name: name, returns: returns, doc: doc, example: example,
      binding: .function { _, call throws(HostFailure) in body(call) })
  }
}

enum SessionClock {
  /// clock(3) in seconds.
  static var processor: Double { Double(clock()) / 1_000_000 }

  /// strftime(3) in UTC.
  static func text(_ format: String, time seconds: Int) throws(HostFailure) -> String {
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

extension Session {
  func open(_ paths: [String]) throws(HostFailure) -> PacketSequence {
    var captures: [IndexedCapture] = []
    for path in paths { captures.append(try IndexedCapture(path)) }
    let names = paths.map { $0.split(separator: "/").last.map(String.init) ?? $0 }
    return PacketSequence(captures: captures, title: "packets of " + names.joined(separator: ", "))
  }
}
