import Foundation
import Synchronization

/// Takes snapshots of a run for whoever asks, and no more of them than the engine hardly notices.
final class RunSnapshots: Sendable {
  /// Between two of them at least.
  private static let pause = Duration.milliseconds(20)
  /// Of the engine's time they may take one part in so many.
  private static let share = 20

  private let requests: EngineRequests
  /// When the next one may be taken. Whoever waits for it holds the lock: others wait their turn.
  private let next = Mutex(ContinuousClock.now)

  init(_ requests: EngineRequests) { self.requests = requests }

  /// Waits at least until the last one is not worth a mention any more.
  func take() throws -> Summary {
    try take { engine in try engine.summary() }
  }

  func take<Value: Sendable>(_ body: @escaping @Sendable (Engine) throws -> Value) throws -> Value {
    try next.withLock { next in
      let wait = next - .now
      if wait > .zero { Self.sleep(wait) }
      let (value, cost) = try requests.ask { engine, _ in
        let start = ContinuousClock.now
        let value = try body(engine)
        return (value, ContinuousClock.now - start)
      }
      next = .now + max(Self.pause, cost * Self.share)
      return value
    }
  }

  private static func sleep(_ time: Duration) {
    var rest = timespec()
    rest.tv_sec = Int(time.components.seconds)
    rest.tv_nsec = Int(time.components.attoseconds / 1_000_000_000)
    unsafe nanosleep(&rest, nil)
  }
}
