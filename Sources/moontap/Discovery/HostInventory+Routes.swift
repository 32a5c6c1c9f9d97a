import JSONText
import Wire

// The ways out of a host's subnets.
extension HostInventory {
  struct Gateway {
    var id: String
    var addresses: [String]

    var json: JSONValue { ["id": .string(id), "addresses": .array(addresses.map { .string($0) })] }
  }

  /// The NAT gateways that some subnet's route leads to.
  func gateways(serving subnets: [Subnet]) -> [Gateway] {
    var found: [Gateway] = []
    for subnet in subnets {
      for route in facts.routes where route.gateway != nil {
        guard let gateway = gateway(for: subnet, route), !found.contains(where: { $0.id == gateway.id }) else {
          continue
        }
        found.append(gateway)
      }
    }
    return found
  }

  /// The host's routes through a gateway, as the subnet's packets meet them; those between its own networks are local.
  func routes(of subnet: Subnet) -> [JSONValue] {
    var destinations: Set<String> = []
    return facts.routes.compactMap { route -> JSONValue? in
      guard let next = route.gateway, let network = CIDR(route.destination), isOfFamily(network.family, subnet),
        // Of several routes to one destination the first has the lowest metric.
        destinations.insert(network.description).inserted
      else { return nil }
      let hop: JSONValue =
        gateway(for: subnet, route).map { ["type": "nat", "id": .string($0.id)] } ?? [
          "type": "other", "id": .string(next),
        ]
      return ["destination": .string(network.description), "nextHop": hop]
    }
  }

  private func isOfFamily(_ family: IPFamily, _ subnet: Subnet) -> Bool {
    subnet.networks.contains { $0.family == family }
  }

  /// The NAT that the subnet's packets go through on the route, if they do.
  private func gateway(for subnet: Subnet, _ route: HostRoute) -> Gateway? {
    guard let destination = CIDR(route.destination), subnet.id != "subnet-" + route.link,
      let link = facts.links.first(where: { $0.name == route.link })
    else { return nil }
    let networks = subnet.networks.filter { $0.family == destination.family }
    let rule = facts.nats.first { rule in
      (rule.link == nil || rule.link == route.link)
        && !networks.isEmpty && networks.allSatisfy { network in rule.sources.map { $0.contains(network) } ?? true }
    }
    guard let rule else { return nil }
    let own = link.addresses.map(\.address).filter { $0.family == destination.family }.map(\.description)
    // One gateway serves all VPCs of the host; ids are unique.
    let suffix = subnet.vpc == subnets.first?.vpc ? "" : "-of-" + subnet.vpc.dropFirst("vpc-".count)
    return Gateway(id: "nat-" + route.link + suffix, addresses: rule.addresses.isEmpty ? own : rule.addresses)
  }
}
