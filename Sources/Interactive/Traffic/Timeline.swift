import Foundation

/// Packets by time, as rows of a chart.
///
/// Without a given interval the rows grow with what is met, so that memory and rows stay few.
struct Timeline {
  static let mostRows = 400
  private static let mostBuckets = 4096
  private static let rowsAtEnd = 30
  private static let barWidth = 40

  private var interval: Int64
  private let isGiven: Bool
  private var buckets: [Int64: Tally] = [:]

  /// - Parameter interval: nanoseconds; nil: whatever gives some rows.
  init(interval: Int64?) {
    isGiven = interval != nil
    self.interval = interval ?? 1_000_000
  }

  mutating func count(_ time: Int64, _ length: UInt32) {
    buckets[Self.floor(time, interval), default: Tally()].count(length)
    if !isGiven { while buckets.count > Self.mostBuckets { widen(by: 2) } }
  }

  /// More rows than anybody reads; nil: all is well.
  var excess: Int? {
    guard isGiven, let first = buckets.keys.min(), let last = buckets.keys.max() else { return nil }
    let rows = Int(clamping: last - first + 1)
    return rows > Self.mostRows ? rows : nil
  }

  /// There are so many rows already that more need not be counted.
  var isHopeless: Bool { isGiven && buckets.count > Self.mostBuckets }

  private mutating func widen(by factor: Int64) { rebuild(interval * factor) }

  private mutating func rebuild(_ wider: Int64) {
    var merged: [Int64: Tally] = [:]
    for (bucket, tally) in buckets { merged[Self.floor(bucket &* interval, wider), default: Tally()] += tally }
    interval = wider
    buckets = merged
  }

  private static func floor(_ value: Int64, _ unit: Int64) -> Int64 {
    value >= 0 ? value / unit : -((-value + unit - 1) / unit)
  }

  private static let roundMilliseconds: [Int64] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000,
    900_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000, 43_200_000, 86_400_000, 604_800_000,
  ]

  // MARK: The chart

  mutating func text() -> String {
    if !isGiven { choose() }
    guard let first = buckets.keys.min(), let last = buckets.keys.max() else { return "no packets\n" }
    let most = buckets.values.map(\.packets).max() ?? 1
    let width = String(most).count
    var text = "\(Self.words(interval)) a row\n"
    for bucket in first...last {
      let tally = buckets[bucket] ?? Tally()
      let count = TextWidth.pad(String(tally.packets), to: max(width, 7), onLeft: true)
      let bytes = TextWidth.pad(Amount.bytes(tally.bytes), to: 9, onLeft: true)
      let bar = Self.bar(Double(tally.packets) / Double(max(1, most)))
      text += "\(clock(bucket &* interval))  \(count) \(bytes)" + (bar.isEmpty ? "" : "  " + bar) + "\n"
    }
    return text
  }

  /// The shortest round interval with few enough rows.
  private mutating func choose() {
    guard let first = buckets.keys.min(), let last = buckets.keys.max() else { return }
    let span = (last - first + 1) * interval
    let wanted =
      Self.roundMilliseconds.map { $0 * 1_000_000 }.first { $0 >= interval && span / $0 < Int64(Self.rowsAtEnd) }
      ?? span / Int64(Self.rowsAtEnd) + 1
    if wanted != interval { rebuild(wanted) }
  }

  /// Blocks of eighths.
  private static func bar(_ share: Double) -> String {
    let eighths = Int((share * Double(barWidth * 8)).rounded(.up))
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]
    return String(repeating: "█", count: eighths / 8) + rest
  }

  /// Time of day in UTC, as exact as the interval.
  private func clock(_ time: Int64) -> String {
    let day: Int64 = 86_400_000_000_000
    let inDay = (time % day + day) % day
    let (seconds, rest) = inDay.quotientAndRemainder(dividingBy: 1_000_000_000)
    func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let whole = "\(two(seconds / 3600)):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
    guard interval % 1_000_000_000 != 0 else { return whole }
    let digits = String(rest / 1_000_000)
    return whole + "." + String(repeating: "0", count: 3 - digits.count) + digits
  }

  /// `"100ms"`, `"1s"`, `"5m"`, `"1h"` in nanoseconds, a millisecond or more.
  static func interval(_ text: String) -> Int64? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let units: [Substring: Int64] = ["ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000]
    guard let number = Int64(digits), number >= 1, number <= 1_000_000, let unit = units[text.dropFirst(digits.count)]
    else { return nil }
    return number * unit
  }

  private static func words(_ interval: Int64) -> String {
    let milliseconds = interval / 1_000_000
    if milliseconds % 3_600_000 == 0 { return "\(milliseconds / 3_600_000) h" }
    if milliseconds % 60_000 == 0 { return "\(milliseconds / 60_000) min" }
    return milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds) ms"
  }
}

/// Amounts as people read them.
enum Amount {
  /// `301.2 MB`
  static func bytes(_ number: UInt64) -> String {
    var value = Double(number)
    guard value >= 1000 else { return "\(number) B" }
    for unit in ["kB", "MB", "GB", "TB"] {
      value /= 1000
      if value < 999.95 || unit == "TB" { return String(format: "%.1f ", value) + unit }
    }
    return "\(number) B"
  }
}
