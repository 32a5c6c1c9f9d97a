/// Stops calling the scripts of a mirror that fail too often: ten times in a row, or 5 % of a thousand calls.
struct Breaker {
  static let consecutiveLimit = 10
  static let window = 1000
  static let windowLimit = 50

  private(set) var isFaulted = false
  /// What the scripts failed with first.
  private(set) var first: (message: String, hint: String?)?
  private var consecutive = 0
  private var calls = 0
  private var errors = 0

  mutating func succeed() {
    consecutive = 0
    count()
  }

  /// Many successes at once, none of which broke anything: as that many calls of `succeed`.
  mutating func succeed(_ count: Int) {
    guard count > 0 else { return }
    consecutive = 0
    let sum = calls + count
    if sum >= Self.window { errors = 0 }
    calls = sum % Self.window
  }

  /// - Returns: true when this failure is the one that breaks.
  mutating func fail(_ failure: @autoclosure () -> (message: String, hint: String?)) -> Bool {
    if first == nil { first = failure() }
    consecutive += 1
    errors += 1
    isFaulted = consecutive >= Self.consecutiveLimit || errors >= Self.windowLimit
    count()
    return isFaulted
  }

  private mutating func count() {
    calls += 1
    if calls == Self.window { (calls, errors) = (0, 0) }
  }
}
