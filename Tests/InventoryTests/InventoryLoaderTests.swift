import Foundation
import Inventory
import Testing
import Wire

/// A small inventory in which one part is replaced, so that each test breaks one thing.
func document(
  vpcs: String? = nil, vpc: String = "",
  routes: String = #"{"destination": "0.0.0.0/0", "nextHop": {"type": "nat", "id": "nat-1"}}"#,
  subnet: String = #""cidrs": ["10.0.1.0/24"], "routeTable": "rtb-1""#,
  eni: String = #""mac": "02:00:00:00:00:01", "addresses": ["10.0.1.11"]"#, more: String = ""
) -> String {
  let vpcs =
    vpcs ?? """
      {"id": "vpc-1", "cidrs": ["10.0.0.0/16"]\(vpc),
       "natGateways": [{"id": "nat-1"}],
       "routeTables": [{"id": "rtb-1", "routes": [\(routes)]}],
       "subnets": [{"id": "subnet-1", \(subnet)}],
       "enis": [{"id": "eni-1", "subnet": "subnet-1", \(eni)}\(more)]}
      """
  return """
    {"format": "moontap.inventory/1", "regions": [{"id": "r-1", "vpcs": [
    \(vpcs)]}]}
    """
}

func load(_ text: String) throws(InventoryError) -> Inventory {
  try Inventory(json: Array(text.utf8), file: "i.json")
}

/// The error as the user sees it, or nil.
func refusal(_ text: String) -> String? {
  do throws(InventoryError) {
    _ = try load(text)
    return nil
  } catch {
    return error.description
  }
}

@Suite struct InventoryLoaderTests {
  @Test func loadsTheSmallInventory() throws {
    let inventory = try load(document())
    #expect(inventory.regions.map(\.id) == ["r-1"])
    #expect(inventory.vpcs[0].cidrs == [CIDR("10.0.0.0/16")!])
    #expect(inventory.subnets[0].routeTable == 0)
    #expect(inventory.enis[0].mac == MACAddress("02:00:00:00:00:01"))
    #expect(inventory.enis[0].subnet == 0)
    #expect(inventory.routeTables[0].routes[0].nextHop == .nat(0))
    #expect(inventory.routeTables[0].routes[0].isEnabled)
  }

