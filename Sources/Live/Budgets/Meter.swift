// What a budget has left, kept by all workers together.
//
// 1. In no window more is taken than the window allows, whoever takes and in whatever order. `spent` only grows. Whoever takes
//    compares with `ceiling`, which is the limit above what was spent when some window began: this one, or an earlier one, whose
//    ceiling is no higher. (Limits that follow from processor time change with each window; a ceiling that was higher may be met
//    by a copy that was under way.)
// 2. Nobody waits: a word is loaded, compared and exchanged. Who closes a window changes ceilings and levels while others take.

internal import Mirroring
internal import Synchronization

/// How much of one thing may still be taken in a window.
struct Allowance: ~Copyable, Sendable {
  let isLimited: Bool
  private let spent = Atomic<UInt64>(0)
  /// Of what was spent, that before the window.
  private let before = Atomic<UInt64>(0)
  private let ceiling: Atomic<UInt64>

  /// - Parameters:
  ///   - limit: of the first window.
  ///   - isLimited: whether any window has a limit.
  init(_ limit: UInt64, isLimited: Bool) {
    self.isLimited = isLimited
    ceiling = Atomic(Self.clamped(limit))
  }

  /// Sums may wrap; distances stay below half of what a word holds.
  private static func clamped(_ limit: UInt64) -> UInt64 { min(limit, 1 << 62) }

  func has(_ amount: UInt64) -> Bool { !isLimited || fits(amount, spent.load(ordering: .relaxed)) }

  private func fits(_ amount: UInt64, _ spent: UInt64) -> Bool {
    Int64(bitPattern: ceiling.load(ordering: .acquiring) &- spent) >= Int64(clamping: amount)
  }

  /// All of it or nothing.
  func take(_ amount: UInt64) -> Bool {
    guard isLimited else { return true }
    var now = spent.load(ordering: .relaxed)
    while fits(amount, now) {
      let (isDone, found) = spent.weakCompareExchange(expected: now, desired: now &+ amount, ordering: .relaxed)
      if isDone { return true }
      now = found
    }
    return false
  }

  // MARK: For who closes a window

  var spentInWindow: UInt64 { spent.load(ordering: .relaxed) &- before.load(ordering: .relaxed) }

  /// Begins a window. What is taken meanwhile counts in it.
  func begin(_ limit: UInt64) {
    let now = spent.load(ordering: .acquiring)
    before.store(now, ordering: .relaxed)
    ceiling.store(now &+ Self.clamped(limit), ordering: .releasing)
  }
}

/// A load that workers add to, and who closes a window takes.
struct LoadTally: ~Copyable, Sendable {
  private let packets = Atomic<UInt64>(0)
  private let bits = Atomic<UInt64>(0)
  private let headerBits = Atomic<UInt64>(0)
  private let nanoseconds = Atomic<UInt64>(0)

  func add(_ load: Load) {
    packets.wrappingAdd(load.packets, ordering: .relaxed)
    bits.wrappingAdd(load.bits, ordering: .relaxed)
    headerBits.wrappingAdd(load.headerBits, ordering: .relaxed)
    nanoseconds.wrappingAdd(load.nanoseconds, ordering: .relaxed)
  }

  func take() -> Load {
    Load(
      packets: packets.exchange(0, ordering: .relaxed), bits: bits.exchange(0, ordering: .relaxed),
      headerBits: headerBits.exchange(0, ordering: .relaxed), nanoseconds: nanoseconds.exchange(0, ordering: .relaxed))
  }
}

/// What limits: a mirror, or the host.
final class Meter: Sendable {
  /// Of a window; processor time is another in each.
  let limit: Load
  /// Nanoseconds of processor time in a window; nil: any.
  let time: UInt64?
  private let packets: Allowance
  private let bits: Allowance
  private let nanoseconds: Allowance
  private let levelWord = Atomic<UInt8>(0)

  /// What mirrors were offered, and what their own budget left of it for the host's.
  let offered = LoadTally()
  let passed = LoadTally()
  /// Nanoseconds that sending and scripts took.
  let sends = Atomic<UInt64>(0)
  let scripts = Atomic<UInt64>(0)

  /// - Parameter numbersCopies: the number of copies is limited, though the budget does not say so.
  init(_ budget: MirrorBudget?, numbersCopies: Bool = false) {
    func perWindow(_ number: UInt64?) -> UInt64 { number.map { max(1, $0 / 10) } ?? .max }
    limit = Load(
      packets: perWindow(budget?.packets), bits: perWindow(budget?.bits), headerBits: .max, nanoseconds: .max)
    time = budget?.cpu.map { $0 * UInt64(BudgetBoard.window) / 100 }
    packets = Allowance(limit.packets, isLimited: budget?.packets != nil || numbersCopies)
    bits = Allowance(limit.bits, isLimited: budget?.bits != nil)
    nanoseconds = Allowance(time ?? .max, isLimited: time != nil)
  }

  // MARK: For workers

  var level: ShedLevel { ShedLevel(word: levelWord.load(ordering: .relaxed)) }

  /// Room for one copy. The packet is taken last: when there is none left, nothing else is worth anything in this window.
  func takes(bits wanted: UInt64, nanoseconds cost: UInt64) -> Bool {
    guard packets.has(1), bits.has(wanted), nanoseconds.has(cost) else { return false }
    return bits.take(wanted) && nanoseconds.take(cost) && packets.take(1)
  }

  // MARK: For who closes a window

  var packetsInWindow: UInt64 { packets.spentInWindow }

  func begin(_ level: ShedLevel, _ limit: Load) {
    packets.begin(limit.packets)
    bits.begin(limit.bits)
    nanoseconds.begin(limit.nanoseconds)
    levelWord.store(level.word, ordering: .relaxed)
  }
}
