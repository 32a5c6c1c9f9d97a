/// Numbers and times as reports write them: the same on every machine.
enum ReportText {
  /// Nanoseconds since 1970 as RFC 3339 in UTC: `2026-11-23T16:33:12.000000001Z`.
  static func time(_ nanoseconds: Int64) -> String {
    let (second, rest) = split(nanoseconds, 1_000_000_000)
    let (day, inDay) = split(second, 86_400)
    let date = date(day)
    let clock = [inDay / 3600, inDay / 60 % 60, inDay % 60].map { padded($0, 2) }.joined(separator: ":")
    return "\(date)T\(clock).\(padded(rest, 9))Z"
  }

  /// To the second, for people.
  static func shortTime(_ nanoseconds: Int64) -> String {
    String(time(nanoseconds).prefix(19)).replacing("T", with: " ")
  }

  /// `09:00:00.001`: of the day.
  static func milliseconds(_ nanoseconds: Int64) -> String { String(time(nanoseconds).dropFirst(11).prefix(12)) }

  /// `2026-11-23 09:00:00 to 2026-11-23 09:00:07`, or once if that is the same; nil: a time is missing.
  static func span(_ first: Int64?, _ last: Int64?) -> String? {
    guard let first, let last else { return nil }
    let (from, to) = (shortTime(first), shortTime(last))
    return from == to ? from : "\(from) to \(to)"
  }

  /// `2026-11-23` of days since 1970: years begin in March, so that leap days come last.
  static func date(_ day: Int64) -> String {
    let shifted = day + 719_468
    let (era, inEra) = split(shifted, 146_097)
    let year = (inEra - inEra / 1460 + inEra / 36_524 - inEra / 146_096) / 365
    let inYear = inEra - (365 * year + year / 4 - year / 100)
    let month = (5 * inYear + 2) / 153
    let dayOfMonth = inYear - (153 * month + 2) / 5 + 1
    let civilMonth = month < 10 ? month + 3 : month - 9
    let civilYear = year + era * 400 + (civilMonth <= 2 ? 1 : 0)
    return "\(padded(civilYear, 4))-\(padded(civilMonth, 2))-\(padded(dayOfMonth, 2))"
  }

  /// The reverse of `time`; nil: it is not written so, or no clock shows it.
  static func nanoseconds(_ text: String) -> Int64? {
    let bytes = Array(text.utf8)
    guard bytes.count == 30 else { return nil }
    func number(_ range: Range<Int>) -> Int64? { Int64(String(decoding: bytes[range], as: UTF8.self)) }
    guard let day = days(String(text.prefix(10))), let hour = number(11..<13), let minute = number(14..<16),
      let second = number(17..<19), let rest = number(20..<29)
    else { return nil }
    let (seconds, overflow) = (day * 86_400 + hour * 3600 + minute * 60 + second).multipliedReportingOverflow(
      by: 1_000_000_000)
    guard !overflow, time(seconds &+ rest) == text else { return nil }
    return seconds &+ rest
  }

  /// Days since 1970 of `2026-11-23`; nil: it is no date.
  static func days(_ text: String) -> Int64? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].count == 4, parts[1].count == 2, parts[2].count == 2, let year = Int64(parts[0]),
      let month = Int64(parts[1]), let day = Int64(parts[2]), 1...12 ~= month, 1...31 ~= day
    else { return nil }
    let shifted = month <= 2 ? year - 1 : year
    let (era, inEra) = split(shifted, 400)
    let inYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let days = era * 146_097 + inEra * 365 + inEra / 4 - inEra / 100 + inYear - 719_468
    return date(days) == text ? days : nil
  }

  private static func split(_ number: Int64, _ by: Int64) -> (Int64, Int64) {
    let (quotient, rest) = number.quotientAndRemainder(dividingBy: by)
    return rest < 0 ? (quotient - 1, rest + by) : (quotient, rest)
  }

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  /// `412,806`
  static func count(_ number: some BinaryInteger) -> String {
    let digits = Array(String(number))
    var text = ""
    for (position, digit) in digits.enumerated() {
      if position > 0, (digits.count - position) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return text
  }

  /// `1 finding`, `2 findings`
  static func plural(_ number: Int, _ noun: String) -> String { "\(count(number)) \(noun)\(number == 1 ? "" : "s")" }

  static func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
    return String(decoding: text, as: UTF8.self)
  }

  static func bytes(hex text: String) -> [UInt8]? {
    let values = text.utf8.compactMap { digit -> UInt8? in
      switch digit {
      case 0x30...0x39: digit - 0x30
      case 0x61...0x66: digit - 0x57
      default: nil
      }
    }
    guard values.count == text.utf8.count, values.count % 2 == 0 else { return nil }
    return stride(from: 0, to: values.count, by: 2).map { values[$0] << 4 | values[$0 + 1] }
  }

  /// As `hexdump -C` prints it: offset, sixteen bytes, what of them is ASCII.
  static func dump(_ bytes: [UInt8], limit: Int = 256) -> String {
    stride(from: 0, to: min(bytes.count, limit), by: 16).map { offset in
      let row = bytes[offset..<min(offset + 16, bytes.count, limit)]
      let digits = row.map { hex([$0]) }.joined(separator: " ")
      let letters = row.map { 0x20..<0x7f ~= $0 ? String(UnicodeScalar($0)) : "." }.joined()
      let place = String(offset, radix: 16)
      return String(repeating: "0", count: 4 - place.count) + place + "  " + digits
        + String(repeating: " ", count: 49 - digits.count) + letters
    }.joined(separator: "\n")
  }
}
