// Sections 6.1 to 6.4: filters by recursion over the expression, nothing compiled.

import Inventory
import Mirroring
import Wire

/// One side of one record, as a filter sees it.
struct ModelObservation {
  var packet: ModelPacket
  var frame: TestFrame
  var place: ModelPlace
  var isOutbound: Bool
}

func matches(_ condition: QuintupleCondition, _ packet: ModelPacket) -> Bool {
  let ends = [(packet.source, packet.ports?[0]), (packet.destination, packet.ports?[1])]
  if let wanted = condition.protocol, packet.protocol != Int(wanted.rawValue) { return false }
  return matchesEnds(condition, ends[0], ends[1])
    || condition.isBidirectional && matchesEnds(condition, ends[1], ends[0])
}

private typealias End = (address: IPAddress?, port: Int?)

private func matchesEnds(_ condition: QuintupleCondition, _ source: End, _ destination: End) -> Bool {
  matches(condition.source, source.address) && matches(condition.destination, destination.address)
    && matches(condition.sourcePort, source.port) && matches(condition.destinationPort, destination.port)
}

private func matches(_ wanted: CIDR?, _ address: IPAddress?) -> Bool {
  guard let wanted else { return true }
  return address.map { isInside($0, wanted) } ?? false
}

private func matches(_ wanted: ClosedRange<UInt16>?, _ port: Int?) -> Bool {
  guard let wanted else { return true }
  return port.map { $0 >= Int(wanted.lowerBound) && $0 <= Int(wanted.upperBound) } ?? false
}

func accepts(_ rules: [PriorityRule], _ packet: ModelPacket) -> Bool {
  let matching = rules.filter { matches($0.condition, packet) }
  return matching.min { $0.priority < $1.priority }?.action == .accept
}

extension ModelEngine {
  /// nil: a script failed.
  func answer(_ filter: FilterExpression, _ seen: ModelObservation, _ mirror: Int) -> Bool? {
    switch filter {
    case .any: true
    case .quintuple(let conditions): conditions.allSatisfy { matches($0, seen.packet) }
    case .nat(let gateway, let isBidirectional): goesThrough(gateway, seen, isBidirectional: isBidirectional)
    case .rules(let inbound, let outbound): accepts(seen.isOutbound ? outbound : inbound, seen.packet)
    case .bpf: false
    case .first(let packets, let bytes, let id): isWithinFirst(packets, bytes, id: id, seen)
    case .sample(let threshold): flowHash < threshold
    case .script(let function): ask(function, seen, mirror)
    case .all(let parts): answerAll(parts, seen, mirror)
    case .anyOf(let parts): answerAny(parts, seen, mirror)
    case .not(let part): answer(part, seen, mirror).map { !$0 }
    }
  }

  private func answerAll(_ parts: [FilterExpression], _ seen: ModelObservation, _ mirror: Int) -> Bool? {
    for part in parts {
      guard let told = answer(part, seen, mirror) else { return nil }
      if !told { return false }
    }
    return true
  }

  private func answerAny(_ parts: [FilterExpression], _ seen: ModelObservation, _ mirror: Int) -> Bool? {
    for part in parts {
      guard let told = answer(part, seen, mirror) else { return nil }
      if told { return true }
    }
    return false
  }

  private func goesThrough(_ gateway: Int, _ seen: ModelObservation, isBidirectional: Bool) -> Bool {
    guard let source = seen.packet.source, let destination = seen.packet.destination else { return false }
    if seen.isOutbound { return network.isNextHop(gateway, seen.place, own: source, far: destination) }
    return isBidirectional && network.isNextHop(gateway, seen.place, own: destination, far: source)
  }

  private func isWithinFirst(_ packets: UInt64?, _ bytes: UInt64?, id: Int, _ seen: ModelObservation) -> Bool {
    var count = conversation.firsts[id] ?? ModelConversation.First()
    if isAsking { return count.packets < packets ?? .max && count.bytes < bytes ?? .max }
    if count.record != record {
      count.isWithin = count.packets < packets ?? .max && count.bytes < bytes ?? .max
      count.record = record
      count.packets += 1
      count.bytes += UInt64(seen.frame.original)
    }
    conversation.firsts[id] = count
    return count.isWithin
  }

  private func ask(_ function: ScriptFunction, _ seen: ModelObservation, _ mirror: Int) -> Bool? {
    switch FakeScriptHost.answer(function.function, mirror, words(seen, mirror)) {
    case .no: false
    case .yes: true
    case .failed: nil
    }
  }

  /// What a script is told, as the fake host mixes it.
  func words(_ seen: ModelObservation, _ mirror: Int) -> [UInt64] {
    let eni: Int? = if case .listed(let index) = seen.place { index } else { nil }
    return FakeScriptHost.words(
      bytes: seen.frame.bytes, original: Int(seen.frame.original), time: seen.frame.time,
      vpc: mirrors[enabled[mirror]].vpc, eni: eni, subnet: network.subnet(seen.place), isOutbound: seen.isOutbound,
      packets: conversation.packets, flowBytes: conversation.bytes, firstSeen: conversation.firstSeen,
      ports: seen.packet.ports ?? [0, 0])
  }
}
