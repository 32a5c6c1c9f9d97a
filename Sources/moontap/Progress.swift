import Foundation

/// A progress line on standard error: packets, bytes, rate, time left. Only on a terminal, only for work longer than a
/// second, drawn at most five times a second.
struct Progress {
  private let start = ContinuousClock.now
  private var lastDrawn: ContinuousClock.Instant
  private var isDrawn = false
  private let isEnabled: Bool

  init(isEnabled: Bool = Terminal.errorIsTerminal) {
    self.isEnabled = isEnabled
    lastDrawn = start + .milliseconds(800)
  }

  mutating func update(packets: UInt64, consumed: UInt64, total: UInt64?) {
    guard isEnabled else { return }
    let now = ContinuousClock.now
    guard now - lastDrawn >= .milliseconds(200) else { return }
    lastDrawn = now
    isDrawn = true
    Terminal.draw("\r\u{1b}[K" + line(packets, consumed, total, seconds: (now - start).seconds))
  }

  private func line(_ packets: UInt64, _ consumed: UInt64, _ total: UInt64?, seconds: Double) -> String {
    let rate = Words.rate(packets: packets, seconds: seconds)
    let done = "\(Words.count(packets)) packets  \(Words.bytes(consumed))  \(rate)"
    guard let total, total > 0, consumed > 0 else { return done }
    let share = min(1, Double(consumed) / Double(total))
    let filled = Int(share * 24)
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 24 - filled)
    let left = seconds / share - seconds
    return "[\(bar)] \(Int(share * 100)) %  \(done)  \(Words.duration(left)) left"
  }

  /// Takes the line away.
  func clear() {
    if isDrawn { Terminal.draw("\r\u{1b}[K") }
  }
}

extension Duration {
  var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}