  /// `docs/inventory.md`
  @Test func thePageIsTrue() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let page = try String(contentsOf: root.appending(path: "docs/inventory.md"), encoding: .utf8)
    let parts = page.components(separatedBy: "```")
    let example = try #require(parts.first { $0.hasPrefix("json\n") }).dropFirst(5)
    let inventory = try load(String(example))
    #expect(inventory.enis.map(\.interface) == ["tap-web1", nil])
    for code in InventoryProblem.Code.allCases { #expect(page.contains("`\(code.rawValue)`")) }
    // The loader names the fields that it knows when it meets another; here in every object.
    let said = refusal(document().replacing("{", with: #"{"zzzzzz": 1, "#)) ?? ""
    let known = said.matches(of: #/known here: ([^;]+);/#).flatMap { $0.output.1.split(separator: ", ") }
    #expect(known.count > 40)
    for field in known { #expect(page.contains("`\(field)`"), "\(field)") }
  }

  @Test func loadsOptionalFields() throws {
    let eni = #"""
      "name": "web", "mac": null, "addresses": ["10.0.1.11", "10.0.1.12"], "publicAddresses": ["198.51.100.1"],
      "instance": "i-1", "interface": "tap0", "bandwidthMbps": 3e3, "tags": {"env": "prod"}, "x-owner": {"any": [1]}
      """#
    let inventory = try load(document(eni: eni))
    let loaded = inventory.enis[0]
    #expect(loaded.name == "web" && loaded.instance == "i-1" && loaded.interface == "tap0")
    #expect(loaded.mac == nil)
    #expect(loaded.bandwidthMbps == 3000)
    #expect(loaded.tags == ["env": "prod"])
    #expect(loaded.publicAddress(of: IPAddress("10.0.1.11")!) == IPAddress("198.51.100.1"))
    #expect(loaded.publicAddress(of: IPAddress("10.0.1.12")!) == nil)
    #expect(inventory.enis(interface: "tap0") == [0])
    #expect(inventory.enis(interface: "eni-1") == [0])
    #expect(inventory.enis(interface: "tap1") == [])
  }

  @Test(arguments: [
    ("tap-web1", true), ("fifteen-bytes-x", true), ("sixteen-bytes-xx", false), ("web1/fifteen-bytes-x", true),
    ("a-long-namespace-name/eth0", true), ("", false), ("/eth0", false), ("web1/", false), ("../eth0", false),
    ("a/b/c", false),
  ])
  func interfacesHaveNamesThatLinuxCanHave(_ name: String, isRight: Bool) {
    let said = refusal(document(eni: #""addresses": ["10.0.1.11"], "interface": "\#(name)""#))
    #expect((said == nil) == isRight && said?.contains("inventory.interface") != false, "\(said ?? "")")
  }

  private static let eniPath = "regions[0].vpcs[0].enis[0]"

  @Test(arguments: [
    (
      document(eni: #""mac": "02:00:00:00:00:01", "adresses": []"#),
      """
      i.json:6: inventory.missing: regions[0].vpcs[0].enis[0]: the field "addresses" is missing
      i.json:6: inventory.unknown-field: regions[0].vpcs[0].enis[0].adresses: unknown field
        hint: did you mean "addresses"?
      """
    ),
    (
      document(vpc: #", "foo": 1"#),
      """
      i.json:2: inventory.unknown-field: regions[0].vpcs[0].foo: unknown field
        hint: known here: id, name, cidrs, tags, routeTables, subnets, natGateways, enis; names that start with x- are free
      """
    ),
    (
      document(eni: #""addresses": "10.0.1.11""#),
      """
      i.json:6: inventory.type: regions[0].vpcs[0].enis[0].addresses: a string stands where a list should
        hint: write [ ... ]
      """
    ),
    (
      document(eni: #""addresses": []"#),
      """
      i.json:6: inventory.address: regions[0].vpcs[0].enis[0].addresses: the ENI has no address
        hint: list at least one
      """
    ),
    (
      document(eni: #""addresses": ["10.0.1.999"]"#),
      """
      i.json:6: inventory.address: regions[0].vpcs[0].enis[0].addresses[0]: "10.0.1.999" is not the IP address of an interface
        hint: as in 10.20.1.11 or 2001:db8:20::11
      """
    ),
    (
      document(eni: #""addresses": ["10.0.2.11"]"#),
      """
      i.json:6: inventory.address-outside-subnet: regions[0].vpcs[0].enis[0].addresses[0]: 10.0.2.11 is not inside subnet subnet-1
        hint: the subnet has 10.0.1.0/24
      """
    ),
    (
      document(eni: #""mac": "01:00:5e:00:00:01", "addresses": ["10.0.1.11"]"#),
      """
      i.json:6: inventory.mac: regions[0].vpcs[0].enis[0].mac: "01:00:5e:00:00:01" is not the MAC address of an interface
        hint: six bytes as in 02:00:0a:14:01:0b, not all zero, the first one even
      """
    ),
    (
      document(eni: #""addresses": ["10.0.1.11"], "interface": "web1/a-name-far-too-long""#),
      """
      i.json:6: inventory.interface: regions[0].vpcs[0].enis[0].interface: "web1/a-name-far-too-long" is not the name of an interface
        hint: 1 to 15 bytes without a slash, as in tap-web1; NAMESPACE/INTERFACE is one in a network namespace
      """
    ),
    (
      document(eni: #""addresses": ["10.0.1.11"], "bandwidthMbps": 0.5"#),
      """
      i.json:6: inventory.bandwidth: regions[0].vpcs[0].enis[0].bandwidthMbps: 0.5 is not a bandwidth
        hint: a whole number of Mbit/s, 1 to 10000000
      """
    ),
    (
      document(eni: #""addresses": ["10.0.1.11"], "publicAddresses": ["198.51.100.1", "198.51.100.2"]"#),
      """
      i.json:6: inventory.public-address: regions[0].vpcs[0].enis[0].publicAddresses: 2 public IPv4 addresses for 1 IPv4 addresses
        hint: the first public address belongs to the first address of its family, and so on
      """
    ),
    (
      document(
        more: #", {"id": "eni-2", "subnet": "subnet-1", "mac": "02:00:00:00:00:01", "addresses": ["10.0.1.11"]}"#),
      """
      i.json:6: inventory.duplicate-mac: regions[0].vpcs[0].enis[1].mac: 02:00:00:00:00:01 is already the MAC address of eni-1 at line 6
      i.json:6: inventory.duplicate-address: regions[0].vpcs[0].enis[1].addresses[0]: 10.0.1.11 is already an address of eni-1 at line 6
      """
    ),
    (
      document(more: #", {"id": "rtb-1", "subnet": "subnet-2", "addresses": ["10.0.1.12"]}"#),
      """
      i.json:6: inventory.duplicate-id: regions[0].vpcs[0].enis[1].id: the id rtb-1 is already that of a route table at line 4
        hint: ids are unique within a region
      i.json:6: inventory.unknown-reference: regions[0].vpcs[0].enis[1].subnet: VPC vpc-1 has no subnet "subnet-2"
        hint: did you mean "subnet-1"?
      """
    ),
    (
      document(subnet: #""cidrs": ["10.1.1.0/24"], "routeTable": "rtb-1""#, eni: #""addresses": ["10.1.1.1"]"#),
      """
      i.json:5: inventory.subnet-outside-vpc: regions[0].vpcs[0].subnets[0].cidrs[0]: 10.1.1.0/24 is not inside VPC vpc-1
        hint: the VPC has 10.0.0.0/16
      """
    ),
    (
      document(subnet: #""cidrs": ["10.0.1.0/24", "10.0.1.128/25"], "routeTable": "rtb-1""#),
      """
      i.json:5: inventory.subnet-overlap: regions[0].vpcs[0].subnets[0].cidrs[1]: 10.0.1.128/25 overlaps 10.0.1.0/24 at line 5
      """
    ),
    (
      document(subnet: #""cidrs": ["10.0.1.1/24"], "routeTable": "rtb-1""#),
      """
      i.json:5: inventory.cidr: regions[0].vpcs[0].subnets[0].cidrs[0]: "10.0.1.1/24" has bits set beyond its length
        hint: did you mean "10.0.1.0/24"?
      """
    ),
    (
      document(subnet: #""cidrs": ["10.0.1.0/33"]"#),
      """
      i.json:5: inventory.missing: regions[0].vpcs[0].subnets[0]: the field "routeTable" is missing
      i.json:5: inventory.cidr: regions[0].vpcs[0].subnets[0].cidrs[0]: "10.0.1.0/33" is not a network
        hint: as in 10.20.0.0/16 or 2001:db8:20::/56
      """
    ),
    (
      document(routes: #"{"destination": "0.0.0.0/0", "nextHop": {"type": "nta", "id": "nat-1"}, "enabled": 1}"#),
      """
      i.json:4: inventory.next-hop: regions[0].vpcs[0].routeTables[0].routes[0].nextHop.type: "nta" is not a type of next hop
        hint: did you mean "nat"?
      i.json:4: inventory.type: regions[0].vpcs[0].routeTables[0].routes[0].enabled: a number stands where true or false should
      """
    ),
    (
      document(routes: #"{"destination": "0.0.0.0/0", "nextHop": {"type": "nat", "id": "nat-x9"}}"#),
      """
      i.json:4: inventory.unknown-reference: regions[0].vpcs[0].routeTables[0].routes[0].nextHop.id: VPC vpc-1 has no NAT gateway "nat-x9"
        hint: it has nat-1
      """
    ),
    (
      document(vpcs: #"{"id": "../etc", "cidrs": ["10.0.0.0/8"]}"#),
      """
      i.json:2: inventory.id: regions[0].vpcs[0].id: "../etc" is not an id
        hint: 1 to 128 characters without blanks, control characters and slashes, not starting with a full stop
      """
    ),
    (
      #"{"format": "moontap.inventory/2", "regions": []}"#,
      """
      i.json:1: inventory.format: format: "moontap.inventory/2" is not the format of an inventory
        hint: write "moontap.inventory/1"
      """
    ),
    (
      document(vpc: #", "tags": ["prod"]"#),
      """
      i.json:2: inventory.type: regions[0].vpcs[0].tags: a list stands where an object of tags should
      """
    ),
    (
      document(vpcs: #"{"id": "vpc-1", "cidrs": []}"#),
      """
      i.json:2: inventory.cidr: regions[0].vpcs[0].cidrs: there is no network
        hint: list at least one, as in ["10.20.0.0/16"]
      """
    ),
    (
      document(vpcs: #"{"id": 7, "cidrs": ["10.0.0.0/8"]}, 7"#),
      """
      i.json:2: inventory.type: regions[0].vpcs[0].id: a number stands where a string should
      i.json:2: inventory.type: regions[0].vpcs[1]: a number stands where an object should
      """
    ),
    ("[]", "i.json:1: inventory.type: a list stands where an object should"),
    ("{", "i.json:1:2: json.syntax: the text ends where a name in quotes or } should stand"),
  ])
  func saysWhatIsWrongAndWhere(text: String, expected: String) {
    #expect(refusal(text) == expected)
  }

  @Test func reportsEveryProblemInTheOrderOfTheFile() throws {
    let text = document(
      vpc: #", "nmae": "x""#, subnet: #""cidrs": ["10.9.0.0/24"]"#, eni: #""mac": "x", "addresses": ["10.9.0.1", 7]"#)
    do throws(InventoryError) {
      _ = try load(text)
      Issue.record("accepted")
    } catch {
      guard case .invalid(let problems) = error else {
        Issue.record("not invalid: \(error)")
        return
      }
      #expect(
        problems.map(\.code)
          == [.unknownField, .missing, .subnetOutsideVPC, .mac, .type], "\(error)")
      #expect(problems.map(\.position) == problems.map(\.position).sorted())
    }
  }

  @Test func allowsTheSamePlanInTwoVPCsAndRegions() throws {
    let vpc = { (id: String) in
      """
      {"id": "vpc-\(id)", "cidrs": ["10.0.0.0/16"], "routeTables": [{"id": "rtb-\(id)"}],
       "subnets": [{"id": "subnet-\(id)", "cidrs": ["10.0.1.0/24"], "routeTable": "rtb-\(id)"}],
       "enis": [{"id": "eni-\(id)", "subnet": "subnet-\(id)", "mac": "02:00:00:00:00:01", "addresses": ["10.0.1.11"]}]}
      """
    }
    let text = """
      {"format": "moontap.inventory/1", "regions": [{"id": "a", "vpcs": [\(vpc("1")), \(vpc("2"))]},
      {"id": "b", "vpcs": [\(vpc("1"))]}]}
      """
    let inventory = try load(text)
    #expect(inventory.enis(mac: MACAddress("02:00:00:00:00:01")!) == [0, 1, 2])
    #expect((0..<3).map { inventory.eni(vpc: $0, mac: MACAddress("02:00:00:00:00:01")!) } == [0, 1, 2])
    #expect((0..<3).map { inventory.eni(vpc: $0, address: IPAddress("10.0.1.11")!) } == [0, 1, 2])
    #expect(inventory.vpcs(id: "vpc-1") == [0, 2])
    #expect(
      refusal(text.replacing("\"id\": \"b\"", with: "\"id\": \"a\""))?.contains("region a is already at line 1") == true
    )
  }

  /// Whatever stands in a file, there is an inventory or a refusal, and never a trap.
  @Test func answersToAnyFile() {
    let whole = Array(document(vpc: #", "tags": {"a": "b"}, "x-a": [1, null]"#).utf8)
    let pieces = ["null", "{}", "[]", "\"\"", "-1", "1e400", "\"10.0.0.0/8\"", "\"::/0\"", "{\"id\": \"vpc-1\"}"]
    var seed: UInt64 = 42
    func random(_ count: Int) -> Int {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(seed >> 33) % count
    }
    var refused = 0
    for _ in 0..<2_000 {
      var bytes = whole
      if random(2) == 0 {
        for _ in 0...random(3) { bytes[random(bytes.count)] = UInt8(0x20 + random(0x5f)) }
      } else if let value = bytes[random(bytes.count)...].firstIndex(of: UInt8(ascii: ":")) {
        let end = bytes[(value + 1)...].firstIndex { ",}]".utf8.contains($0) } ?? bytes.endIndex
        bytes.replaceSubrange((value + 1)..<end, with: pieces[random(pieces.count)].utf8)
      }
      do throws(InventoryError) {
        _ = try Inventory(json: bytes, file: "i.json")
      } catch {
        refused += 1
        #expect(error.description.hasPrefix("i.json:"))
      }
    }
    #expect(refused > 1_000 && refused < 2_000)
  }
}
