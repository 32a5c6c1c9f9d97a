// The way of a packet, in the order of the functions below:
//
//   batch (128 frames) -> parse once -> flow key -> conversation known, class remembered?
//     yes: count the class                           no: sides, stages 1 to 7 per mirror, intern the class, remember
//   -> actions of the class: ask what must see this packet (BPF, first, Lua), choose a receiver, note the copy
//   -> deliver the batch's copies to the sink in one call
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
  public let plan: MirrorPlan
  let judge: Judge
  let scripts: [any ScriptHost]
  /// Compiled pcap-filter expressions: by expression, then by link binding.
  var bpf: [[BPFProgram?]] = []
  let compiler: (any BPFCompiler)?

  let conversations: ConversationTable
  var fragments = FragmentTable()
  var classes = VerdictClasses()
  var cells = CounterCells()
  var outcome = OutcomeBuilder()
  /// Copies given to each route so far: mirror and receiver.
  var routed = FlatArray<Tally>()
  var dropped: [DeliveryTally]
  var nextInTurn: [Int]
  var copies = FlatArray<Copy>(capacity: 1024)

  var links = FlatArray<BoundLink>()
  private var interfaceNames: [String: Int]
  private var linkNumbers: [LinkBinding: UInt16] = [:]
  private let boundENIs: [String: Int]
  /// ENIs whose own captures are read: the same record may be met at its sender and at its receiver.
  private(set) var capturedENIs: Set<Int>

  /// The engine's clock: the latest packet time; it never goes back.
  private(set) var clock: Int64 = .min
  private var clockStart: Int64 = 0
  var nowTick: UInt32 = 0
  private var nextTimer: Int64 = .max
  /// A sink waits for copies in this batch.
  private(set) var wantsCopies = false
  /// The first fragment that the fragment at hand follows, if it was seen.
  var knownFirst: FragmentTable.First?
  var recordNumber: UInt64 = 0

  /// Set while a frame is explained: the slow functions write down what they find.
  var trace: Trace?

  public private(set) var records = Tally()
  public private(set) var undecodable = Tally()
  public internal(set) var fragmentsWithoutPorts: UInt64 = 0
  var settledUnattributed = Tally()
  var unattributedByMirror: [Tally]

  /// - Parameters:
  ///   - scripts: the hosts that the plan's script functions name by index.
  ///   - compiler: compiles pcap-filter expressions; needed if the plan has any.
  ///   - boundENIs: ENI ids by the name of a capture (its path), from `--eni`: the capture is that ENI's.
  public init(
    plan: MirrorPlan, scripts: [any ScriptHost] = [], compiler: (any BPFCompiler)? = nil,
    boundENIs: [String: String] = [:]
  ) {
    self.plan = plan
    self.scripts = scripts
    self.compiler = compiler
    judge = Judge(plan: plan)
    conversations = ConversationTable(
      limit: plan.options.conversationLimit, idle: plan.options.conversationIdle, seed: .random())
    conversations.reportsEnded = !scripts.isEmpty
    for _ in plan.sinkPlan.routes { routed.append(Tally()) }
    dropped = Array(repeating: DeliveryTally(), count: plan.sinkPlan.routes.count)
    nextInTurn = Array(repeating: 0, count: plan.entries.count)
    unattributedByMirror = Array(repeating: Tally(), count: plan.entries.count)
    interfaceNames = Self.interfaceNames(plan)
    let ids = Self.eniIDs(plan)
    self.boundENIs = boundENIs.compactMapValues { ids[$0] }
    capturedENIs = Set(self.boundENIs.values)
  }

  // MARK: Interfaces

  /// Names that bind a pcapng interface to an ENI: the ENI's host interface, or its id. A name of two ENIs binds none.
  private static func interfaceNames(_ plan: MirrorPlan) -> [String: Int] {
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

  /// Binds interfaces that the source has met since the last batch.
  private func bind(_ interfaces: [CaptureInterface]) {
    while links.count < interfaces.count {
      let interface = interfaces[links.count]
      let eni = boundENIs[interface.origin] ?? interface.name.flatMap { interfaceNames[$0] } ?? -1
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

  // MARK: The loop

  /// Judges a batch and delivers its copies.
  ///
  /// - Throws: what the sink throws when it cannot go on.
  public func process(_ batch: FrameBatch, interfaces: [CaptureInterface], sink: (any FrameSink)?) throws {
    if links.count < interfaces.count { bind(interfaces) }
    wantsCopies = sink != nil
    for position in 0..<batch.count {
      let frame = unsafe batch.frames + position
      let link = unsafe links[Int(frame.pointee.interface)]
      unsafe records.count(frame.pointee.original)
      recordNumber &+= 1
      guard link.binding.decoder != .none else {
        unsafe undecodable.count(frame.pointee.original)
        continue
      }
      unsafe advanceClock(frame.pointee.time)
      let summary = unsafe PacketSummary.parse(
        frame.pointee.bytes, captured: Int(frame.pointee.captured), decoder: link.binding.decoder)
      unsafe process(frame, position, summary, link)
    }
    if copies.count > 0, let sink { try deliver(batch, interfaces, sink) }
    copies.removeAll()
  }

  @inline(__always)
  private func advanceClock(_ time: Int64) {
    guard time > clock else { return }
    if clock == .min { startClock(time) }
    clock = time
    nowTick = UInt32(truncatingIfNeeded: ConversationTable.tick(time &- clockStart))
    if time >= nextTimer { runTimers(time) }
  }

  private func startClock(_ time: Int64) {
    clockStart = time
    for script in scripts { script.start(at: time) }
    nextTimer = scripts.map(\.nextTimer).min() ?? .max
  }

  private func runTimers(_ time: Int64) {
    for script in scripts where script.nextTimer <= time { script.runTimers(at: time) }
    nextTimer = scripts.map(\.nextTimer).min() ?? .max
  }

  @inline(__always)
  private func process(
    _ frame: UnsafeMutablePointer<Frame>, _ position: Int, _ summary: PacketSummary, _ link: BoundLink
  ) {
    guard summary.isIP, !summary.flags.contains(.fragment), summary.protocol != 1, summary.protocol != 58 else {
      unsafe processUnremembered(frame, position, summary, link)
      return
    }
    let (key, isSwapped) = FlowKey.make(summary)
    let hash = key.hash(conversations.seed)
    let found = conversations.find(key, hash: hash)
    guard found >= 0, !conversations.isOver(found, now: nowTick) else {
      unsafe processNew(frame, position, summary, link, key, hash, isSwapped, found)
      return
    }
    let conversation = unsafe conversations.entries + found
    let path = unsafe isSwapped ? conversation.pointee.path1 : conversation.pointee.path0
    let isSamePath =
      path.source == summary.sourceMAC << 16 | UInt64(link.number)
      && path.destination >> 16 == summary.destinationMAC
    let number = Int(path.destination & 0xffff)
    guard isSamePath, number != 0, trace == nil else {
      trace?.isRemembered = isSamePath && number != 0
      unsafe processNewPath(frame, position, summary, link, found, isSwapped, remembers: true)
      return
    }
    unsafe count(frame, conversation, class: number)
    if unsafe classes.classes.base[number].actionCount > 0 {
      unsafe act(frame, position, summary, link, found, class: number)
    }
  }

  @inline(__always)
  private func count(
    _ frame: UnsafeMutablePointer<Frame>, _ conversation: UnsafeMutablePointer<Conversation>, class number: Int
  ) {
    unsafe conversation.pointee.lastSeen = nowTick
    unsafe conversation.pointee.packets &+= conversation.pointee.packets == .max ? 0 : 1
    unsafe conversation.pointee.bytes &+= UInt64(frame.pointee.original)
    unsafe classes.classes.base[number].tally.count(frame.pointee.original)
  }

  @inline(never)
  private func processNew(
    _ frame: UnsafeMutablePointer<Frame>, _ position: Int, _ summary: PacketSummary, _ link: BoundLink,
    _ key: FlowKey, _ hash: UInt64, _ isSwapped: Bool, _ found: Int
  ) {
    let entry = unsafe conversation(key, hash: hash, found: found, time: frame.pointee.time)
    unsafe processNewPath(frame, position, summary, link, entry, isSwapped, remembers: true)
  }

  /// The conversation of a key, made or restarted where needed.
  func conversation(_ key: FlowKey, hash: UInt64, found: Int, time: Int64) -> Int {
    let entry: Int
    if found < 0 {
      entry = conversations.insert(key, hash: hash, time: time, now: nowTick)
    } else {
      entry = found
      if conversations.isOver(found, now: nowTick) { conversations.restart(found, time: time, now: nowTick) }
    }
    if !conversations.ended.isEmpty { releaseEnded() }
    return entry
  }

  private func releaseEnded() {
    for id in conversations.ended {
      for script in scripts { script.conversationEnded(id) }
    }
    conversations.ended.removeAll(keepingCapacity: true)
  }

  @inline(never)
  func processNewPath(
    _ frame: UnsafeMutablePointer<Frame>, _ position: Int, _ summary: PacketSummary, _ link: BoundLink, _ entry: Int,
    _ isSwapped: Bool, remembers: Bool
  ) {
    let record = unsafe Record(
      summary: summary, binding: link.binding, captureDirection: frame.pointee.direction)
    let number = classify(record, flowHash: unsafe conversations.entries[entry].key.hash(.fixed))
    if trace != nil { trace!.settle(outcome, cells.keys) }
    if remembers {
      let path = Path(
        source: summary.sourceMAC << 16 | UInt64(link.number),
        destination: summary.destinationMAC << 16 | UInt64(number))
      if isSwapped {
        unsafe conversations.entries[entry].path1 = path
      } else {
        unsafe conversations.entries[entry].path0 = path
      }
    }
    unsafe count(frame, conversations.entries + entry, class: number)
    if classes.classes[number].actionCount > 0 {
      unsafe act(frame, position, summary, link, entry, class: number)
    }
  }

  // MARK: Delivery

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
