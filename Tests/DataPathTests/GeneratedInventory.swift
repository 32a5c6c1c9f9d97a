// Random inventories, as JSON text through the real loader: small, and full of coincidences.

import Inventory
import JSONText
import SeededRandom
import Wire

extension RandomNumbers {
  /// One region; VPCs with overlapping address plans; a MAC of one VPC may be met in another.
  mutating func inventoryText() -> String {
    let vpcs = (0..<number(1...3)).map { vpcText($0) }.joined(separator: ",\n")
    return #"{"format": "moontap.inventory/1", "regions": [{"id": "r", "vpcs": [\#(vpcs)]}]}"#
  }

  private mutating func vpcText(_ vpc: Int) -> String {
    let cidrs = quoted(chance(80) ? ["10.20.0.0/16", "2001:db8:20::/56"] : ["10.20.0.0/17", "2001:db8:20::/56"])
    let tables = (0..<number(1...2)).map { tableText("rtb-\(vpc)-\($0)", vpc) }
    let subnets = subnetPlan.prefix(number(1...3)).enumerated().map { index, plan in
      let id = "subnet-\(vpc)-\(index)"
      let table = "rtb-\(vpc)-\(number(0...tables.count - 1))"
      return #"{"id": "\#(id)", "cidrs": \#(quoted(plan.cidrs)), "routeTable": "\#(table)"}"#
    }
    return """
      {"id": "vpc-\(vpc)", "cidrs": \(cidrs),
       "natGateways": [{"id": "nat-\(vpc)-0", "addresses": ["203.0.113.1"]}, {"id": "nat-\(vpc)-1", "addresses": []}],
       "routeTables": [\(tables.joined(separator: ",\n  "))],
       "subnets": [\(subnets.joined(separator: ",\n  "))],
       "enis": [\(eniTexts(vpc, subnets: subnets.count).joined(separator: ",\n  "))]}
      """
  }

  private var subnetPlan: [(cidrs: [String], addresses: [String])] {
    [
      (
        ["10.20.1.0/24", "2001:db8:20:1::/64"],
        ["10.20.1.1", "10.20.1.11", "10.20.1.12", "10.20.1.254", "2001:db8:20:1::11", "2001:db8:20:1::12"]
      ),
      (["10.20.2.0/28"], ["10.20.2.1", "10.20.2.2", "10.20.2.14"]),
      (["10.20.3.0/31", "2001:db8:20:3::/64"], ["10.20.3.0", "10.20.3.1", "2001:db8:20:3::1"]),
    ]
  }

  private mutating func tableText(_ id: String, _ vpc: Int) -> String {
    let destinations = [
      "0.0.0.0/0", "0.0.0.0/0", "8.0.0.0/8", "8.8.8.0/24", "8.8.8.8/32", "10.0.0.0/8", "10.20.0.0/16", "10.20.2.0/24",
      "198.51.100.0/25", "224.0.0.0/4", "::/0", "2001:db8::/32", "2001:db8:ffff::/48",
    ]
    let routes = (0..<number(0...8)).map { _ in
      let hop = pick([
        #""nat", "id": "nat-\#(vpc)-0""#, #""nat", "id": "nat-\#(vpc)-0""#, #""nat", "id": "nat-\#(vpc)-1""#,
        #""local""#, #""eip""#, #""vpn", "id": "vpn-1""#,
      ])
      let enabled = chance(85)
      return #"{"destination": "\#(pick(destinations))", "nextHop": {"type": \#(hop)}, "enabled": \#(enabled)}"#
    }
    return #"{"id": "\#(id)", "routes": [\#(routes.joined(separator: ", "))]}"#
  }

  private mutating func eniTexts(_ vpc: Int, subnets: Int) -> [String] {
    var free = subnetPlan.prefix(subnets).map { $0.addresses.shuffled(using: &self) }
    let macs = Array(Self.macs.shuffled(using: &self).prefix(6))
    return (0..<number(1...5)).compactMap { index in
      let subnet = number(0...subnets - 1)
      let addresses = Array(free[subnet].prefix(number(1...3)))
      guard !addresses.isEmpty else { return nil }
      free[subnet].removeFirst(addresses.count)
      return eniText("eni-\(vpc)-\(index)", "subnet-\(vpc)-\(subnet)", addresses, mac: chance(75) ? macs[index] : nil)
    }
  }

  private mutating func eniText(_ id: String, _ subnet: String, _ addresses: [String], mac: String?) -> String {
    let hasPublic = addresses.contains { !$0.contains(":") } && chance(40)
    let publics = hasPublic ? #", "publicAddresses": ["203.0.113.77"]"# : ""
    let interface = chance(80) ? #", "interface": "tap-\#(id)""# : ""
    let physical = mac.map { #", "mac": "\#($0)""# } ?? ""
    return """
      {"id": "\(id)", "subnet": "\(subnet)", "addresses": \(quoted(addresses)), "bandwidthMbps": 100\(interface)\(publics)\(physical)}
      """
  }

  private func quoted(_ texts: [String]) -> String { "[" + texts.map { "\"\($0)\"" }.joined(separator: ", ") + "]" }

  static let macs = (1...8).map { "02:00:00:00:00:0\($0)" }
}
