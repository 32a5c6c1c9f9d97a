// The way of a packet through an audit: a batch is read -> each frame parsed once, counted to its conversation, asked by
// every script's `where` (natively; of a flow once for each direction) -> script after script gets what it wants of the
// batch, in order of time -> findings are folded by key -> at the end the frames that belong to findings are read again.

internal import Capture
internal import DataPath
internal import Inventory
internal import Mirroring
internal import Policy
internal import Wire

/// Some scripts over one capture, or over several as one.
final class TrafficAudit {
  /// Scripts that can go together: a bit for each.
  static let scriptLimit = 64

  private let captures: [AuditCapture]
  private let setup: AuditSetup
  private let finder: ObservationFinder?
  private let tracker: ConversationTracker
  private let control: RunControl
  private var runners: [ScriptRunner] = []
  /// Scripts whose `where` matches all, by bit; those whose answer is the same for a direction of a flow; the others.
  private var acceptsAll: UInt64 = 0
  private var flowFilters: [(bit: UInt64, filter: PacketFilter)] = []
  private var packetFilters: [(bit: UInt64, filter: PacketFilter)] = []
  /// Those whose functions get packets, by bit.
  private var packetScripts: UInt64 = 0
  private var packets: [AuditPacket] = []
  /// Beside `packets`: scripts, by bit, that are to see each; and the conversation that each names.
  private var masks: [UInt64] = []
  private var names: [ConversationTracker.Name] = []
  /// By number of the source's interface.
  private var links: [Link] = []
  private var frameNumbers: [Int]
  private(set) var results: [CaptureResult]
  private var talkers: TalkerTable
  /// Scripts that could not be loaded any more.
  private(set) var loadFailures: [(script: Int, failure: AuditFailure)] = []
  private var runnerOfScript: [Int] = []

  init(_ captures: [AuditCapture], _ scripts: [AuditScript], _ setup: AuditSetup, _ control: RunControl) {
    self.captures = captures
    self.setup = setup
    self.control = control
    finder = setup.inventory.map { ObservationFinder(inventory: $0) }
    tracker = ConversationTracker(
      keepsPayload: scripts.contains { $0.declaration?.subjects.contains(.conversations) ?? false })
    frameNumbers = captures.map { _ in 0 }
    results = captures.map { CaptureResult(name: $0.name) }
    talkers = TalkerTable(captures: captures.count)
    let compiler = PcapFilterCompiler()
    for (index, script) in scripts.enumerated() {
      do throws(PolicyError) {
        runners.append(try ScriptRunner(script, setup, compiler, captures: captures.map(\.name)))
        runnerOfScript.append(index)
        note(runners[runners.count - 1], bit: 1 << UInt64(runners.count - 1))
      } catch {
        loadFailures.append((index, AuditFailure(place: error.file, message: error.message)))
      }
    }
  }

  /// What there is to know of an interface that captured frames.
  private struct Link {
    var capture: Int
    var linkType: LinkType
    var decoder: LinkDecoder
    /// nil: there is no inventory.
    var place: ObservationFinder.Interface?
  }

  private func note(_ runner: ScriptRunner, bit: UInt64) {
    if runner.wantsPackets { packetScripts |= bit }
    if runner.filter.acceptsAll {
      acceptsAll |= bit
    } else if runner.filter.isOfFlow {
      flowFilters.append((bit, runner.filter))
    } else {
      packetFilters.append((bit, runner.filter))
    }
  }

  /// What became of each script: its position among those given, findings, and why it failed.
  var outcomes: [(script: Int, findings: [Finding], failure: AuditFailure?)] {
    zip(runnerOfScript, runners).map { ($0, $1.findings.findings, $1.failure) }
      + loadFailures.map { ($0.script, [], $0.failure) }
  }

