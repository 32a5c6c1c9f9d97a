// The way of a packet, in the order of the functions below:
//
//   batch (128 frames) -> parse all -> names of their flows -> seek their conversations -> known, class remembered?
//     yes: count the class's lane, note the copy     no: sides, stages 1 to 7 per mirror, intern the class, remember
//   -> where the lane is not enough the actions of the class: ask what must see this packet (BPF, first, Lua), choose a
//      receiver, note the copy
//   -> deliver the batch's copies to the sink in one call
//
// The loop itself is in `Pipeline+Loop.swift`.
//
// Invariants
// 1. Every record is counted once: undecodable, or in exactly one class.
// 2. For every mirror, ENI and direction: observed = collected + the sum of reasons (`checkIdentity`).
// 3. For every mirror: collected = what its receivers were given; delivered = that less the sink's drops.
// 4. The same frames give the same verdicts and receivers, whatever the batches, the seed and what is remembered.

internal import Inventory
public import Mirroring
internal import Wire

/// Judges frames for all mirrors of a plan and hands the copies to a sink. One worker; not for several threads.
@safe public final class Pipeline {
  /// Replaced by `adopt` only.
  public internal(set) var plan: MirrorPlan
  var judge: Judge
  var scripts: [any ScriptHost]
  /// Compiled pcap-filter expressions: by expression, then by link binding.
  var bpf: [[BPFProgram?]] = []
  let compiler: (any BPFCompiler)?

  let conversations: ConversationTable
  var fragments = FragmentTable()
  var classes: VerdictClasses
  var cells: CounterCells
  var outcome = OutcomeBuilder()
  /// Copies given to each route so far: mirror and receiver. One more at the end takes what is given to nobody.
  var routed = FlatArray<Tally>()
  var dropped: [DeliveryTally]
  var nextInTurn: [Int]
  /// Bytes that routes are taken to have had before the plan came into force; only `even` looks at it.
  var routedEarlier: [UInt64]
  /// Where no copy goes for now, see Pipeline+Health.swift.
  var down: Set<SinkPlan.Destination> = []
  var health: RouteHealth
  var copies = FlatArray<Copy>(capacity: 1024)
  let prepared = PreparedBatch()

  var links = FlatArray<BoundLink>()
  var interfaceNames: [String: Int]
  var linkNumbers: [LinkBinding: UInt16] = [:]
  /// ENI ids by the name of a capture, as given; and the ENIs that the inventory has.
  let bindings: [String: String]
  var boundENIs: [String: Int]
  /// ENIs whose own captures are read: the same record may be met at its sender and at its receiver.
  var capturedENIs: Set<Int>

  var clock = EngineClock()
  /// The engine's clock: the latest packet time, nanoseconds since 1970; it never goes back. `Int64.min`: no packet yet.
  public var now: Int64 { clock.time }
  /// A sink waits for copies in this batch.
  private(set) var wantsCopies = false
  /// A filter samples flows by their hash.
  var wantsFlowHash: Bool
  /// The record at hand, if it is a fragment or one whose conversation is found by other means.
  var followed: PacketSummary?
  /// It is a later fragment of another engine's copy.
  var followedCopy = false
  /// Copies of whatever engine are left out as `copy`, not only those to receivers of the plan: where packets are live, copying
  /// them may go on for ever. To be set before the first packet.
  public var leavesOutForeignCopies = false
  /// An interface that no ENI names is a tap of all VPCs. Where each was opened for an ENI it is not: the ENI has left the inventory
  /// while packets were on their way, and they are unattributed. To be set before the first packet.
  public var hasTaps = true
  var recordNumber: UInt64 = 0

  /// A mirror has a budget of processor time; what the sink was told of scripts, by mirror, nil: nothing yet; and when.
  private var timesScripts = false
  private var scriptTimesTold: [UInt64]?
  private var lastTold = Int64.min

