internal import Synchronization

/// Processor time that scripts take for one mirror: pipelines add, who keeps its budget takes.
public final class ScriptTime: Sendable {
  private let nanoseconds = Atomic<UInt64>(0)

  public init() {}

  func add(_ taken: UInt64) { nanoseconds.wrappingAdd(taken, ordering: .relaxed) }

  /// What was added since it was asked last.
  public func take() -> UInt64 {
    // Most often there is nothing: one look costs less than an exchange.
    nanoseconds.load(ordering: .relaxed) == 0 ? 0 : nanoseconds.exchange(0, ordering: .relaxed)
  }
}
