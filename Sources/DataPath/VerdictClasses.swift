// Equal outcomes are one class: flows remember a class, the loop counts classes, and mirrors are counted when classes
// are settled. So a packet costs the same whether one mirror or a hundred look at it without collecting it.
//
// Invariants
// 1. A class is its words: two records with equal words have equal outcomes for every mirror.
// 2. `tally` of a class counts the records since it was last settled; settling adds them to the cells and clears it.
// 3. Class 0 does not exist: 0 means "nothing remembered".
// 4. Answers of scripts that a class is made of are recalled ones: they hold for every packet of the paths that remember the
//    class, until the host's generation changes. Each packet counts as that many calls that went well, before whatever the
//    class must still ask the same mirror's scripts.

internal import Mirroring

/// One mirror's part in a record that takes more than counting: it collects, or must ask about each packet.
struct Action: BitwiseCopyable {
  /// Entry of the plan.
  var mirror: Int32
  /// The judgement of each side, see `SideState`; per-ENI mirrors have one action a side.
  var out: SideState
  var `in`: SideState
  /// Both sides are decided and the cells are counted when the class is settled: only the copy is left to do.
  var isDecided: Bool

  /// The receiver that a recalled answer chose, or -1.
  var receiver: Int32 { out.isPresent ? out.receiver : `in`.receiver }
}

/// What is known of one side of a mirror before the packet itself is asked.
struct SideState: BitwiseCopyable {
  /// Counter cell, or -1: there is no such side.
  var cell: Int32
  var origin: Int32
  /// Decided, or `pending` at `operation`.
  var verdict: Verdict
  /// Filter operation to go on with, if `isPending`; `FilterProgram.accept`: only the balancer is left.
  var operation: Int32
  var isPending: Bool
  /// The sender's side of a record captured at its receiver: judged only to find out whether the record is a duplicate.
  var isShadow = false
  /// If collected by a script's choice that is the same for every packet: the receiver; else -1.
  var receiver: Int32 = -1
  /// Had its host recalled the first answer, it would not be asked: worth trying again when it can.
  var isRecallable = false

  static let absent = SideState(cell: -1, origin: -1, verdict: .copy, operation: 0, isPending: false)
  var isPresent: Bool { cell >= 0 }

  static func decided(_ verdict: Verdict, cell: Int, _ side: Side) -> SideState {
    SideState(cell: Int32(cell), origin: side.origin, verdict: verdict, operation: 0, isPending: false)
  }

  static func pending(at operation: Int32, cell: Int, _ side: Side) -> SideState {
    SideState(cell: Int32(cell), origin: side.origin, verdict: .filtered, operation: operation, isPending: true)
  }

  var word: UInt64 {
    UInt64(UInt32(bitPattern: cell)) << 32 | (isShadow ? 1 << 31 : 0) | (isRecallable ? 1 << 30 : 0)
      | UInt64(verdict.rawValue) << 24 | UInt64(UInt32(bitPattern: operation) & 0x7f_ffff) << 1 | (isPending ? 1 : 0)
  }
}

/// A mirror's observation that every packet of the class counts alike.
struct Settlement: BitwiseCopyable {
  /// Counter cell; or, if `isUnattributed`, the mirror that has no side of the record.
  var cell: Int32
  var verdict: Verdict
  var isUnattributed: Bool
}

/// An answer of a script that a class relies on instead of asking.
struct RecalledAnswer: BitwiseCopyable, Equatable {
  /// Entry of the plan.
  var mirror: Int32
  var host: Int32
  var function: Int32

  var word: UInt64 {
    1 << 62 | UInt64(UInt32(bitPattern: mirror)) << 40 | UInt64(UInt32(bitPattern: host) & 0xfffff) << 20
      | UInt64(UInt32(bitPattern: function) & 0xfffff)
  }
}

/// What the loop does for every record of a class, without a branch: count it, and give it to the receiver that its
/// conversation keeps for the one mirror that collects it.
struct Lane: BitwiseCopyable {
  var tally = Tally()
  /// The mirror; `mask` is all ones then, and zero if no mirror collects records of the class.
  var mirror: UInt16 = 0
  var mask: UInt16 = 0
  /// All ones where that is not enough: several actions, or packets must be asked.
  var mustAct: UInt16 = 0
  var isOutbound = false
  /// The mirror's first route; without a mirror one past all routes, which nobody reads.
  var firstRoute: UInt32
  var origin: UInt32 = 0

  static func nothing(routeCount: Int) -> Lane { Lane(firstRoute: UInt32(routeCount)) }

  /// The conversation, whose first mirror is `first`, knows all that is left to decide.
  @inline(__always)
  func isDecided(by first: UInt16) -> Bool { (mirror ^ first) & mask | mustAct == 0 }
}

