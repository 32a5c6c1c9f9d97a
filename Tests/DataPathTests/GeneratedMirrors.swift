// Random mirrors over an inventory.

import Inventory
import SeededRandom
import Wire

@testable import Mirroring

extension RandomNumbers {
  mutating func mirrors(_ inventory: Inventory, _ count: ClosedRange<Int>) -> [TrafficMirror] {
    (0..<number(count)).map { mirror(inventory, "m\($0)") }
  }

  mutating func mirror(_ inventory: Inventory, _ name: String) -> TrafficMirror {
    let vpc = number(0...inventory.vpcs.count - 1)
    let receivers = some(places(inventory, vpc).filter { !$0.isMulticast }, 1...4)
    return TrafficMirror(
      name: name, description: "", vpc: vpc, range: range(inventory, vpc),
      direction: pick([.all, .all, .out, .in]), filter: filter(inventory, vpc, depth: 2),
      receivers: chance(97) ? receivers : [], balance: balance(receivers.count),
      encapsulation: Encapsulation(
        kind: pick([.vxlan, .vxlan, .gre, .erspan2, .none]), vni: 7, port: pick([4789, 53])),
      copies: pick([.once, .once, .perENI]), isEnabled: chance(93), tags: [:], onError: pick([.skip, .collect]),
      origin: name + ".lua:1")
  }

  /// Addresses inside the VPC: of its ENIs, of nobody.
  mutating func places(_ inventory: Inventory, _ vpc: Int) -> [IPAddress] {
    inventory.vpcs[vpc].enis.flatMap { inventory.enis[$0].addresses }
      + ["10.20.1.200", "10.20.2.9", "2001:db8:20:1::99"].map { IPAddress($0)! }
  }

  private mutating func range(_ inventory: Inventory, _ vpc: Int) -> CollectionRange {
    let enis = inventory.vpcs[vpc].enis
    switch number(0...4) {
    case 0, 1: return .vpc
    case 2: return .subnets(some(inventory.vpcs[vpc].subnets, 1...2))
    case 3 where !enis.isEmpty: return .enis(some(enis, 1...3))
    default: return .selected(some(enis, 0...3), name: "chosen")
    }
  }

  private mutating func balance(_ receivers: Int) -> BalanceMethod {
    switch number(0...6) {
    case 0, 1: .even
    case 2: .eniHash
    case 3: .flowHash
    case 4: .roundRobin
    case 5: .weighted((0..<receivers).map { _ in UInt32(number(1...5)) })
    default: .script(ScriptFunction(host: 0, function: number(0...2), name: "choose"))
    }
  }

  mutating func filter(_ inventory: Inventory, _ vpc: Int, depth: Int) -> FilterExpression {
    switch number(0...(depth > 0 ? 15 : 10)) {
    case 0, 1: .any
    case 2, 3, 4: .quintuple((0..<number(1...2)).map { _ in condition() })
    case 5, 6: .nat(pick(inventory.vpcs[vpc].natGateways), bidirectional: chance(50))
    case 7: .rules(inbound: rules(), outbound: rules())
    case 8: .sample(threshold: pick([0, 1 << 62, 1 << 63, .max]))
    case 9: pick(Self.firsts)
    case 10: .script(ScriptFunction(host: 0, function: number(0...2), name: "judge"))
    case 11, 12: .all((0..<number(0...3)).map { _ in filter(inventory, vpc, depth: depth - 1) })
    case 13, 14: .anyOf((0..<number(0...3)).map { _ in filter(inventory, vpc, depth: depth - 1) })
    default: .not(filter(inventory, vpc, depth: depth - 1))
    }
  }

  mutating func condition() -> QuintupleCondition {
    let isVersion4 = chance(75)
    let prefixes =
      isVersion4
      ? ["10.20.1.0/24", "10.20.1.11", "10.20.0.0/16", "0.0.0.0/0", "8.8.8.8/31", "10.20.2.0/28"]
      : ["::/0", "2001:db8:20:1::/64", "2001:db8:20:1::11", "2001:db8:20:1::10/127"]
    let ports = Self.ports
    var given = QuintupleCondition(isBidirectional: chance(30))
    if chance(40) { given.protocol = IPProtocol(rawValue: UInt8(pick(Self.protocols))) }
    if chance(40) { given.source = CIDR(pick(prefixes)) }
    if chance(40) { given.destination = CIDR(pick(prefixes)) }
    if chance(25) { given.sourcePort = range(pick(ports), pick(ports)) }
    if chance(25) { given.destinationPort = range(pick(ports), pick(ports)) }
    return given
  }

  private func range(_ a: UInt16, _ b: UInt16) -> ClosedRange<UInt16> { min(a, b)...max(a, b) }

  mutating func rules() -> [PriorityRule] {
    some(Array(1...9), 0...4).sorted().map {
      PriorityRule(priority: $0, action: chance(60) ? .accept : .drop, condition: condition())
    }
  }

  /// An id names one filter, which several mirrors may use.
  static let firsts: [FilterExpression] = [
    .first(packets: 1, bytes: nil, id: 0), .first(packets: nil, bytes: 300, id: 1),
    .first(packets: 4, bytes: 200, id: 2), .first(packets: nil, bytes: nil, id: 3),
    .first(packets: 0, bytes: nil, id: 4),
  ]
  static let ports: [UInt16] = [0, 53, 80, 443, 4789, 5000, 65535]
  static let protocols = [6, 6, 6, 17, 17, 17, 132, 33, 136, 1, 58, 47, 50, 2, 59]
}
