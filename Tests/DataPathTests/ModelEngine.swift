// Section 6: verdicts, conversations, balance and counters of the reference model. Dictionaries and recursion; one record
// at a time; nothing is remembered but what the semantics says must be.

import Inventory
import Mirroring
import Wire

@testable import DataPath

/// What happened to one record at one mirror.
struct ModelOutcome: Hashable {
  /// Entry: position among the enabled mirrors.
  var mirror: Int
  var place: ModelPlace
  var isOutbound: Bool
  var verdict: Verdict
  /// Position in the mirror's receivers.
  var receiver: Int?
}

struct ModelCell: Hashable {
  var mirror: Int
  var place: ModelPlace
  var isOutbound: Bool
}

final class ModelConversation {
  struct First {
    var packets: UInt64 = 0
    var bytes: UInt64 = 0
    var record = -1
    var isWithin = false
  }

  var firstSeen: Int64 = 0
  var lastSeen: Int64 = 0
  var packets: UInt64 = 0
  var bytes: UInt64 = 0
  /// Receivers kept, by mirror.
  var receivers: [Int: Int] = [:]
  var firsts: [Int: First] = [:]
}

/// Names a conversation; its hash is the one that must be the same on every host.
struct ModelFlow: Hashable {
  var ends: [ModelEnd]
  /// Protocol, what is known, EtherType: see `FlowKey.meta`.
  var rest: UInt64
}

struct ModelEnd: Hashable, Comparable {
  var high: UInt64
  var low: UInt64
  var port: Int

  static func < (a: ModelEnd, b: ModelEnd) -> Bool { (a.high, a.low, a.port) < (b.high, b.low, b.port) }
}

final class ModelEngine {
  let network: ModelNetwork
  let mirrors: [TrafficMirror]
  let enabled: [Int]
  let options: PlanOptions
  let interfaces: [CaptureInterface]
  let bound: [Int?]
  /// ENIs whose captures are read.
  let captured: Set<Int>

  private(set) var record = -1
  private(set) var conversation = ModelConversation()
  private(set) var flowHash: UInt64 = 0
  /// The record at hand is judged at its sender's ENI, where it was captured too: nothing is counted.
  private(set) var isAsking = false

  var conversations: [ModelFlow: ModelConversation] = [:]
  private var fragments: [ModelFragmentName: (flow: ModelFlow, packet: ModelPacket, time: Int64)] = [:]
  private var clock: Int64?
  private var start: Int64 = 0
  var turns: [Int: Int] = [:]
  var given: [Int: [Int]] = [:]
  var down: Set<SinkPlan.Destination> = []

  private(set) var cells: [ModelCell: [Verdict: Tally]] = [:]
  private(set) var unattributed = Tally()
  private(set) var undecodable = Tally()
  private(set) var fragmentsWithoutPorts: UInt64 = 0

  init(_ scene: Scene) {
    network = ModelNetwork(inventory: scene.inventory, includesUnlisted: scene.options.includesUnlisted)
    mirrors = scene.mirrors
    enabled = scene.mirrors.indices.filter {
      scene.mirrors[$0].isEnabled && !scene.mirrors[$0].receivers.isEmpty
    }
    options = scene.options
    interfaces = scene.interfaces
    bound = scene.interfaces.map { interface in
      guard let name = scene.boundENIs[interface.origin] ?? interface.name else { return nil }
      return scene.inventory.enis.firstIndex { $0.id == name || $0.interface == name }
    }
    let named = scene.boundENIs.values.compactMap { id in scene.inventory.enis.firstIndex { $0.id == id } }
    captured = Set(bound.compactMap { $0 } + named)
  }

  func judge(_ frame: TestFrame) -> [ModelOutcome] {
    record += 1
    let interface = interfaces[Int(frame.interface)]
    guard interface.linkType.decoder != nil else {
      undecodable.add(frame)
      return []
    }
    var packet = ModelPacket(frame.bytes, link: interface.linkType)
    advance(to: frame.time)
    let flow = follow(&packet, frame)
    enter(flow, frame)
    let outcomes = enabled.indices.flatMap { judge($0, packet, frame) }
    if outcomes.isEmpty { unattributed.add(frame) }
    for outcome in outcomes {
      let cell = ModelCell(mirror: outcome.mirror, place: outcome.place, isOutbound: outcome.isOutbound)
      cells[cell, default: [:]][outcome.verdict, default: Tally()].add(frame)
    }
    return outcomes
  }

  // MARK: Conversations

  private func advance(to time: Int64) {
    if clock == nil { start = time }
    clock = max(clock ?? time, time)
  }

  /// The engine's clock in its ticks of 2^24 nanoseconds.
  private var now: Int64 { (clock! - start) >> 24 }

