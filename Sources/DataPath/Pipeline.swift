// The way of a packet, in the order of the functions below:
//
//   batch (128 frames) -> parse all -> flow keys -> touch their conversations -> known, class remembered?
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
  var cells: CounterCells
  var outcome = OutcomeBuilder()
  /// Copies given to each route so far: mirror and receiver.
  var routed = FlatArray<Tally>()
  var dropped: [DeliveryTally]
  var nextInTurn: [Int]
  var copies = FlatArray<Copy>(capacity: 1024)
  private let prepared = PreparedBatch()

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
  /// The record at hand, if it is a fragment or one whose conversation is found by other means.
  var followed: PacketSummary?
  var recordNumber: UInt64 = 0

  /// The record that is classified, for whoever recalls answers.
  var classified: Subject?
  /// Classes rely on answers that scripts' hosts remember; see Pipeline+Recall.swift.
  var recalls = true
  var restarts: UInt64 = 0
  var generations: [UInt64] = []
  /// A host's generation may have changed, or an answer may now be recalled: seen to when the record is done.
  var mustLookAgain = false
  var isNewlyKnown = false
  var untilVerified = Pipeline.verifiedEvery
  var isVerifying = false

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
    cells = CounterCells(
      mirrors: plan.entries.count, origins: plan.inventory.enis.count + plan.inventory.subnets.count)
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
    beginRecalling()
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
    unsafe prepare(batch.frames, batch.count)
    unsafe conversations.touch(prepared.frames, count: batch.count)
    if !scripts.isEmpty { checkGenerations() }
    untilVerified -= batch.count
    if untilVerified <= 0 { unsafe verifyOne(batch.frames, prepared.frames, batch.count) }
    for position in 0..<batch.count { unsafe process(batch.frames + position, position) }
    if copies.count > 0, let sink { try deliver(batch, interfaces, sink) }
    copies.removeAll()
  }

  /// Parses every frame of a batch. Nothing here waits for the conversation table: the processor does many at once.
  private func prepare(_ frames: UnsafeMutablePointer<Frame>, _ count: Int) {
    for position in 0..<count {
      let frame = unsafe frames + position
      let link = unsafe links[Int(frame.pointee.interface)]
      unsafe records.count(frame.pointee.original)
      guard link.binding.decoder != .none else {
        unsafe prepared.frames[position].kind = .undecodable
        continue
      }
      let summary = unsafe PacketSummary.parse(
        frame.pointee.bytes, captured: Int(frame.pointee.captured), decoder: link.binding.decoder)
      unsafe prepared.frames[position] = PreparedFrame(summary, link: link.number, seed: conversations.seed)
    }
  }

  @inline(__always)
  private func process(_ frame: UnsafeMutablePointer<Frame>, _ position: Int) {
    let known = unsafe prepared.frames + position
    recordNumber &+= 1
    guard unsafe known.pointee.kind != .undecodable else {
      unsafe undecodable.count(frame.pointee.original)
      return
    }
    unsafe advanceClock(frame.pointee.time)
    guard unsafe known.pointee.kind != .unremembered else { return unsafe processUnremembered(frame, position) }
    let found = unsafe conversations.find(known.pointee.key, hash: known.pointee.hash)
    guard found >= 0, !conversations.isOver(found, now: nowTick) else {
      return unsafe processNew(frame, position, known, found)
    }
    let conversation = unsafe conversations.entries + found
    let path = unsafe known.pointee.kind == .swapped ? conversation.pointee.path1 : conversation.pointee.path0
    // The lower 16 bits are zero in the frame's word: what is left is the class, or more if the MACs differ.
    let number = unsafe path.destination ^ known.pointee.destination
    guard unsafe path.source == known.pointee.source, number &- 1 < 0xffff, trace == nil else {
      return unsafe processNewPath(frame, position, known, found, number)
    }
    unsafe count(frame, conversation, class: Int(number))
    if unsafe classes.classes.base[Int(number)].actionCount > 0 {
      unsafe act(Subject(frame: frame, position: position, entry: found), class: Int(number))
    }
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
    checkGenerations()
    nextTimer = scripts.map(\.nextTimer).min() ?? .max
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

  // MARK: What no path remembers

  /// The frame read once more: the loop keeps only what it looks conversations up by.
  func summary(_ frame: UnsafeMutablePointer<Frame>) -> PacketSummary {
    let link = unsafe links[Int(frame.pointee.interface)]
    return unsafe PacketSummary.parse(
      frame.pointee.bytes, captured: Int(frame.pointee.captured), decoder: link.binding.decoder)
  }

  @inline(never)
  private func processNew(
    _ frame: UnsafeMutablePointer<Frame>, _ position: Int, _ known: UnsafeMutablePointer<PreparedFrame>, _ found: Int
  ) {
    let entry = unsafe conversation(
      known.pointee.key, hash: known.pointee.hash, found: found, time: frame.pointee.time)
    unsafe judge(
      Subject(frame: frame, position: position, entry: entry), summary(frame),
      remembers: known.pointee.kind == .swapped ? .path1 : .path0)
  }

  @inline(never)
  private func processNewPath(
    _ frame: UnsafeMutablePointer<Frame>, _ position: Int, _ known: UnsafeMutablePointer<PreparedFrame>, _ entry: Int,
    _ number: UInt64
  ) {
    if trace != nil {
      let path =
        unsafe known.pointee.kind == .swapped ? conversations.entries[entry].path1 : conversations.entries[entry].path0
      trace!.isRemembered = unsafe path.source == known.pointee.source && number &- 1 < 0xffff
    }
    unsafe judge(
      Subject(frame: frame, position: position, entry: entry), summary(frame),
      remembers: known.pointee.kind == .swapped ? .path1 : .path0)
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

  /// Where a conversation remembers what was found.
  enum Memory { case path0, path1, nothing }

  /// All stages, for every mirror; then as for any other record of the class.
  func judge(_ subject: Subject, _ summary: PacketSummary, remembers memory: Memory) {
    let link = unsafe links[Int(subject.frame.pointee.interface)]
    let record = unsafe Record(
      summary: summary, binding: link.binding, captureDirection: subject.frame.pointee.direction)
    classified = subject
    let number = classify(record, flowHash: unsafe conversations.entries[subject.entry].key.hash(.fixed))
    classified = nil
    if trace != nil { trace!.settle(outcome, cells.keys) }
    let path = Path(
      source: PreparedFrame.sourceWord(summary, link: link.number),
      destination: PreparedFrame.destinationWord(summary) | UInt64(number))
    switch memory {
    case .path0: unsafe conversations.entries[subject.entry].path0 = path
    case .path1: unsafe conversations.entries[subject.entry].path1 = path
    case .nothing: break
    }
    unsafe count(subject.frame, conversations.entries + subject.entry, class: number)
    if classes.classes[number].actionCount > 0 { act(subject, class: number) }
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
