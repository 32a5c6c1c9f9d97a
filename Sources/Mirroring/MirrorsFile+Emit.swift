public import Inventory
public import JSONText
import Wire

/// A mirror says something that JSON has no words for.
public struct MirrorNotInJSON: Error, Sendable, Hashable {
  public var mirror: String
  /// `filter`, `range` or `balance`.
  public var key: String
  /// `a Lua function`
  public var what: String

  public init(mirror: String, key: String, what: String) {
    self.mirror = mirror
    self.key = key
    self.what = what
  }
}

extension MirrorNotInJSON: CustomStringConvertible {
  public var description: String {
    "mirror \(mirror.quotedForMessage): its \(key) is \(what), which \(MirrorsFile.format) cannot say"
  }
}

extension MirrorsFile {
  /// A whole document.
  public static func json(of mirrors: [TrafficMirror], in inventory: Inventory) throws(MirrorNotInJSON) -> JSONValue {
    var list: [JSONValue] = []
    for mirror in mirrors { list.append(try mirror.json(in: inventory)) }
    return ["format": .string(format), "mirrors": .array(list)]
  }
}

extension TrafficMirror {
  /// The mirror as an object of a `moontap.mirrors/1` document; the same mirror comes back from it.
  ///
  /// - Throws: when filter, range or balance come from a script.
  public func json(in inventory: Inventory) throws(MirrorNotInJSON) -> JSONValue {
    let network = inventory.vpcs[vpc]
    return .object(
      burdenJSON(after: [
        JSONMember("name", .string(name)), JSONMember("description", .string(description)),
        JSONMember("region", .string(inventory.regions[network.region].id)), JSONMember("vpc", .string(network.id)),
        JSONMember("range", try rangeJSON(inventory)), JSONMember("direction", .string(direction.rawValue)),
        JSONMember("filter", try filterJSON(inventory)),
        JSONMember("receivers", .array(receivers.map { .string($0.description) })),
        JSONMember("balance", try balanceJSON()), JSONMember("encapsulation", encapsulationJSON),
        JSONMember("copies", .string(copies.rawValue)), JSONMember("onError", .string(onError.rawValue)),
        JSONMember("enabled", .bool(isEnabled)),
        JSONMember(
          "tags", .object(tags.sorted { $0.key < $1.key }.map { JSONMember($0.key, .string($0.value)) })),
      ]))
  }

  /// What few mirrors have is written where they have it.
  private func burdenJSON(after members: [JSONMember]) -> [JSONMember] {
    var members = members
    if let oversize { members.append(JSONMember("oversize", .string(oversize.rawValue))) }
    if let budget {
      let limits = [("bits", budget.bits), ("packets", budget.packets), ("cpu", budget.cpu)]
      members.append(
        JSONMember("budget", .object(limits.compactMap { name, limit in limit.map { JSONMember(name, .integer($0)) } }))
      )
    }
    if priority != 50 { members.append(JSONMember("priority", .integer(UInt64(priority)))) }
    return members
  }

  private func inexpressible(_ key: String, _ what: String) -> MirrorNotInJSON {
    MirrorNotInJSON(mirror: name, key: key, what: what)
  }

  private func rangeJSON(_ inventory: Inventory) throws(MirrorNotInJSON) -> JSONValue {
    switch range {
    case .vpc: return ["vpc": true]
    case .subnets(let subnets): return ["subnet": .array(subnets.map { .string(inventory.subnets[$0].id) })]
    case .enis(let enis): return ["eni": .array(enis.map { .string(inventory.enis[$0].id) })]
    case .selected: throw inexpressible("range", "chosen by a function")
    }
  }

  private func filterJSON(_ inventory: Inventory) throws(MirrorNotInJSON) -> JSONValue {
    switch filter {
    case .any: return .null
    case .quintuple(let conditions): return ["quintuple": .array(conditions.map { .object($0.jsonMembers) })]
    case .nat(let gateway, let isBidirectional):
      let id = JSONMember("nat", .string(inventory.natGateways[gateway].id))
      return .object(isBidirectional ? [id, JSONMember("bidirectional", true)] : [id])
    case .rules(let inbound, let outbound):
      return ["rules": ["in": .array(inbound.map(\.json)), "out": .array(outbound.map(\.json))]]
    case .script(let function): throw inexpressible("filter", "the function \(function.name)")
    case .bpf, .first, .sample, .all, .anyOf, .not: throw inexpressible("filter", "composed by a script")
    }
  }

  private func balanceJSON() throws(MirrorNotInJSON) -> JSONValue {
    switch balance {
    case .even: return "even"
    case .eniHash: return "eni-hash"
    case .flowHash: return "flow-hash"
    case .roundRobin: return "round-robin"
    case .weighted(let weights):
      let members = zip(receivers, weights).map { JSONMember($0.description, .integer($1)) }
      return ["weighted": .object(members)]
    case .script(let function): throw inexpressible("balance", "the function \(function.name)")
    }
  }

  private var encapsulationJSON: JSONValue {
    var members = [JSONMember("type", .string(encapsulation.kind.rawValue))]
    if encapsulation.kind != .none { members.append(JSONMember("vni", .integer(encapsulation.vni))) }
    if encapsulation.kind == .vxlan { members.append(JSONMember("port", .integer(encapsulation.port))) }
    return .object(members)
  }
}

extension QuintupleCondition {
  /// The fields that are given.
  fileprivate var jsonMembers: [JSONMember] {
    var members: [JSONMember] = []
    if let value = self.protocol { members.append(JSONMember("protocol", value.json)) }
    if let source { members.append(JSONMember("source", .string(source.description))) }
    if let destination { members.append(JSONMember("destination", .string(destination.description))) }
    if let sourcePort { members.append(JSONMember("sourcePort", .string(Self.text(sourcePort)))) }
    if let destinationPort { members.append(JSONMember("destinationPort", .string(Self.text(destinationPort)))) }
    if isBidirectional { members.append(JSONMember("bidirectional", true)) }
    return members
  }

  private static func text(_ ports: ClosedRange<UInt16>) -> String {
    ports.count == 1 ? "\(ports.lowerBound)" : "\(ports.lowerBound)-\(ports.upperBound)"
  }
}

extension IPProtocol {
  fileprivate var json: JSONValue { name.map { .string($0) } ?? .integer(rawValue) }
}

extension PriorityRule {
  fileprivate var json: JSONValue {
    .object(
      [JSONMember("priority", .integer(priority)), JSONMember("action", .string(action.rawValue))]
        + condition.jsonMembers)
  }
}
