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

extension String {
  /// The text on one line: control characters escaped, so that a terminal obeys nothing in it, cut at `limit` bytes.
  func cleanLine(limit: Int) -> String {
    var result = ""
    var length = 0
    for scalar in unicodeScalars {
      let piece = Self.clean(scalar)
      length += piece.utf8.count
      guard length <= limit else { return result + "…" }
      result += piece
    }
    return result
  }

  /// C0, C1, line and paragraph separators, and the marks that turn text around.
  private static func clean(_ scalar: Unicode.Scalar) -> String {
    switch scalar.value {
    case 0x09: return " "
    case 0x0a: return "\\n"
    case 0x0d: return "\\r"
    case 0..<0x20, 0x7f: return "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
    case 0x80..<0xa0, 0x2028, 0x2029, 0x202a...0x202e, 0x2066...0x2069:
      return "\\u{" + String(scalar.value, radix: 16) + "}"
    default: return String(scalar)
    }
  }
}