  private func enter(_ flow: ModelFlow, _ frame: TestFrame) {
    flowHash = flow.hash
    var known = conversations[flow]
    if let old = known, now - old.lastSeen > options.conversationIdle >> 24 { known = nil }
    conversation = known ?? ModelConversation()
    if known == nil { conversation.firstSeen = frame.time }
    conversations[flow] = conversation
    conversation.lastSeen = now
    conversation.packets += 1
    conversation.bytes += UInt64(frame.original)
  }

  /// The conversation a packet belongs to; later fragments get their ports if they are tracked.
  private func follow(_ packet: inout ModelPacket, _ frame: TestFrame) -> ModelFlow {
    if let quoted = packet.quoted { return ModelFlow(quoted) }
    guard packet.piece != .whole, let name = ModelFragmentName(packet) else { return ModelFlow(packet) }
    if packet.piece == .first {
      fragments[name] = (ModelFlow(packet), packet, frame.time)
      return ModelFlow(packet)
    }
    var first = fragments[name]
    if let time = first?.time, abs(frame.time - time) > 30_000_000_000 { first = nil }
    if options.tracksFragments, let ports = first?.packet.ports {
      packet.ports = ports
      packet.protocol = first?.packet.protocol
    } else if packet.protocol.map({ ModelPacket.portProtocols.contains($0) }) ?? true {
      fragmentsWithoutPorts += 1
    }
    return first?.flow ?? ModelFlow(packet)
  }

  // MARK: Verdicts

  private func judge(_ mirror: Int, _ packet: ModelPacket, _ frame: TestFrame) -> [ModelOutcome] {
    let definition = mirrors[enabled[mirror]]
    let sides = sides(packet, frame, definition.vpc)
    let outs = [(sides.out, true), (sides.in, false)].compactMap { place, isOutbound in
      place.map { ModelObservation(packet: packet, frame: frame, place: $0, isOutbound: isOutbound) }
    }
    if definition.copies == .perENI { return outs.map { outcome(mirror, $0, sides) } }
    var furthest: ModelOutcome?
    for seen in outs where furthest?.verdict != .collected {
      let judged = outcome(mirror, seen, sides)
      if furthest == nil || judged.verdict > furthest!.verdict { furthest = judged }
    }
    return furthest.map { [$0] } ?? []
  }

  private func sides(_ packet: ModelPacket, _ frame: TestFrame, _ vpc: Int) -> ModelSides {
    guard let eni = bound[Int(frame.interface)] else { return network.sides(packet, vpc: vpc) }
    return network.sides(packet, at: eni, captured: frame.direction, vpc: vpc)
  }

  private func outcome(_ mirror: Int, _ seen: ModelObservation, _ sides: ModelSides) -> ModelOutcome {
    var outcome = ModelOutcome(
      mirror: mirror, place: seen.place, isOutbound: seen.isOutbound, verdict: .collected, receiver: nil)
    if let early = earlyReason(mirror, seen) {
      outcome.verdict = early
    } else if isDuplicate(mirror, seen) {
      outcome.verdict = .duplicate
    } else {
      (outcome.verdict, outcome.receiver) = lateVerdict(mirror, seen)
    }
    return outcome
  }

  /// Stages 1 to 4.
  private func earlyReason(_ mirror: Int, _ seen: ModelObservation) -> Verdict? {
    let definition = mirrors[enabled[mirror]]
    if isCopy(seen.packet) { return .copy }
    if isFromReceiver(seen, definition.vpc) { return .receiver }
    if !isInRange(seen.place, definition.range) { return .outOfRange }
    switch definition.range {
    case .enis, .selected: return holdsReceiver(seen.place, definition.vpc) ? .receiverENI : nil
    case .vpc, .subnets: return nil
    }
  }

  private func isCopy(_ packet: ModelPacket) -> Bool {
    enabled.contains { index in
      guard let destination = packet.destination, mirrors[index].receivers.contains(destination) else { return false }
      switch mirrors[index].encapsulation.kind {
      case .vxlan:
        let port = Int(mirrors[index].encapsulation.port)
        // Where the port cannot be read, a loop is worse than a missing fragment.
        return packet.protocol == 17 && packet.ports?[1] ?? port == port
      case .gre, .erspan2: return packet.protocol == 47
      case .none: return false
      }
    }
  }

  private func receivers(of vpc: Int) -> Set<IPAddress> {
    Set(enabled.filter { mirrors[$0].vpc == vpc }.flatMap { mirrors[$0].receivers })
  }