  /// What goes with answers that scripts' hosts remember, see Pipeline+Recall.swift.
  var recall = RecallState()

  /// Set while a frame is explained: the slow functions write down what they find.
  var trace: Trace?

  public internal(set) var records = Tally()
  public internal(set) var undecodable = Tally()
  public internal(set) var fragmentsWithoutPorts: UInt64 = 0
  var settledUnattributed = Tally()
  var unattributedByMirror: [Tally]
  /// Counters of plans that are no longer in force, and what had been read when the present one came.
  var ledger = Ledger()
  var start = (records: Tally(), undecodable: Tally())
  /// Found when a plan was closed; `report` throws it.
  var violation: IdentityViolation?

  /// - Parameters:
  ///   - scripts: the hosts that the plan's script functions name by index.
  ///   - compiler: compiles pcap-filter expressions; needed if the plan has any.
  ///   - boundENIs: ENI ids by the name of a capture (its path), from `--eni`: the capture is that ENI's.
  /// - Throws: when there is no memory for as many conversations as the plan wants to remember.
  public init(
    plan: MirrorPlan, scripts: [any ScriptHost] = [], compiler: (any BPFCompiler)? = nil,
    boundENIs: [String: String] = [:]
  ) throws(OutOfMemory) {
    self.plan = plan
    self.scripts = scripts
    self.compiler = compiler
    judge = Judge(plan: plan)
    wantsFlowHash = !plan.program.thresholds.isEmpty
    cells = CounterCells(
      mirrors: plan.entries.count, origins: plan.inventory.enis.count + plan.inventory.subnets.count)
    conversations = try ConversationTable(
      limit: plan.options.conversationLimit, idle: plan.options.conversationIdle, seed: .random())
    conversations.watch(!scripts.isEmpty, at: .min)
    classes = VerdictClasses(plan)
    for _ in 0...plan.sinkPlan.routes.count { routed.append(Tally()) }
    dropped = Array(repeating: DeliveryTally(), count: plan.sinkPlan.routes.count)
    nextInTurn = Array(repeating: 0, count: plan.entries.count)
    routedEarlier = Array(repeating: 0, count: plan.sinkPlan.routes.count)
    health = RouteHealth(plan, down: [])
    unattributedByMirror = Array(repeating: Tally(), count: plan.entries.count)
    interfaceNames = Self.interfaceNames(plan)
    bindings = boundENIs
    self.boundENIs = Self.boundENIs(boundENIs, plan)
    capturedENIs = Set(self.boundENIs.values)
    beginRecalling()
    beginTimingScripts()
  }

  // MARK: Interfaces

  /// Names that bind a pcapng interface to an ENI: the ENI's host interface, or its id. A name of two ENIs binds none.
  package static func interfaceNames(_ plan: MirrorPlan) -> [String: Int] {
    var names = eniIDs(plan)
    var ambiguous: Set<String> = []
    for (index, eni) in plan.inventory.enis.enumerated() {
      guard let interface = eni.interface else { continue }
      if let other = names[interface], other != index { ambiguous.insert(interface) }
      names[interface] = index
    }
    for name in ambiguous { names[name] = nil }
    return names
  }