  func carryOut() {
    guard let source = openAll() else { return }
    let batch = FrameBatch()
    var last: Int64?
    // What was read when it was opened counts, too.
    var counted: UInt64 = 0
    while !control.isCancelled() {
      do {
        guard try source.fill(batch) else { break }
      } catch {
        note(error)
        break
      }
      process(batch, source.interfaces)
      last = packets.last?.observed.time ?? last
      let consumed = source.progress.consumed
      control.progress.add(packets: batch.count, bytes: consumed - counted)
      counted = consumed
    }
    conclude(at: last)
    noteDamage(of: source)
    if control.isCancelled() { for index in results.indices { results[index].problem = "interrupted" } }
    readEvidence()
  }

  // MARK: Reading

  private func openAll() -> (any FrameSource)? {
    var sources: [CaptureFileSource] = []
    for (index, capture) in captures.enumerated() {
      do throws(CaptureError) {
        sources.append(try capture.open(control.isCancelled))
      } catch {
        results[index].problem = error.description
      }
    }
    guard !sources.isEmpty else { return nil }
    return sources.count == 1 ? sources[0] : MergedSource(sources)
  }

  private func note(_ error: any Error) {
    guard let error = error as? CaptureError else { return }
    // The longest: a name may be part of another.
    let named = captures.indices.filter { error.description.contains(captures[$0].name) }
    let index = named.max { captures[$0].name.utf8.count < captures[$1].name.utf8.count } ?? 0
    results[index].problem = error.description
  }

  private func noteDamage(of source: any FrameSource) {
    if let merged = source as? MergedSource { merged.failures.forEach(note) }
    for index in results.indices where results[index].problem == nil {
      let result = results[index]
      if result.packets > 0, result.undecodable == result.packets {
        results[index].problem = "no packet could be decoded: its link type is not supported"
      }
    }
  }

  // MARK: A batch

  private func process(_ batch: FrameBatch, _ interfaces: [CaptureInterface]) {
    for interface in interfaces[links.count...] {
      let capture = captures.firstIndex { $0.name == interface.origin } ?? 0
      links.append(
        Link(
          capture: capture, linkType: interface.linkType, decoder: interface.linkType.decoder ?? .none,
          place: finder?.interface(interface, of: captures[capture].eni)))
    }
    packets.removeAll(keepingCapacity: true)
    masks.removeAll(keepingCapacity: true)
    names.removeAll(keepingCapacity: true)
    for position in 0..<batch.count {
      unsafe packets.append(parse(batch.frames[position]))
      names.append(tracker.name(packets[position].observed.summary))
    }
    tracker.seek(names)
    for position in 0..<batch.count { masks.append(attend(&packets[position], names[position], position)) }
    deliver()
  }

  private func parse(_ frame: Frame) -> AuditPacket {
    let interface = Int(frame.interface)
    let (capture, decoder) = (links[interface].capture, links[interface].decoder)
    let captured = Int(frame.captured)
    frameNumbers[capture] += 1
    let summary =
      decoder == .none
      ? PacketSummary() : unsafe PacketSummary.parse(frame.bytes, captured: captured, decoder: decoder)
    var packet = unsafe AuditPacket(
      observed: ObservedPacket(
        bytes: frame.bytes, captured: captured, original: Int(frame.original), time: frame.time, decoder: decoder,
        summary: summary, vpc: -1, eni: nil, subnet: -1, isOutbound: false,
        flow: ObservedPacket.Flow(id: 0, packets: 0, bytes: 0, firstSeen: 0)),
      place: .init(capture: capture, frame: frameNumbers[capture]), linkType: links[interface].linkType,
      interface: interface,
      direction: frame.direction)
    results[capture].count(packet.observed)
    if decoder == .none {
      results[capture].undecodable += 1
      packet.isDecodable = false
    }
    return packet
  }

