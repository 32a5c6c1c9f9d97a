import ArgumentParser
import Foundation
import Inventory
import JSONText
import Wire

extension InventoryCommand {
  struct Discover: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "discover",
      abstract: "Make an inventory of this host's own networks.",
      discussion: """
        EXAMPLES:
          moontap inventory discover
          moontap inventory discover --write host.json

        Bridges and interfaces with addresses become subnets; veth ends in named namespaces, guests behind taps and the host's \
        own addresses become ENIs, bound to the interface where a capture sees them; masquerade and SNAT rules of nftables \
        become NAT gateways. Namespaces and rules want root. Nothing on the host is changed.
        """)

    @Option(help: ArgumentHelp("Name of the region. (default: this host's name)", valueName: "id"))
    var region: String?

    @Option(help: ArgumentHelp("Write a moontap.inventory/1 file.", valueName: "file"), completion: .file())
    var write: String?

    @Flag(help: "Print the inventory as JSON instead of a table.")
    var json = false

    func run() throws {
      try finish {
        let facts = try HostFacts.gather()
        let host = HostInventory(facts)
        host.notes.complain()
        let inventory = try Inventory.made(host.document(region: region ?? facts.name), from: "this host")
        let text = inventory.json().text(.pretty) + "\n"
        if let write { try Data(text.utf8).write(to: URL(filePath: write), options: .atomic) }
        try Terminal.write(json ? text : host.table + inventory.gatewayLines)
        if let write, !json { try Terminal.write("\(write): \(inventory.sizeInWords)\n") }
        return .ok
      }
    }
  }
}

extension HostInventory {
  var table: String {
    if subnets.isEmpty { return "no network with an address\n" }
    var table = TextTable(["ENI", "SUBNET", "ADDRESSES", "MAC", "INTERFACE", "PLACE"])
    for subnet in subnets {
      for interface in subnet.interfaces {
        table.add([
          interface.id, subnet.id, interface.addresses.map(\.description).joined(separator: ", "),
          interface.mac ?? "unknown", interface.interface ?? "none", interface.place,
        ])
      }
    }
    return table.text
  }
}

extension Inventory {
  fileprivate var gatewayLines: String {
    natGateways.map { gateway in
      "NAT gateway \(gateway.id) of \(vpcs[gateway.vpc].id): "
        + gateway.addresses.map(\.description).joined(separator: ", ") + "\n"
    }.joined()
  }
}
