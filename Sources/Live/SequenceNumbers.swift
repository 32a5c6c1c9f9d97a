internal import DataPath
internal import Synchronization

/// Numbers of copies by destination, one sequence each for all workers (ERSPAN II; RFC 2890 section 2.2).
public final class SequenceNumbers: Sendable {
  final class Counter: Sendable {
    private let last = Atomic<UInt32>(0)

    func next() -> UInt32 { last.wrappingAdd(1, ordering: .relaxed).newValue }
  }

  private let counters = Mutex<[SinkPlan.Destination: Counter]>([:])

  public init() {}

  func counter(_ destination: SinkPlan.Destination) -> Counter {
    counters.withLock { counters in
      if let known = counters[destination] { return known }
      let counter = Counter()
      counters[destination] = counter
      return counter
    }
  }
}