  /// Counts a packet to its conversation, and asks who wants it.
  ///
  /// - Returns: scripts, by bit.
  private func attend(
    _ packet: inout AuditPacket, _ name: ConversationTracker.Name, _ position: Int
  ) -> UInt64 {
    guard packet.isDecodable else { return 0 }
    if let (entry, isFromHigh) = tracker.track(packet.observed, name, at: packet.place, position: position) {
      packet.entry = entry
      packet.isFromHigh = isFromHigh
    }
    let wanted = wanted(packet)
    if wanted & packetScripts != 0 {
      if let entry = packet.entry { packet.observed.flow = tracker.flow(entry) }
      attribute(&packet)
    }
    return wanted
  }

  /// Which scripts' `where` matches, by bit.
  private func wanted(_ packet: AuditPacket) -> UInt64 {
    let isRemembered = !packet.observed.summary.flags.contains(.fragment)
    var mask: UInt64 = 0
    if let entry = packet.entry, isRemembered {
      if let known = tracker.interest(entry, isFromHigh: packet.isFromHigh) {
        mask = known
      } else {
        mask = ask(packet, flowFilters)
        tracker.setInterest(entry, mask, isFromHigh: packet.isFromHigh)
      }
    } else {
      mask = ask(packet, flowFilters)
    }
    mask |= ask(packet, packetFilters) | acceptsAll
    if let entry = packet.entry { tracker.want(entry, mask) }
    return mask
  }

  private func ask(_ packet: AuditPacket, _ filters: [(bit: UInt64, filter: PacketFilter)]) -> UInt64 {
    var mask: UInt64 = 0
    for (bit, filter) in filters {
      let hash = filter.samples ? FlowKey.make(packet.observed.summary).key.hash(.fixed) : 0
      if unsafe filter.matches(
        packet.observed.summary, packet.observed.bytes, captured: packet.observed.captured,
        original: packet.observed.original, linkType: packet.linkType, hash: hash)
      {
        mask |= bit
      }
    }
    return mask
  }

  private func attribute(_ packet: inout AuditPacket) {
    guard let finder, let place = links[packet.interface].place,
      let found = finder.find(packet.observed.summary, packet.direction, at: place)
    else { return }
    packet.observed.vpc = found.vpc
    packet.observed.eni = found.eni
    packet.observed.subnet = found.subnet
    packet.observed.isOutbound = found.isOutbound
    packet.isAttributed = true
  }

  private func deliver() {
    let ended = tracker.ended
    for over in ended { talkers.add(over) }
    let seen = masks.reduce(0, |)
    for (bit, runner) in runners.enumerated() {
      runner.process(packets, masks, seen: seen, ended, bit: 1 << UInt64(bit))
    }
    tracker.forgetEnded()
  }

  // MARK: The end

  private func conclude(at last: Int64?) {
    packets.removeAll()
    masks.removeAll()
    tracker.finish(0)
    deliver()
    for runner in runners { runner.finish(at: last) }
    for index in results.indices { results[index].talkers = talkers.most(ofCapture: index) }
    if results.count == 1 {
      results[0].conversations = tracker.total
    }
  }

  /// Reads the frames that belong to findings once more: nothing of a frame was kept, since most belong to none.
  private func readEvidence() {
    var wanted: [String: Set<Int>] = [:]
    for runner in runners {
      for finding in runner.findings.findings {
        for packet in finding.packets { wanted[packet.capture, default: []].insert(packet.frame) }
      }
    }
    var read: [EvidencePacket.Name: EvidencePacket] = [:]
    for capture in captures {
      guard let frames = wanted[capture.name], let source = try? capture.open(control.isCancelled) else { continue }
      EvidenceReader.read(frames, capture.name, source) { read[$0.name] = $0 }
    }
    for runner in runners { runner.complete { read[$0.name] ?? $0 } }
  }
}

extension CaptureResult {
  fileprivate mutating func count(_ packet: ObservedPacket) {
    packets += 1
    bytes += UInt64(max(0, packet.original))
    firstTime = min(firstTime ?? packet.time, packet.time)
    lastTime = max(lastTime ?? packet.time, packet.time)
  }
}
