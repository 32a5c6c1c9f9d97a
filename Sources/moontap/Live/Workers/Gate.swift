import Foundation
import Synchronization

/// Where workers wait while the engine's thread has everything to itself, between two of their batches.
///
/// Safe because: what is under the lock is touched under it only.
final class Gate: @unchecked Sendable {
  private let lock = NSCondition()
  /// Workers that are under way; those that wait.
  private var present = 0
  private var waiting = 0
  /// All that a worker looks at while nobody wants anything.
  private let isClosed = Atomic<Bool>(false)

  init(workers: Int) { present = workers }

  // MARK: Workers

  /// Between two batches; one load while the gate is open.
  @inline(__always)
  func pass() { if isClosed.load(ordering: .relaxed) { wait() } }

  private func wait() {
    lock.lock()
    waiting += 1
    lock.broadcast()
    while isClosed.load(ordering: .relaxed) { lock.wait() }
    waiting -= 1
    lock.unlock()
  }

  /// A worker has ended.
  func leave() {
    lock.lock()
    present -= 1
    lock.broadcast()
    lock.unlock()
  }

  // MARK: The engine's thread

  /// - Parameter wake: has workers that wait for frames come here.
  func close(wake: () -> Void) {
    lock.lock()
    isClosed.store(true, ordering: .relaxed)
    wake()
    while waiting < present { lock.wait() }
    lock.unlock()
  }

  func open() {
    lock.lock()
    isClosed.store(false, ordering: .relaxed)
    lock.broadcast()
    lock.unlock()
  }

  /// Waits until all workers have ended.
  func awaitEnd() {
    lock.lock()
    while present > 0 { lock.wait() }
    lock.unlock()
  }
}
