import Foundation
import Inventory
import Testing
import Wire

private func ip(_ text: String) -> IPAddress { IPAddress(text)! }

@Suite struct InventoryQueryTests {
  @Test func loadsTheExampleInventory() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
      "../../examples/inventories/shop.json")
    let inventory = try Inventory(json: Array(Data(contentsOf: file)), file: "shop.json")
    #expect(inventory.enis.count == 12)
    #expect(inventory.subnets.map(\.id) == ["subnet-web", "subnet-app", "subnet-db", "subnet-tools"])
    let web1 = try #require(inventory.eni(vpc: 0, address: ip("2001:db8:20:1::11")))
    #expect(inventory.enis[web1].id == "eni-web1")
    #expect(inventory.nextHops(subnet: 0, destination: ip("192.0.2.1")) == [.nat(0)])
    #expect(inventory.nextHops(subnet: 2, destination: ip("192.0.2.1")) == [])
    #expect(inventory.nextHops(subnet: 2, destination: ip("192.168.3.4")) == [.vpn("vpn-office")])
    #expect(inventory.nextHops(subnet: 2, destination: ip("2001:db8:20:5::1")) == [.local])
  }

  @Test func listsTheENIsOfASubnetAndKnowsTheirMACs() throws {
    let inventory = try load(document(more: #", {"id": "eni-2", "subnet": "subnet-1", "addresses": ["10.0.1.12"]}"#))
    #expect(inventory.enis(subnet: 0) == [0, 1])
    #expect(inventory.isKnown(mac: MACAddress("02:00:00:00:00:01")!))
    #expect(!inventory.isKnown(mac: MACAddress("02:00:00:00:00:02")!))
  }

  @Test func findsTheSubnetOfAnAddressThatAnInterfaceCanHave() throws {
    let subnet = #""cidrs": ["10.0.1.0/24", "10.0.2.0/31", "10.0.3.7/32"], "routeTable": "rtb-1""#
    let inventory = try load(document(subnet: subnet))
    for inside in ["10.0.1.1", "10.0.1.254", "10.0.2.0", "10.0.2.1", "10.0.3.7"] {
      #expect(inventory.subnet(vpc: 0, address: ip(inside)) == 0, "\(inside)")
      #expect(!inventory.isNetworkOrBroadcast(vpc: 0, address: ip(inside)))
    }
    for outside in ["10.0.1.0", "10.0.1.255", "10.0.2.2", "10.0.3.6", "10.0.0.255", "11.0.1.1", "224.0.0.1", "::1"] {
      #expect(inventory.subnet(vpc: 0, address: ip(outside)) == nil, "\(outside)")
    }
    #expect(inventory.isNetworkOrBroadcast(vpc: 0, address: ip("10.0.1.255")))
    #expect(inventory.isNetworkOrBroadcast(vpc: 0, address: ip("10.0.1.0")))
  }

  @Test func doesNotTakeAnIPv6AddressForAnIPv4One() throws {
    let inventory = try load(document())
    #expect(inventory.eni(vpc: 0, address: ip("10.0.1.11")) == 0)
    #expect(inventory.eni(vpc: 0, address: ip("ffff:ffff:ffff:ffff::a00:10b")) == nil)
    #expect(inventory.eni(vpc: 0, address: ip("::a00:10b")) == nil)
  }

  private func route(_ destination: String, _ hop: String, enabled: Bool = true) -> String {
    #"{"destination": "\#(destination)", "nextHop": \#(hop), "enabled": \#(enabled)}"#
  }

  private let nat = #"{"type": "nat", "id": "nat-1"}"#
  private let eip = #"{"type": "eip"}"#
  private let vpn = #"{"type": "vpn", "id": "v"}"#

  @Test func takesTheLongestEnabledPrefix() throws {
    let routes = [
      route("0.0.0.0/0", nat), route("8.0.0.0/8", vpn), route("8.8.0.0/16", nat),
      route("8.8.8.0/24", vpn, enabled: false),
    ].joined(separator: ",")
    let inventory = try load(document(routes: routes))
    #expect(inventory.nextHops(subnet: 0, destination: ip("8.8.8.8")) == [.nat(0)])
    #expect(inventory.nextHops(subnet: 0, destination: ip("8.9.8.8")) == [.vpn("v")])
    #expect(inventory.nextHops(subnet: 0, destination: ip("9.9.9.9")) == [.nat(0)])
    #expect(inventory.nextHops(subnet: 0, destination: ip("2001:db8::1")) == [])
  }

  @Test func letsTheImplicitLocalRouteWinATieAndLoseToAMoreSpecificOne() throws {
    let inventory = try load(
      document(routes: [route("10.0.0.0/16", nat), route("10.0.7.0/24", nat)].joined(separator: ",")))
    #expect(inventory.nextHops(subnet: 0, destination: ip("10.0.1.1")) == [.local])
    #expect(inventory.nextHops(subnet: 0, destination: ip("10.0.7.1")) == [.nat(0)])
  }

  @Test func returnsEveryEqualCostWinner() throws {
    let inventory = try load(
      document(
        routes: [route("0.0.0.0/0", vpn), route("0.0.0.0/0", nat), route("0.0.0.0/0", nat)].joined(separator: ",")))
    #expect(inventory.nextHops(subnet: 0, destination: ip("9.9.9.9")) == [.vpn("v"), .nat(0)])
    #expect(inventory.isNextHop(nat: 0, subnet: 0, eni: 0, source: ip("10.0.1.11"), destination: ip("9.9.9.9")))
  }

  @Test func sendsAnAddressWithItsOwnPublicAddressByAnEqualRoute() throws {
    let eni = #""addresses": ["10.0.1.11", "10.0.1.12"], "publicAddresses": ["198.51.100.1"]"#
    let equal = try load(document(routes: route("0.0.0.0/0", nat) + "," + route("0.0.0.0/0", eip), eni: eni))
    let asks = { (inventory: Inventory, eni: ENIIndex?, source: String) in
      inventory.isNextHop(nat: 0, subnet: 0, eni: eni, source: ip(source), destination: ip("9.9.9.9"))
    }
    #expect(!asks(equal, 0, "10.0.1.11"))
    #expect(asks(equal, 0, "10.0.1.12"), "no public address of its own")
    #expect(asks(equal, nil, "10.0.1.13"), "an unlisted ENI has no public address")
    #expect(asks(equal, 0, "192.0.2.1"), "a forwarded packet's source is not the ENI's")
    let alone = try load(document(routes: route("0.0.0.0/0", nat), eni: eni))
    #expect(asks(alone, 0, "10.0.1.11"), "no eip route, so the gateway")
    let longer = try load(document(routes: route("9.0.0.0/8", nat) + "," + route("0.0.0.0/0", eip), eni: eni))
    #expect(asks(longer, 0, "10.0.1.11"), "the gateway's route is more specific, not equal")
  }

  @Test(arguments: ["224.0.0.5", "255.255.255.255", "169.254.169.254", "127.0.0.1", "0.0.0.0"])
  func givesNoNextHopToSpecialDestinations(destination: String) throws {
    let inventory = try load(document())
    #expect(!inventory.isNextHop(nat: 0, subnet: 0, eni: 0, source: ip("10.0.1.11"), destination: ip(destination)))
    #expect(inventory.isNextHop(nat: 0, subnet: 0, eni: 0, source: ip("10.0.1.11"), destination: ip("9.9.9.9")))
  }

  @Test func loadsTenThousandENIs() throws {
    let enis = (0..<10_000).map { index in
      let mac = MACAddress(value: 0x0200_0000_0000 + UInt64(index))
      let address = IPAddress(v4: 0x0a00_0000 + UInt32(index) + 1)
      return
        #"{"id": "eni-\#(index)", "subnet": "s", "mac": "\#(mac)", "addresses": ["\#(address)"], "tags": {"n": "1"}}"#
    }
    let vpc = """
      {"id": "v", "cidrs": ["10.0.0.0/8"], "routeTables": [{"id": "r"}],
       "subnets": [{"id": "s", "cidrs": ["10.0.0.0/8"], "routeTable": "r"}], "enis": [\(enis.joined(separator: ",\n"))]}
      """
    let inventory = try load(document(vpcs: vpc))
    #expect(inventory.enis.count == 10_000)
    for index in stride(from: 0, to: 10_000, by: 7) {
      #expect(inventory.eni(vpc: 0, mac: MACAddress(value: 0x0200_0000_0000 + UInt64(index))) == index)
      #expect(inventory.eni(vpc: 0, address: IPAddress(v4: 0x0a00_0000 + UInt32(index) + 1)) == index)
    }
    #expect(inventory.eni(vpc: 0, mac: MACAddress(value: 0x0200_0000_ffff)) == nil)
  }
}
