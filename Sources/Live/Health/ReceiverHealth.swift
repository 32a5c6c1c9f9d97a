/// Whether one receiver is well, from what is said about it. Who is unwell is down at once; who is down comes back when
/// nothing bad has been said for a while although it was tried, and for a longer while the sooner it went down again.
struct ReceiverHealth: Sendable {
  /// Nothing bad for so long before a receiver comes back; nanoseconds.
  let recovery: Int64
  /// The longest that flapping makes of it.
  private static let longest: Int64 = 300_000_000_000

  private(set) var trouble: LiveReport.Trouble?
  /// When it went down or came back; nanoseconds since 1970. nil: never.
  private(set) var since: Int64?
  private(set) var downs: UInt64 = 0
  private var lastBad: Int64 = 0
  /// When something was first sent to it since; nil: nothing was.
  private var tried: Int64?
  /// How long an answer to that may take.
  private static let answerTime: Int64 = 250_000_000
  /// What `recovery` has come to.
  private var patience: Int64

  init(recovery: Int64) {
    self.recovery = recovery
    patience = recovery
  }

  var isDown: Bool { trouble != nil }

  /// - Returns: whether it went down by this.
  mutating func note(_ trouble: LiveReport.Trouble, at time: Int64) -> Bool {
    lastBad = time
    tried = nil
    guard self.trouble == nil else {
      self.trouble = trouble
      return false
    }
    // It was well for less than ten times what it was waited for: it flaps.
    let isFlapping = since.map { time - $0 < 10 * patience } ?? false
    patience = isFlapping ? min(2 * patience, max(recovery, Self.longest)) : recovery
    self.trouble = trouble
    since = time
    downs += 1
    return true
  }

  /// Something was sent to it, which fails where it is still down.
  mutating func attempt(at time: Int64) { tried = tried ?? time }

  /// Time passes.
  ///
  /// - Returns: whether it came back by this.
  mutating func pass(to time: Int64) -> Bool {
    guard isDown, time - lastBad >= patience, let tried, time - tried >= Self.answerTime else { return false }
    trouble = nil
    since = time
    return true
  }
}
