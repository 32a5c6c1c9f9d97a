import Inventory
import JSONText
import Wire

/// The networks of a host as an inventory: what is a cloud's subnet there is a bridge, or the network of an interface, here.
///
/// - A bridge is a subnet with the networks of its own addresses, or of its guests'. Its ports are ENIs: the far end of a
///   veth in a named namespace, the guest behind a tap as far as bridge and neighbour tables know it. The host's own
///   address on it is an ENI too.
/// - Any other interface with an address is a subnet of its own.
/// - Networks that overlap cannot be in one VPC: whoever comes later gets one of its own.
/// - A masquerade or SNAT rule is a NAT gateway, and the default route of the subnets it serves leads there.
struct HostInventory {
  struct Interface {
    var id: String
    var mac: String?
    var addresses: [IPAddress]
    /// Where a capture sees it.
    var interface: String?
    /// For people: `guest1: eth0`
    var place: String
  }

  struct Subnet {
    var id: String
    var networks: [CIDR]
    var interfaces: [Interface]
    var vpc = ""
  }

  let facts: HostFacts
  private(set) var subnets: [Subnet] = []
  private(set) var notes: [Problem] = []

  init(_ facts: HostFacts) {
    self.facts = facts
    notes = facts.notes
    for link in facts.links where link.kind == "bridge" { addBridge(link) }
    for link in facts.links where link.kind != "bridge" && link.master == nil && !link.isLoopback { addRouted(link) }
    assignVPCs()
  }

  // MARK: Subnets

  private mutating func addBridge(_ bridge: HostLink) {
    var interfaces: [Interface] = []
    if !bridge.addresses.isEmpty {
      interfaces.append(
        Interface(
          id: "eni-" + bridge.name, mac: bridge.mac, addresses: bridge.addresses.map(\.address), interface: bridge.name,
          place: "this host"))
    }
    var networks = bridge.addresses.map(\.network)
    for port in facts.links where port.master == bridge.name {
      guard let (interface, found) = guest(behind: port) else { continue }
      interfaces.append(interface)
      if bridge.addresses.isEmpty { networks += found }
    }
    add("subnet-" + bridge.name, networks, interfaces)
  }

  private mutating func addRouted(_ link: HostLink) {
    guard !link.addresses.isEmpty || link.kind == "veth" else { return }
    var interfaces: [Interface] = []
    var networks = link.addresses.map(\.network)
    if link.kind == "veth", let (interface, found) = guest(behind: link) {
      interfaces.append(interface)
      if networks.isEmpty { networks = found }
    }
    if !link.addresses.isEmpty {
      // Two ENIs cannot be told apart by one interface: it belongs to the guest's, if there is one.
      let isShared = !interfaces.isEmpty
      interfaces.append(
        Interface(
          id: isShared ? "eni-\(link.name)-host" : "eni-" + link.name, mac: link.mac,
          addresses: link.addresses.map(\.address), interface: isShared ? nil : link.name, place: "this host"))
    }
    add("subnet-" + link.name, networks, interfaces)
  }

  private mutating func add(_ id: String, _ networks: [CIDR], _ interfaces: [Interface]) {
    var unique: [CIDR] = []
    for network in networks where !unique.contains(where: { $0.contains(network) }) { unique.append(network) }
    let inside = interfaces.filter { interface in
      interface.addresses.contains { address in unique.contains { $0.contains(address) } }
    }
    guard !inside.isEmpty else { return }
    let kept = inside.map { interface in
      var interface = interface
      interface.addresses = interface.addresses.filter { address in unique.contains { $0.contains(address) } }
      return interface
    }
    subnets.append(Subnet(id: id, networks: unique, interfaces: kept))
  }

  /// Who is at the other side of a port.
  private mutating func guest(behind port: HostLink) -> (interface: Interface, networks: [CIDR])? {
    if port.kind == "veth" { return namespaceGuest(behind: port) }
    guard port.kind == "tun" else { return nil }
    let macs = facts.learned[port.name] ?? []
    let addresses = macs.flatMap { facts.neighbours[$0] ?? [] }.compactMap { IPAddress($0) }
    guard let mac = macs.first, !addresses.isEmpty else {
      notes.append(
        Problem(
          code: "discover.silent", sentence: "the guest behind \(port.name) is not known: nothing was heard of it yet",
          hint: "let it send a packet to this host (ping), or write it into the inventory by hand", isWarning: true))
      return nil
    }
    return (
      Interface(
        id: "eni-" + port.name, mac: mac, addresses: addresses, interface: port.name, place: "behind \(port.name)"), []
    )
  }

  private func namespaceGuest(behind port: HostLink) -> (interface: Interface, networks: [CIDR])? {
    guard let id = port.peerNamespace, let space = facts.namespaces.first(where: { $0.id == id }),
      let peer = space.links.first(where: { $0.index == port.peerIndex && $0.peerIndex == port.index }),
      !peer.addresses.isEmpty
    else { return nil }
    return (
      Interface(
        id: "eni-\(space.name)-\(peer.name)", mac: peer.mac, addresses: peer.addresses.map(\.address),
        interface: port.name, place: "\(space.name): \(peer.name)"), peer.addresses.map(\.network)
    )
  }

  /// The first VPC takes every subnet that overlaps none before it.
  private mutating func assignVPCs() {
    var taken: [CIDR] = []
    for index in subnets.indices {
      let isFree = !subnets[index].networks.contains { network in taken.contains { $0.overlaps(network) } }
      if isFree { taken += subnets[index].networks }
      subnets[index].vpc = isFree ? "vpc-" + facts.name : "vpc-" + subnets[index].id.dropFirst("subnet-".count)
    }
  }

  // MARK: The document

  func document(region: String) -> JSONValue {
    var ids: [String] = []
    for subnet in subnets where !ids.contains(subnet.vpc) { ids.append(subnet.vpc) }
    return [
      "format": .string(Inventory.format),
      "regions": [["id": .string(region), "vpcs": .array(ids.map { vpc($0) })]],
    ]
  }

  private func vpc(_ id: String) -> JSONValue {
    let own = subnets.filter { $0.vpc == id }
    let tables = own.map { subnet in
      JSONValue.object([
        JSONMember("id", .string(table(subnet))), JSONMember("routes", .array(routes(of: subnet))),
      ])
    }
    return [
      "id": .string(id), "cidrs": strings(own.flatMap(\.networks)), "routeTables": .array(tables),
      "natGateways": .array(gateways(serving: own).map(\.json)),
      "subnets": .array(
        own.map { subnet in
          [
            "id": .string(subnet.id), "cidrs": strings(subnet.networks), "routeTable": .string(table(subnet)),
          ]
        }),
      "enis": .array(own.flatMap { subnet in subnet.interfaces.map { json($0, subnet) } }),
    ]
  }

  private func table(_ subnet: Subnet) -> String { "rtb-" + subnet.id.dropFirst("subnet-".count) }

  private func json(_ interface: Interface, _ subnet: Subnet) -> JSONValue {
    var members = [JSONMember("id", .string(interface.id)), JSONMember("subnet", .string(subnet.id))]
    if let mac = interface.mac { members.append(JSONMember("mac", .string(mac))) }
    members.append(JSONMember("addresses", strings(interface.addresses)))
    if let name = interface.interface { members.append(JSONMember("interface", .string(name))) }
    members.append(JSONMember("tags", ["place": .string(interface.place)]))
    return .object(members)
  }

  private func strings<Item: CustomStringConvertible>(_ items: [Item]) -> JSONValue {
    .array(items.map { .string($0.description) })
  }
}
