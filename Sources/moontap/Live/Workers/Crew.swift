import DataPath
import Foundation
import Live
import Synchronization
import Threads

/// The workers besides the engine's thread, which is the first; none offline.
///
/// What concerns all of them the first one does while the others are held between two of their batches: plans come into force
/// everywhere at once, and what is told of the run adds up.
final class Crew {
  let workers: [Worker]
  private let gate: Gate
  private var isHeld = false
  /// One of them could not go on.
  private let hasFailed = Alarm()

  /// Told by workers, looked at by the first.
  private final class Alarm: Sendable {
    let isRaised = Atomic<Bool>(false)
  }

  init(_ workers: [Worker] = []) {
    self.workers = workers
    gate = Gate(workers: workers.count)
  }

  /// - Parameter failed: wakes the first worker.
  /// - Throws: when the kernel gives no more threads.
  func start(failed: @escaping @Sendable () -> Void) throws {
    for (index, worker) in workers.enumerated() {
      do {
        try BackgroundThread.begin("worker \(index + 1)") { [gate, hasFailed] in
          worker.run(gate) {
            hasFailed.isRaised.store(true, ordering: .releasing)
            failed()
          }
        }
      } catch {
        // Who never begins must not be waited for.
        for _ in workers[index...] { gate.leave() }
        throw error
      }
    }
  }

  /// Does something while no other worker judges.
  func hold<Value>(_ body: () throws -> Value) rethrows -> Value {
    guard !workers.isEmpty, !isHeld else { return try body() }
    isHeld = true
    gate.close { for worker in workers { worker.bell.ring() } }
    defer {
      isHeld = false
      gate.open()
    }
    return try body()
  }

  /// - Throws: why a worker could not go on.
  func check() throws {
    guard hasFailed.isRaised.load(ordering: .acquiring) else { return }
    try hold { for worker in workers { if let failure = worker.failure { throw failure } } }
  }

  /// Waits until all have ended, of themselves or because their source has.
  func awaitEnd() { gate.awaitEnd() }
}