  private func isFromReceiver(_ seen: ModelObservation, _ vpc: Int) -> Bool {
    if let source = seen.packet.source ?? seen.packet.arpSender { return receivers(of: vpc).contains(source) }
    if seen.isOutbound { return holdsReceiver(seen.place, vpc) }
    // It comes from a receiver's ENI also where it is met going in elsewhere.
    return network.sides(seen.packet, vpc: vpc).out.map { holdsReceiver($0, vpc) } ?? false
  }

  private func holdsReceiver(_ place: ModelPlace, _ vpc: Int) -> Bool {
    guard case .listed(let eni) = place else { return false }
    return network.inventory.enis[eni].addresses.contains { receivers(of: vpc).contains($0) }
  }

  private func isInRange(_ place: ModelPlace, _ range: CollectionRange) -> Bool {
    switch (range, place) {
    case (.vpc, _): true
    case (.subnets(let subnets), _): subnets.contains(network.subnet(place))
    case (.enis(let enis), .listed(let eni)), (.selected(let enis, _), .listed(let eni)): enis.contains(eni)
    case (.enis, .unlisted), (.selected, .unlisted): false
    }
  }

  /// Stage 5: captured at its sender too, and collected there.
  private func isDuplicate(_ mirror: Int, _ seen: ModelObservation) -> Bool {
    let definition = mirrors[enabled[mirror]]
    let here = bound[Int(seen.frame.interface)]
    guard definition.copies == .once, let here, !seen.isOutbound else { return false }
    let sender = network.sides(seen.packet, vpc: definition.vpc).out
    guard case .listed(let eni) = sender, eni != here, captured.contains(eni) else { return false }
    var there = seen
    there.place = .listed(eni)
    there.isOutbound = true
    isAsking = true
    defer { isAsking = false }
    return earlyReason(mirror, there) == nil && lateVerdict(mirror, there).0 == .collected
  }

  /// Stages 6 to 9.
  private func lateVerdict(_ mirror: Int, _ seen: ModelObservation) -> (Verdict, Int?) {
    let definition = mirrors[enabled[mirror]]
    if definition.direction == .out, !seen.isOutbound { return (.direction, nil) }
    if definition.direction == .in, seen.isOutbound { return (.direction, nil) }
    let answer = answer(definition.filter, seen, mirror)
    if answer == false { return (.filtered, nil) }
    if answer == nil, definition.onError == .skip { return (.scriptError, nil) }
    if case .script(let function) = definition.balance { return balance(by: function, mirror, seen) }
    if well(mirror).isEmpty { return (.noReceiver, nil) }
    guard !isAsking else { return (.collected, nil) }
    let receiver = receiver(mirror, seen)
    given[mirror, default: Array(repeating: 0, count: definition.receivers.count)][receiver] += Int(seen.frame.original)
    return (.collected, receiver)
  }
}

// MARK: Names of conversations and fragments

extension ModelFlow {
  /// Both directions have one name. Without readable addresses: the MACs and the EtherType.
  init(_ packet: ModelPacket) {
    guard let source = packet.source, let destination = packet.destination else {
      ends = [packet.sourceMAC ?? 0, packet.destinationMAC ?? 0].sorted().map { ModelEnd(high: 0, low: $0, port: 0) }
      rest = UInt64(packet.etherType)
      return
    }
    let ports = packet.ports ?? [0, 0]
    ends = [
      ModelEnd(high: source.high, low: source.low, port: ports[0]),
      ModelEnd(high: destination.high, low: destination.low, port: ports[1]),
    ].sorted()
    var known: UInt64 = source.family == .v4 ? 4 : 8
    if packet.ports != nil { known += 1 }
    if packet.protocol != nil { known += 2 }
    if packet.piece == .later { known += 16 }
    rest = UInt64(packet.protocol ?? 0) << 24 | known << 16
  }

  var hash: UInt64 {
    FlowKey(
      lowHigh: ends[0].high, lowLow: ends[0].low, highHigh: ends[1].high, highLow: ends[1].low,
      meta: UInt64(ends[0].port) << 48 | UInt64(ends[1].port) << 32 | rest
    ).hash(.fixed)
  }
}

/// Same addresses, identification and, in IPv4, protocol.
struct ModelFragmentName: Hashable {
  var source: IPAddress
  var destination: IPAddress
  var identification: Int
  var `protocol`: Int

  init?(_ packet: ModelPacket) {
    guard let source = packet.source, let destination = packet.destination else { return nil }
    self.source = source
    self.destination = destination
    identification = packet.identification
    self.protocol = source.family == .v4 ? packet.protocol ?? 0 : 0
  }
}

extension Tally {
  mutating func add(_ frame: TestFrame) {
    packets += 1
    bytes += UInt64(frame.original)
  }
}
