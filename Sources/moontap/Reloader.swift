import DataPath
import Foundation
import Policy
import Synchronization
import Threads

/// Makes new configurations beside the engine, on a thread of its own, and takes the old ones apart there.
///
/// The way of a reload: SIGHUP -> this thread reads inventory, mirrors and policies and checks them -> what is right is put
/// where the engine finds it before its next batch, and the engine is woken; what is wrong is said on standard error, and
/// nothing changes -> the engine swaps, and says so -> the configuration that went comes back here to be closed.
///
/// Safe because: a configuration is used by one thread at a time. This thread makes it and lets go of it when it is put
/// into the box; the engine takes it out, and lets go of the old one when that is put into the box.
final class Reloader: Sendable {
  /// A configuration on its way from one thread to the other.
  private struct Parcel: @unchecked Sendable {
    let configuration: Configuration
  }

  /// A configuration that may come into force, and who wants to hear what becomes of it.
  struct Ready {
    let configuration: Configuration
    var tell: @Sendable (ReloadOutcome) -> Void = { _ in }
  }

  private typealias Waiters = [@Sendable (ReloadOutcome) -> Void]

  private struct Box {
    var ready: Parcel?
    var old: [Parcel] = []
    /// They asked for a reload that has not begun.
    var asking: Waiters = []
    /// They wait for what becomes of `ready`.
    var waiting: Waiters = []
  }

  private let box = Mutex(Box())
  /// The engine asks before every batch: that must cost nothing.
  private let isReady = Atomic<Bool>(false)
  /// Told here and not in the pipe, which may be full of signals.
  private let isStopping = Atomic<Bool>(false)
  private let finished = DispatchSemaphore(value: 0)
  private let wake: @Sendable () -> Void
  private let make: @Sendable () throws -> Configuration

  /// - Parameters:
  ///   - descriptor: where SIGHUP is heard, see `Hangup`.
  ///   - wake: has the engine look for what is ready.
  ///   - make: reads everything and checks it; called on a thread with a deep stack.
  init(
    listeningTo descriptor: Int32, wake: @escaping @Sendable () -> Void,
    make: @escaping @Sendable () throws -> Configuration
  ) throws {
    (self.wake, self.make) = (wake, make)
    try BackgroundThread.begin("reload") { self.run(descriptor) }
  }

  // MARK: The engine's side

  /// There is a configuration that the engine has not taken.
  var hasReady: Bool { isReady.load(ordering: .relaxed) }

  /// The newest configuration that was found right since the last call.
  func takeReady() -> Ready? {
    guard isReady.load(ordering: .relaxed), isReady.exchange(false, ordering: .acquiringAndReleasing) else {
      return nil
    }
    return box.withLock { box in
      guard let parcel = box.ready else { return nil }
      let waiting = box.waiting
      (box.ready, box.waiting) = (nil, [])
      return Ready(configuration: parcel.configuration) { outcome in for tell in waiting { tell(outcome) } }
    }
  }

  /// Asks for a reload that begins after this call.
  ///
  /// - Parameter tell: hears what became of it, on another thread.
  func request(_ tell: @escaping @Sendable (ReloadOutcome) -> Void) {
    box.withLock { $0.asking.append(tell) }
    Hangup.wake(Hangup.reload)
  }

  /// Takes what the engine is about to let go of.
  func retire(_ old: Configuration) {
    let parcel = Parcel(configuration: old)
    box.withLock { $0.old.append(parcel) }
  }

  /// Takes it apart; called when the engine has let go of it, so that the last reference goes on this thread.
  func closeRetired() { Hangup.wake(Hangup.look) }

  /// Waits until a reload that is under way has ended; none begins any more.
  func stop() {
    isStopping.store(true, ordering: .releasing)
    // Again, if the pipe could not be written: who waits for a thread that was told nothing, waits for ever.
    repeat { Hangup.wake(Hangup.look) } while finished.wait(timeout: .now() + .milliseconds(100)) == .timedOut
  }

  // MARK: The thread's side

  private func run(_ descriptor: Int32) {
    defer { finished.signal() }
    var bytes = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = unsafe read(descriptor, &bytes, bytes.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0, !isStopping.load(ordering: .acquiring) else { return }
      closeOld()
      // However many signals have come: one reload, which reads what is there now.
      if bytes[..<count].contains(Hangup.reload) { reload() }
    }
  }

  private func closeOld() {
    // Closed when `old` goes, not under the lock.
    let old = box.withLock { box in
      defer { box.old = [] }
      return box.old
    }
    _ = old.count
  }

  private func reload() {
    let asked = box.withLock { box in
      defer { box.asking = [] }
      return box.asking
    }
    do {
      let parcel = Parcel(configuration: try make())
      let unused = box.withLock { box in
        defer { box.ready = parcel }
        box.waiting += asked
        return box.ready
      }
      _ = unused
      isReady.store(true, ordering: .releasing)
      wake()
    } catch {
      Self.refuse(error)
      for tell in asked { tell(.refused(Problems.list(error))) }
    }
  }

  // MARK: What is said

  static func announce(_ configuration: Configuration) {
    configuration.warnings.complain()
    let count = configuration.plan.mirrors.count
    Terminal.complain("reload: \(count) mirror\(count == 1 ? "" : "s"), in force from the next packet on\n")
  }

  static func complain(_ error: any Error) { Problems.list(error).complain() }

  static func refuse(_ error: any Error) {
    complain(error)
    Terminal.complain("reload: refused, everything stays as it was\n")
  }
}
