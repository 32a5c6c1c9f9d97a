// Budgets that several workers keep together: what is sent when there is more than a budget allows, in windows of 100 ms.
//
//   what a window was offered, by all workers, says how much the next one sheds, as little as will do: payload (headers only) ->
//   samples (one conversation in 2, 4, 8, ...) -> of the host, mirrors of the lowest priority -> whatever is over all the same is
//   left
//
// 1. In no window all workers together send more than the budget of a window allows (see Meter.swift), nor when a plan
//    comes into force: the host, and a mirror that is in both plans with the same budget, go on.
// 2. A mirror's own budget comes first; the host's is for what is left of all of them.
// 3. Nothing waits. A window is closed by whichever worker comes first after its end; if one is at it, the others go on with
//    what there is. A worker without copies is not missed.
// 4. A window begins at least 100 ms after the one before it, by a clock that nobody sets. A worker whose look at the clock is a
//    little older than another's closes nothing.

internal import DataPath
internal import Mirroring
internal import Synchronization

/// The budgets of a host and of its mirrors, for all senders of an engine.
public final class BudgetBoard: Sendable {
  static let window: Int64 = 100_000_000

  let budget: HostBudget
  let host: Meter
  /// When the window began; `Int64.min`: none has.
  private let begun = Atomic<Int64>(.min)
  private let count = Atomic<UInt64>(0)
  private let floor = Atomic<Int>(.min)
  private let closing: Mutex<WindowClosing>

  public convenience init(_ budget: HostBudget) { self.init(budget, taken: nil) }

  /// - Parameter taken: for tests: processor time since it was asked last, in place of that of the threads.
  init(_ budget: HostBudget, taken: (@Sendable () -> UInt64)?) {
    self.budget = budget
    host = Meter(budget.limits.copiesOnly, numbersCopies: budget.cpuShare != nil)
    closing = Mutex(WindowClosing(taken: taken))
  }

  /// How many windows have passed.
  var windows: UInt64 { count.load(ordering: .acquiring) }

  /// Mirrors below it are left out.
  var leastPriority: Int { floor.load(ordering: .relaxed) }

  // MARK: Plans

  /// The meters of a plan's mirrors, the same for every sender that asks. While senders go over to another plan, none sends.
  func adopt(_ plan: SinkPlan) -> [Meter] { closing.withLock { $0.adopt(plan) } }

  // MARK: Windows

  /// The calling thread's processor time is the budgets' from now on.
  ///
  /// - Returns: false: another thread is at it; ask again.
  func join() -> Bool { closing.withLockIfAvailable { $0.threads.join() } != nil }

  /// Closes the window if it is over.
  func pass(to time: Int64) {
    let begun = begun.load(ordering: .relaxed)
    guard begun == .min || time - begun >= Self.window else { return }
    _ = closing.withLockIfAvailable { closing in
      let begun = self.begun.load(ordering: .relaxed)
      guard begun != .min else {
        _ = closing.taken()
        self.begun.store(time, ordering: .relaxed)
        return
      }
      // Another may just have done it.
      guard time - begun >= Self.window else { return }
      self.begun.store(time, ordering: .relaxed)
      let elapsed = time - begun
      floor.store(closing.close(elapsed: elapsed, host, budget.cpuShare), ordering: .relaxed)
      count.wrappingAdd(UInt64(elapsed / Self.window), ordering: .releasing)
    }
  }
}

extension MirrorBudget {
  fileprivate var copiesOnly: MirrorBudget { MirrorBudget(bits: bits, packets: packets) }
}
