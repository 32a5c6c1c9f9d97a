// A worker's side of the budgets: whether a copy is sent. What it counts besides is told to the board once a batch; how much is shed
// it looks up once a window.
//
// 1. Nothing waits, and who has no budget is asked nothing.
// 2. Every copy is sent, whole or with its headers only, or counted once as left.

internal import DataPath
internal import Mirroring
internal import Synchronization

/// Safe because: meters that are not counted are held by `meters` and `board` beside them.
@safe struct Throttle {
  /// Bytes of a frame that are its headers: what is left when payload is shed.
  static let headerLength = 128

  enum Answer: Equatable { case whole, headers, leave }

  /// Of a mirror: what the board has not been told.
  private struct Pending {
    var offered = Load()
    var passed = Load()
    var sends: UInt64 = 0
  }

  /// Somebody has a budget.
  let isLimited: Bool
  /// A mirror has a budget of processor time: what its copies cost must be known.
  let timesCopies: Bool
  private let board: BudgetBoard
  private let priorities: [Int]
  private let meters: [Meter]
  /// Not counted: a count that all threads change with each copy costs more than the meters.
  private let uncounted: [Unmanaged<Meter>]
  private let uncountedHost: Unmanaged<Meter>
  private var pending: [Pending]
  /// Mirrors that something is pending of.
  private var offeredTo: [Int] = []
  private var counts: [LiveReport.Shed]
  /// The board knows the thread, where its time matters.
  private var hasJoined: Bool

  /// What was looked up, and at which window.
  private var window: UInt64 = 0
  private(set) var levels: [ShedLevel]
  private(set) var hostLevel = ShedLevel.none
  private(set) var leastPriority = Int.min

  init(_ plan: SinkPlan, _ board: BudgetBoard) {
    self.board = board
    timesCopies = plan.mirrors.contains { $0.budget?.cpu != nil }
    hasJoined = !timesCopies && board.budget.cpuShare == nil
    isLimited = board.budget.isLimited || plan.mirrors.contains { $0.budget != nil }
    priorities = plan.mirrors.map(\.priority)
    meters = board.adopt(plan)
    unsafe uncounted = meters.map { unsafe Unmanaged.passUnretained($0) }
    unsafe uncountedHost = Unmanaged.passUnretained(board.host)
    pending = plan.mirrors.map { _ in Pending() }
    counts = plan.mirrors.map { _ in LiveReport.Shed() }
    levels = plan.mirrors.map { _ in .none }
    lookUp()
  }

  // MARK: Batches

  /// Before the copies of a batch.
  ///
  /// - Parameter time: nanoseconds of the monotonic clock.
  mutating func begin(at time: Int64) {
    if !hasJoined { hasJoined = board.join() }
    board.pass(to: time)
    if board.windows != window { lookUp() }
  }

  private mutating func lookUp() {
    let now = board.windows
    let passed = now &- window
    window = now
    hostLevel = board.host.level
    leastPriority = board.leastPriority
    for mirror in meters.indices {
      levels[mirror] = meters[mirror].level
      let isShort = levels[mirror] != .none || hostLevel != .none || priorities[mirror] < leastPriority
      // A copy that comes after a pause has nothing to do with what was before it.
      counts[mirror].isNow = counts[mirror].isNow && passed < 10 && isShort
    }
  }

  /// Behind the copies of a batch.
  mutating func end() {
    for mirror in offeredTo {
      meters[mirror].offered.add(pending[mirror].offered)
      meters[mirror].passed.add(pending[mirror].passed)
      if timesCopies { meters[mirror].sends.wrappingAdd(pending[mirror].sends, ordering: .relaxed) }
      pending[mirror] = Pending()
    }
    offeredTo.removeAll(keepingCapacity: true)
  }

  /// - Parameter scriptTimes: nanoseconds that scripts have taken since it was told last, by mirror.
  func note(scriptTimes: [UInt64]) {
    for (meter, taken) in zip(meters, scriptTimes) where taken > 0 {
      meter.scripts.wrappingAdd(taken, ordering: .relaxed)
    }
  }

  // MARK: Copies

  /// - Parameters:
  ///   - key: bits of the flow's hash: conversations are kept or left as wholes.
  ///   - bits: of the outer packet, whole and with headers only.
  ///   - cost: nanoseconds of processor time to send it.
  mutating func judge(mirror: Int, key: UInt16, bits: UInt64, headerBits: UInt64, cost: UInt64 = 0) -> Answer {
    if pending[mirror].offered.packets == 0 { offeredTo.append(mirror) }
    pending[mirror].offered += Load(packets: 1, bits: bits, headerBits: headerBits, nanoseconds: cost)
    let own = levels[mirror]
    guard Self.isKept(key, own.shift) else { return leave(mirror, \.sampled) }
    let wanted = own.headersOnly ? headerBits : bits
    guard unsafe uncounted[mirror]._withUnsafeGuaranteedRef({ $0.takes(bits: wanted, nanoseconds: cost) }) else {
      return leave(mirror, \.overBudget)
    }
    pending[mirror].passed += Load(packets: 1, bits: wanted, headerBits: headerBits, nanoseconds: cost)
    guard priorities[mirror] >= leastPriority else { return leave(mirror, \.byPriority) }
    guard Self.isKept(key, max(own.shift, hostLevel.shift)) else { return leave(mirror, \.sampled) }
    let isCut = (own.headersOnly || hostLevel.headersOnly) && headerBits < bits
    let final = isCut ? headerBits : wanted
    guard unsafe uncountedHost._withUnsafeGuaranteedRef({ $0.takes(bits: final, nanoseconds: 0) }) else {
      return leave(mirror, \.overBudget)
    }
    pending[mirror].sends += cost
    guard isCut else { return .whole }
    counts[mirror].headersOnly += 1
    counts[mirror].isNow = true
    return .headers
  }

  private static func isKept(_ key: UInt16, _ shift: Int) -> Bool { key & (1 << UInt16(shift) - 1) == 0 }

  private mutating func leave(_ mirror: Int, _ reason: WritableKeyPath<LiveReport.Shed, UInt64>) -> Answer {
    counts[mirror][keyPath: reason] += 1
    counts[mirror].isNow = true
    return .leave
  }

  // MARK: What is told

  /// By mirror: what this worker shed. Of one that has nothing to do any more, whether it goes on says the board.
  var shed: [LiveReport.Shed] {
    guard board.windows != window else { return counts }
    var now = self
    now.lookUp()
    return now.counts
  }
}
