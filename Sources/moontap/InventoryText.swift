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

  var json: JSONValue { inventory.json { vpc == nil || $0.id == vpc } }
}