  private static func eniIDs(_ plan: MirrorPlan) -> [String: Int] {
    Dictionary(plan.inventory.enis.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
  }

  static func boundENIs(_ bindings: [String: String], _ plan: MirrorPlan) -> [String: Int] {
    let ids = eniIDs(plan)
    return bindings.compactMapValues { ids[$0] }
  }

  /// Binds interfaces that the source has met since the last batch.
  private func bind(_ interfaces: [CaptureInterface]) {
    while links.count < interfaces.count {
      let interface = interfaces[links.count]
      let stranger = Int(hasTaps ? LinkBinding.tap : LinkBinding.nobody)
      let eni = boundENIs[interface.origin] ?? interface.name.flatMap { interfaceNames[$0] } ?? stranger
      if eni >= 0, capturedENIs.insert(eni).inserted, capturedENIs.count > 1 { restartClasses() }
      let binding = LinkBinding(decoder: interface.linkType.decoder ?? .none, eni: Int32(eni))
      let number = linkNumbers[binding] ?? UInt16(clamping: linkNumbers.count)
      linkNumbers[binding] = number
      links.append(BoundLink(binding: binding, number: number))
      compileBPF(for: interface.linkType)
    }
  }

  /// An expression that libpcap cannot compile for a link type (`ether host` on raw IP) matches nothing there.
  private func compileBPF(for linkType: LinkType) {
    guard !plan.program.bpfTexts.isEmpty else { return }
    let programs = plan.program.bpfTexts.map { text in try? compiler?.compile(text, linkType: linkType) }
    bpf.append(programs)
  }

  /// Judges a batch and delivers its copies.
  ///
  /// - Throws: what the sink throws when it cannot go on.
  public func process(_ batch: FrameBatch, interfaces: [CaptureInterface], sink: (any FrameSink)?) throws {
    guard batch.count > 0 else { return }
    if links.count < interfaces.count { bind(interfaces) }
    wantsCopies = sink != nil
    unsafe prepare(batch.frames, batch.count)
    unsafe conversations.seek(prepared.frames, count: batch.count)
    if !scripts.isEmpty { unsafe beginBatch(batch.frames, batch.count) }
    if trace != nil {
      unsafe judgeOpenly(batch.frames, batch.count)
    } else if wantsCopies {
      unsafe judge(batch.frames, batch.count, wantsCopies: true)
    } else {
      unsafe judge(batch.frames, batch.count, wantsCopies: false)
    }
    if timesScripts, let sink, clock.time >= lastTold &+ Self.tellingInterval { tellScriptTimes(sink) }
    if copies.count > 0, let sink { try deliver(batch, interfaces, sink) }
    copies.removeAll()
  }

  // MARK: Delivery

  /// Nanoseconds of the engine's clock between two times that scripts' time is told.
  private static let tellingInterval: Int64 = 10_000_000

  private func tellScriptTimes(_ sink: any FrameSink) {
    lastTold = clock.time
    let now = plan.entries.indices.map { mirror in scripts.reduce(0) { $0 + $1.nanoseconds(mirror: mirror) } }
    // What hosts took before the plan was told then.
    let told = scriptTimesTold ?? now
    sink.note(scriptTimes: zip(now, told).map { $0 > $1 ? $0 - $1 : 0 })
    scriptTimesTold = zip(told, now).map(max)
  }

  /// Of the plan in force.
  func beginTimingScripts() {
    timesScripts = plan.sinkPlan.mirrors.contains { $0.budget?.cpu != nil }
    scriptTimesTold = nil
  }

  private func deliver(_ batch: FrameBatch, _ interfaces: [CaptureInterface], _ sink: any FrameSink) throws {
    try unsafe sink.deliver(copies.base, count: copies.count, frames: batch.frames, interfaces: interfaces) {
      copy, reason in
      let length = unsafe batch.frames[Int(copies[copy].frame)].original
      dropped[Int(copies[copy].route)].count(reason, length)
    }
  }
}

/// An interface of the source, bound.
struct BoundLink: BitwiseCopyable {
  var binding: LinkBinding
  /// Number of the binding: paths remember it.
  var number: UInt16
}

/// What a sink could not deliver of one route.
public struct DeliveryTally: Sendable, Hashable {
  public private(set) var byReason: [Tally] = Array(repeating: Tally(), count: DeliveryDrop.allCases.count)

  mutating func count(_ reason: DeliveryDrop, _ length: UInt32) { byReason[Int(reason.rawValue)].count(length) }

  public subscript(_ reason: DeliveryDrop) -> Tally { byReason[Int(reason.rawValue)] }
}