/// The outcome of one record for all mirrors, while it is put together.
struct OutcomeBuilder: ~Copyable {
  var words = FlatArray<UInt64>(capacity: 64)
  var settlements = FlatArray<Settlement>(capacity: 64)
  var actions = FlatArray<Action>(capacity: 16)
  var recalled = FlatArray<RecalledAnswer>(capacity: 16)
  var hasSide = false

  mutating func clear() {
    words.removeAll()
    settlements.removeAll()
    actions.removeAll()
    recalled.removeAll()
    hasSide = false
  }

  mutating func settle(cell: Int, _ verdict: Verdict) {
    hasSide = true
    words.append(UInt64(cell) << 8 | UInt64(verdict.rawValue))
    settlements.append(Settlement(cell: Int32(cell), verdict: verdict, isUnattributed: false))
  }

  mutating func settleUnattributed(mirror: Int) {
    words.append(UInt64(mirror) << 8 | 0xff)
    settlements.append(Settlement(cell: Int32(mirror), verdict: .copy, isUnattributed: true))
  }

  mutating func act(_ action: Action) {
    hasSide = true
    words.append(1 << 63 | UInt64(UInt32(bitPattern: action.mirror)) << 1 | (action.isDecided ? 1 : 0))
    words.append(action.out.word)
    words.append(action.in.word)
    if action.receiver >= 0 { words.append(1 << 61 | UInt64(action.receiver)) }
    actions.append(action)
  }

  mutating func rely(on answer: RecalledAnswer) {
    words.append(answer.word)
    recalled.append(answer)
  }
}

/// The classes met so far.
struct VerdictClasses: ~Copyable {
  struct Class: BitwiseCopyable {
    var firstSettlement: Int32
    var settlementCount: Int32
    var firstAction: Int32
    var actionCount: Int32
    var firstRecalled: Int32
    var recalledCount: Int32
    /// Packets of `tally` whose recalled answers were credited.
    var credited: UInt64
    var firstWord: Int32
    var wordCount: Int32
    var hash: UInt64
    var isUnattributed: Bool
  }

  /// A path remembers its class in 16 bits.
  static let limit = 65_535

  var classes = FlatArray<Class>(capacity: 64)
  /// By class.
  var lanes = FlatArray<Lane>(capacity: 64)
  var actions = FlatArray<Action>(capacity: 64)
  private var settlements = FlatArray<Settlement>(capacity: 256)
  private var recalled = FlatArray<RecalledAnswer>(capacity: 64)
  /// Classes that rely on recalled answers.
  private var relying: [Int32] = []
  private var words = FlatArray<UInt64>(capacity: 256)
  /// Open addressing, at most half full: class or 0.
  private var index = [UInt32](repeating: 0, count: 256)

  /// By mirror.
  private let firstRoutes: [Int]
  private let routeCount: Int

  /// - Parameters:
  ///   - firstRoutes: for each mirror the first of its routes.
  ///   - routeCount: of all mirrors together.
  init(firstRoutes: [Int] = [0], routeCount: Int = 1) {
    self.firstRoutes = firstRoutes
    self.routeCount = routeCount
    addPlaceholder()
  }

  init(_ plan: MirrorPlan) {
    self.init(firstRoutes: plan.entries.map(\.firstRoute), routeCount: plan.sinkPlan.routes.count)
  }

  private mutating func addPlaceholder() {
    lanes.append(.nothing(routeCount: routeCount))
    classes.append(
      Class(
        firstSettlement: 0, settlementCount: 0, firstAction: 0, actionCount: 0, firstRecalled: 0, recalledCount: 0,
        credited: 0, firstWord: 0, wordCount: 0, hash: 0, isUnattributed: false))
  }

  var isFull: Bool { classes.count >= Self.limit }

  /// The class of an outcome, made when it is new. Not to be called when full.
  mutating func intern(_ outcome: borrowing OutcomeBuilder) -> Int {
    var hash: UInt64 = HashSeed.fixed.a
    for position in 0..<outcome.words.count { hash = fold(hash ^ outcome.words[position], HashSeed.fixed.b) }
    let mask = index.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while index[slot] != 0 {
      if isClass(Int(index[slot]), hash, outcome) { return Int(index[slot]) }
      slot = (slot + 1) & mask
    }
    index[slot] = UInt32(classes.count)
    append(outcome, hash)
    let made = classes.count - 1
    if classes.count * 2 > index.count { growIndex() }
    return made
  }

  private func isClass(_ number: Int, _ hash: UInt64, _ outcome: borrowing OutcomeBuilder) -> Bool {
    let known = classes[number]
    guard known.hash == hash, Int(known.wordCount) == outcome.words.count else { return false }
    for position in 0..<outcome.words.count
    where words[Int(known.firstWord) + position] != outcome.words[position] { return false }
    return true
  }

