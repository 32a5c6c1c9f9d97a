internal import JSONText

/// Passes at most a burst of lines, then so many a second of the engine's clock; what it holds back is counted and said
/// with the next line that passes. By the engine's clock, so that the same capture gives the same log.
struct RateLimitedLog {
  static let burst = 100
  static let linesPerSecond: Int64 = 10
  /// Bytes of one line.
  static let lineLimit = 1000

  private let sink: (PolicyLogLine) -> Void
  /// Lines that may pass, in billionths: one line is 10^9.
  private var tokens = Int64(burst) * 1_000_000_000
  private var filledAt: Int64 = 0
  private var heldBack = 0

  init(sink: @escaping (PolicyLogLine) -> Void) { self.sink = sink }

  mutating func write(_ level: PolicyLogLine.Level, _ place: String, _ text: String, at time: Int64) {
    fill(time)
    guard tokens >= 1_000_000_000 else {
      heldBack += 1
      return
    }
    tokens -= 1_000_000_000
    let more = heldBack > 0 ? " (\(heldBack) more lines before it left out)" : ""
    heldBack = 0
    sink(PolicyLogLine(level: level, place: place, text: text.cleanLine(limit: Self.lineLimit) + more))
  }

  private mutating func fill(_ time: Int64) {
    let elapsed = time.subtractingReportingOverflow(filledAt)
    let full = Int64(Self.burst) * 1_000_000_000
    if elapsed.overflow || elapsed.partialValue >= full / Self.linesPerSecond {
      tokens = full
    } else if elapsed.partialValue > 0 {
      tokens = min(full, tokens + elapsed.partialValue * Self.linesPerSecond)
    }
    filledAt = max(filledAt, time)
  }

  /// Says how many lines are still held back, at the end of a run.
  mutating func finish() {
    guard heldBack > 0 else { return }
    sink(PolicyLogLine(level: .warn, place: "log", text: "\(heldBack) more lines left out"))
    heldBack = 0
  }
}
