import Glibc

/// The name of a recording's file: `moontap-20261126T043011.123Z.pcapng`, the time of its beginning in UTC. Names sort in the
/// order of recording.
struct RecordingName: Hashable, Comparable {
  /// While the file is being written.
  static let partSuffix = ".part"

  /// Since 1970.
  let milliseconds: Int64

  init(milliseconds: Int64) { self.milliseconds = milliseconds }

  /// nil: not the name of such a file, finished or not.
  init?(_ fileName: String) {
    let name = fileName.hasSuffix(Self.partSuffix) ? String(fileName.dropLast(Self.partSuffix.count)) : fileName
    guard name.utf8.count == Self.pattern.utf8.count else { return nil }
    var digits: [Int32] = []
    for (byte, sign) in zip(name.utf8, Self.pattern.utf8) {
      if sign == UInt8(ascii: "0") {
        guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
        digits.append(Int32(byte) - 48)
      } else if byte != sign {
        return nil
      }
    }
    func number(_ range: Range<Int>) -> Int32 { digits[range].reduce(0) { $0 * 10 + $1 } }
    var fields = unsafe tm()
    unsafe fields.tm_year = number(0..<4) - 1900
    unsafe fields.tm_mon = number(4..<6) - 1
    unsafe fields.tm_mday = number(6..<8)
    unsafe fields.tm_hour = number(8..<10)
    unsafe fields.tm_min = number(10..<12)
    unsafe fields.tm_sec = number(12..<14)
    milliseconds = unsafe Int64(timegm(&fields)) * 1000 + Int64(number(14..<17))
    // Of a day that is none: not a name of ours.
    guard text == name else { return nil }
  }

  private static let pattern = "moontap-00000000T000000.000Z.pcapng"

  var text: String {
    let (seconds, rest) = milliseconds.quotientAndRemainder(dividingBy: 1000)
    var moment = time_t(seconds)
    var fields = unsafe tm()
    _ = unsafe gmtime_r(&moment, &fields)
    func pad(_ number: Int32, _ width: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    let date = unsafe pad(fields.tm_year + 1900, 4) + pad(fields.tm_mon + 1, 2) + pad(fields.tm_mday, 2)
    let clock = unsafe pad(fields.tm_hour, 2) + pad(fields.tm_min, 2) + pad(fields.tm_sec, 2)
    return "moontap-\(date)T\(clock).\(pad(Int32(rest), 3))Z.pcapng"
  }

  var part: String { text + Self.partSuffix }

  static func < (a: Self, b: Self) -> Bool { a.milliseconds < b.milliseconds }
}