  private mutating func append(_ outcome: borrowing OutcomeBuilder, _ hash: UInt64) {
    lanes.append(lane(outcome))
    classes.append(
      Class(
        firstSettlement: Int32(settlements.count), settlementCount: Int32(outcome.settlements.count),
        firstAction: Int32(actions.count), actionCount: Int32(outcome.actions.count),
        firstRecalled: Int32(recalled.count), recalledCount: Int32(outcome.recalled.count), credited: 0,
        firstWord: Int32(words.count),
        wordCount: Int32(outcome.words.count), hash: hash, isUnattributed: !outcome.hasSide))
    for position in 0..<outcome.settlements.count { settlements.append(outcome.settlements[position]) }
    for position in 0..<outcome.actions.count { actions.append(outcome.actions[position]) }
    for position in 0..<outcome.words.count { words.append(outcome.words[position]) }
    for position in 0..<outcome.recalled.count { recalled.append(outcome.recalled[position]) }
    if outcome.recalled.count > 0 { relying.append(Int32(classes.count - 1)) }
  }

  /// A class relies on recalled answers.
  var reliesOnScripts: Bool { !relying.isEmpty }

  func reliesOnScripts(_ number: Int) -> Bool { classes[number].recalledCount > 0 }

  /// A record of the class was counted whose answers were counted one by one.
  mutating func noteCounted(_ number: Int) { classes[number].credited &+= 1 }

  /// What every record of the class counts for a mirror, by cell.
  func settled(_ number: Int, _ body: (Settlement) -> Void) {
    let known = classes[number]
    for position in Int(known.firstSettlement)..<Int(known.firstSettlement + known.settlementCount) {
      body(settlements[position])
    }
  }

  /// Calls `body` with each recalled answer and the packets that relied on it since it was last called.
  mutating func credit(_ body: (RecalledAnswer, Int) -> Void) {
    for number in relying {
      let known = classes[Int(number)]
      let packets = lanes[Int(number)].tally.packets
      let count = Int(truncatingIfNeeded: packets &- known.credited)
      guard count > 0 else { continue }
      classes[Int(number)].credited = packets
      for position in Int(known.firstRecalled)..<Int(known.firstRecalled + known.recalledCount) {
        body(recalled[position], count)
      }
    }
  }

  private func lane(_ outcome: borrowing OutcomeBuilder) -> Lane {
    var lane = Lane.nothing(routeCount: routeCount)
    guard outcome.actions.count > 0 else { return lane }
    let action = outcome.actions[0]
    guard outcome.actions.count == 1, action.isDecided, action.receiver < 0, action.mirror < Conversation.noMirror
    else {
      lane.mustAct = .max
      return lane
    }
    let state = action.out.isPresent ? action.out : action.in
    lane.mirror = UInt16(action.mirror)
    lane.mask = .max
    lane.isOutbound = action.out.isPresent
    lane.firstRoute = UInt32(firstRoutes[Int(action.mirror)])
    lane.origin = UInt32(bitPattern: state.origin)
    return lane
  }

  private mutating func growIndex() {
    index = [UInt32](repeating: 0, count: index.count * 2)
    let mask = index.count - 1
    for number in 1..<classes.count {
      var slot = Int(truncatingIfNeeded: classes[number].hash) & mask
      while index[slot] != 0 { slot = (slot + 1) & mask }
      index[slot] = UInt32(number)
    }
  }

  /// Adds what the classes counted to the cells, and clears their tallies. Credit recalled answers first.
  ///
  /// - Returns: records without a side in any mirror's VPC, and those without one by mirror in `unattributed`.
  mutating func settle(into cells: inout CounterCells, unattributed: inout [Tally]) -> Tally {
    var withoutSide = Tally()
    for number in 1..<classes.count where lanes[number].tally.packets > 0 {
      let known = classes[number]
      let tally = lanes[number].tally
      lanes[number].tally = Tally()
      classes[number].credited = 0
      if known.isUnattributed { withoutSide += tally }
      for position in Int(known.firstSettlement)..<Int(known.firstSettlement + known.settlementCount) {
        let settlement = settlements[position]
        if settlement.isUnattributed {
          unattributed[Int(settlement.cell)] += tally
        } else {
          cells.observe(Int(settlement.cell), tally)
          cells.judge(Int(settlement.cell), settlement.verdict, tally)
        }
      }
    }
    return withoutSide
  }

  /// Forgets every class. Settle first; paths that remember classes must be forgotten too.
  mutating func removeAll() {
    classes.removeAll()
    lanes.removeAll()
    actions.removeAll()
    settlements.removeAll()
    recalled.removeAll()
    relying.removeAll()
    words.removeAll()
    index = [UInt32](repeating: 0, count: 256)
    addPlaceholder()
  }
}
