public import JSONText
import Wire

extension Inventory {
  /// The document that would make this inventory, in canonical order; the same inventory comes back from it.
  ///
  /// - Parameter isWanted: which VPCs; a region none of whose VPCs is wanted is left out, an empty region is kept.
  public func json(where isWanted: (VPC) -> Bool = { _ in true }) -> JSONValue {
    let list = regions.indices.compactMap { region -> JSONValue? in
      let own = vpcs.filter { $0.region == region }
      let wanted = own.filter(isWanted)
      guard !wanted.isEmpty || own.isEmpty else { return nil }
      return ["id": .string(regions[region].id), "vpcs": .array(wanted.map(json))]
    }
    return ["format": .string(Self.format), "regions": .array(list)]
  }

  /// One VPC as it stands in a document.
  public func json(_ vpc: VPC) -> JSONValue {
    object([
      ("id", .string(vpc.id)), ("name", optional(vpc.name)), ("cidrs", strings(vpc.cidrs)), ("tags", json(vpc.tags)),
      ("routeTables", .array(vpc.routeTables.map { json(routeTables[$0]) })),
      ("subnets", .array(vpc.subnets.map { json(subnets[$0]) })),
      ("natGateways", .array(vpc.natGateways.map { json(natGateways[$0]) })),
      ("enis", .array(vpc.enis.map { json(enis[$0]) })),
    ])
  }

  private func json(_ table: RouteTable) -> JSONValue {
    let routes = table.routes.map { route in
      let (type, id) = route.nextHop.words(in: self)
      return object([
        ("destination", .string(route.destination.description)),
        ("nextHop", object([("type", .string(type)), ("id", optional(id))])),
        ("enabled", route.isEnabled ? .null : false),
      ])
    }
    return ["id": .string(table.id), "routes": .array(routes)]
  }

  private func json(_ subnet: Subnet) -> JSONValue {
    object([
      ("id", .string(subnet.id)), ("name", optional(subnet.name)), ("cidrs", strings(subnet.cidrs)),
      ("routeTable", .string(routeTables[subnet.routeTable].id)), ("tags", json(subnet.tags)),
    ])
  }

  private func json(_ gateway: NATGateway) -> JSONValue {
    object([
      ("id", .string(gateway.id)), ("name", optional(gateway.name)), ("addresses", strings(gateway.addresses)),
    ])
  }

  private func json(_ eni: ENI) -> JSONValue {
    object([
      ("id", .string(eni.id)), ("name", optional(eni.name)), ("subnet", .string(subnets[eni.subnet].id)),
      ("mac", optional(eni.mac?.description)), ("addresses", strings(eni.addresses)),
      ("publicAddresses", eni.publicAddresses.isEmpty ? .null : strings(eni.publicAddresses)),
      ("instance", optional(eni.instance)), ("interface", optional(eni.interface)),
      ("bandwidthMbps", eni.bandwidthMbps.map { .integer($0) } ?? .null), ("tags", json(eni.tags)),
    ])
  }

  /// Members that are null are left out.
  private func object(_ members: [(String, JSONValue)]) -> JSONValue {
    .object(members.filter { !$0.1.isNull }.map { JSONMember($0.0, $0.1) })
  }

  private func optional(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }

  private func strings<Item: CustomStringConvertible>(_ items: [Item]) -> JSONValue {
    .array(items.map { .string($0.description) })
  }

  private func json(_ tags: [String: String]) -> JSONValue {
    tags.isEmpty ? .null : .object(tags.sorted { $0.key < $1.key }.map { JSONMember($0.key, .string($0.value)) })
  }
}
