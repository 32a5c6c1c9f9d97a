import Inventory
import JSONText
import Wire

/// An inventory for people, and as the file that would make it.
struct InventoryText {
  let inventory: Inventory
  /// nil: all VPCs.
  let vpc: String?
  private let enisBySubnet: [SubnetIndex: [ENI]]

  init(inventory: Inventory, vpc: String?) {
    self.inventory = inventory
    self.vpc = vpc
    enisBySubnet = Dictionary(grouping: inventory.enis, by: \.subnet)
  }

  private func vpcs(of region: RegionIndex) -> [Int] {
    inventory.vpcs.indices.filter {
      inventory.vpcs[$0].region == region && (vpc == nil || inventory.vpcs[$0].id == vpc)
    }
  }

  // MARK: Text

  var text: String {
    var text = ""
    for region in inventory.regions.indices where vpc == nil || !vpcs(of: region).isEmpty {
      text += Terminal.bold(inventory.regions[region].id) + "\n"
      for vpc in vpcs(of: region) { text += describe(inventory.vpcs[vpc]) }
    }
    return text
  }

  private func describe(_ vpc: VPC) -> String {
    var text = "  " + Terminal.bold(label(vpc.id, vpc.name)) + "  " + list(vpc.cidrs) + tags(vpc.tags) + "\n"
    for table in vpc.routeTables {
      text += "    route table \(inventory.routeTables[table].id)\n"
      for route in inventory.routeTables[table].routes { text += "      " + describe(route) + "\n" }
      for cidr in implicitLocals(vpc, inventory.routeTables[table]) {
        text += "      \(cidr) → local (implicit)\n"
      }
    }
    for gateway in vpc.natGateways.map({ inventory.natGateways[$0] }) {
      text += "    NAT gateway \(label(gateway.id, gateway.name))  \(list(gateway.addresses))\n"
    }
    for subnet in vpc.subnets { text += describe(subnet, inventory.subnets[subnet]) }
    return text
  }

  private func describe(_ index: SubnetIndex, _ subnet: Subnet) -> String {
    var text =
      "    subnet \(label(subnet.id, subnet.name))  \(list(subnet.cidrs))  by \(inventory.routeTables[subnet.routeTable].id)"
      + tags(subnet.tags) + "\n"
    for eni in enisBySubnet[index] ?? [] {
      let facts = [
        eni.mac?.description, list(eni.addresses),
        eni.publicAddresses.isEmpty ? nil : "public \(list(eni.publicAddresses))",
        eni.interface.map { "on \($0.cleanLine())" }, eni.bandwidthMbps.map { "\($0) Mbit/s" },
      ].compactMap { $0 }
      text += "      \(label(eni.id, eni.name))  \(facts.joined(separator: "  "))" + tags(eni.tags) + "\n"
    }
    return text
  }

  private func describe(_ route: Route) -> String {
    let (type, id) = route.nextHop.words(in: inventory)
    return "\(route.destination) → \(type)" + (id.map { " " + $0.cleanLine() } ?? "")
      + (route.isEnabled ? "" : " (disabled)")
  }

  /// The VPC's own CIDRs are routes too, also when the file leaves them out (semantics section 2).
  private func implicitLocals(_ vpc: VPC, _ table: RouteTable) -> [CIDR] {
    vpc.cidrs.filter { cidr in
      !table.routes.contains { $0.destination == cidr && $0.nextHop == .local && $0.isEnabled }
    }
  }

  private func label(_ id: String, _ name: String?) -> String { name.map { "\(id) (\($0.cleanLine()))" } ?? id }

  private func list<Item: CustomStringConvertible>(_ items: [Item]) -> String {
    items.map(\.description).joined(separator: ", ")
  }

  private func tags(_ tags: [String: String]) -> String {
    tags.isEmpty
      ? "" : "  " + tags.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)".cleanLine() }.joined(separator: " ")
  }

  // MARK: JSON

  var json: JSONValue {
    let regions = inventory.regions.indices.filter { vpc == nil || !vpcs(of: $0).isEmpty }
    return [
      "format": .string(Inventory.format),
      "regions": .array(
        regions.map { region in
          [
            "id": .string(inventory.regions[region].id),
            "vpcs": .array(vpcs(of: region).map { json(inventory.vpcs[$0]) }),
          ]
        }),
    ]
  }

  private func json(_ vpc: VPC) -> JSONValue {
    object([
      ("id", .string(vpc.id)), ("name", optional(vpc.name)), ("cidrs", strings(vpc.cidrs)), ("tags", json(vpc.tags)),
      ("routeTables", .array(vpc.routeTables.map { json(inventory.routeTables[$0]) })),
      ("subnets", .array(vpc.subnets.map { json(inventory.subnets[$0]) })),
      ("natGateways", .array(vpc.natGateways.map { json(inventory.natGateways[$0]) })),
      ("enis", .array(vpc.enis.map { json(inventory.enis[$0]) })),
    ])
  }

  private func json(_ table: RouteTable) -> JSONValue {
    let routes = table.routes.map { route in
      let (type, id) = route.nextHop.words(in: inventory)
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
      ("routeTable", .string(inventory.routeTables[subnet.routeTable].id)), ("tags", json(subnet.tags)),
    ])
  }

  private func json(_ gateway: NATGateway) -> JSONValue {
    object([
      ("id", .string(gateway.id)), ("name", optional(gateway.name)), ("addresses", strings(gateway.addresses)),
    ])
  }

  private func json(_ eni: ENI) -> JSONValue {
    object([
      ("id", .string(eni.id)), ("name", optional(eni.name)), ("subnet", .string(inventory.subnets[eni.subnet].id)),
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
