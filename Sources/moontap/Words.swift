import Foundation

/// Numbers as people read them, the same in every locale.
enum Words {
  /// `412,806`
  static func count(_ number: UInt64) -> String {
    let digits = Array(String(number))
    var text = ""
    for (position, digit) in digits.enumerated() {
      if position > 0, (digits.count - position) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return text
  }

  /// `eni-1, eni-2`, of more than eight `… and 3 more`
  static func some(_ names: [String]) -> String {
    names.prefix(8).joined(separator: ", ") + (names.count > 8 ? " and \(names.count - 8) more" : "")
  }

  /// `412,806 packets`, `1 packet`
  static func packets(_ number: UInt64) -> String { count(number) + (number == 1 ? " packet" : " packets") }

  /// `301.2 MB`, decimal units, one digit after the point from kB on.
  static func bytes(_ number: UInt64) -> String {
    var value = Double(number)
    guard value >= 1000 else { return "\(number) B" }
    for unit in ["kB", "MB", "GB", "TB", "PB"] {
      value /= 1000
      if value < 999.95 || unit == "PB" { return "\(fixed(value, 1)) \(unit)" }
    }
    return "\(number) B"
  }

  /// `1.97 M packets/s`
  static func rate(packets: UInt64, seconds: Double) -> String {
    let rate = Double(packets) / max(seconds, 1e-9)
    if rate >= 1e6 { return "\(fixed(rate / 1e6, 2)) M packets/s" }
    if rate >= 1e3 { return "\(fixed(rate / 1e3, 1)) k packets/s" }
    return "\(fixed(rate, 0)) packets/s"
  }

  /// `0.21 s`, `3 min 20 s`
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e7 else { return "?" }
    if seconds < 10 { return "\(fixed(seconds, 2)) s" }
    if seconds < 60 { return "\(Int(seconds)) s" }
    return "\(Int(seconds) / 60) min \(Int(seconds) % 60) s"
  }

  static func fixed(_ value: Double, _ digits: Int) -> String {
    let scale = [1.0, 10.0, 100.0, 1000.0][digits]
    let rounded = UInt64((value * scale).rounded())
    guard digits > 0 else { return String(rounded) }
    let fraction = String(rounded % UInt64(scale))
    return "\(rounded / UInt64(scale))." + String(repeating: "0", count: digits - fraction.count) + fraction
  }

  /// `412,806`, `-3`, `0.25`: whole numbers without a fraction.
  static func number(_ value: Double) -> String {
    guard value == value.rounded(), abs(value) < 9e15 else { return "\(value)" }
    return (value < 0 ? "-" : "") + count(UInt64(abs(value)))
  }

  /// `99.8 %` of a share; never rounded up to all of it.
  static func percent(_ share: Double) -> String {
    guard share > 0, share < 1 else { return share > 0 ? "100 %" : "0 %" }
    return fixed(min(99.9, max(0.1, share * 100)), 1) + " %"
  }

  /// Right-padded to a width in characters.
  static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  /// Nanoseconds since 1970 as UTC: `2026-11-23 16:33:12.000000001`.
  static func time(_ nanoseconds: Int64) -> String {
    let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    let (whole, fraction) = rest < 0 ? (seconds - 1, rest + 1_000_000_000) : (seconds, rest)
    var moment = time_t(whole)
    var fields = unsafe tm()
    guard unsafe gmtime_r(&moment, &fields) != nil else { return "\(nanoseconds) ns" }
    let digits = String(fraction)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let date = unsafe "\(Int(fields.tm_year) + 1900)-\(two(fields.tm_mon + 1))-\(two(fields.tm_mday))"
    let clock = unsafe "\(two(fields.tm_hour)):\(two(fields.tm_min)):\(two(fields.tm_sec))"
    return date + " " + clock + "." + String(repeating: "0", count: 9 - digits.count) + digits
  }
}
