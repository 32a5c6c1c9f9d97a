import Cloud
import Foundation
import Inventory
import JSONText
import Testing
import Wire

enum CloudFixture {
  static func read(_ name: String) throws -> JSONValue {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let bytes = try Data(contentsOf: folder.appending(path: "Fixtures/cloud/\(name).json"))
    return try JSONValue(json: Array(bytes), file: name)
  }

  static let tencent = ["vpcs", "subnets", "enis-1", "enis-2", "routes", "nats"].map { "tencent/" + $0 }
  static let aws = ["vpcs", "subnets", "enis", "routes", "nats"].map { "aws/" + $0 }

  static func cloud(_ names: [String]) throws -> CloudInventory {
    var answers = CloudAnswers()
    for name in names { answers.add(try read(name), file: name) }
    return CloudInventory(answers)
  }
}

struct CloudInventoryTests {
  private static func inventory(_ names: [String], region: String? = nil) throws -> (Inventory, [CloudNote]) {
    var cloud = try CloudFixture.cloud(names)
    let document = cloud.document(region: region)
    return (try Inventory(document, file: "answers"), cloud.notes)
  }

  // MARK: Tencent Cloud

  @Test func readsTencentAnswersWholeInnerAndBareInAnyOrder() throws {
    let (inventory, notes) = try Self.inventory(CloudFixture.tencent)
    #expect(inventory.regions.map(\.id) == ["ap-guangzhou", "ap-singapore"])
    #expect(inventory.vpcs.map(\.id) == ["vpc-aaaa1111", "vpc-bbbb2222"])
    let shop = inventory.vpcs[0]
    #expect(shop.name == "shop" && shop.tags == ["env": "prod"] && inventory.vpcs[1].name == nil)
    #expect(shop.cidrs.map(\.description) == ["10.20.0.0/16", "2001:db8:20::/56", "10.21.0.0/16"])
    #expect(notes.map(\.sentence) == ["ENI eni-old00001 has no address"] && notes.allSatisfy(\.isWarning))
    let (turned, _) = try Self.inventory(CloudFixture.tencent.reversed())
    #expect(turned.json() == inventory.json())
  }

  @Test func pagesAreMergedByID() throws {
    let (inventory, _) = try Self.inventory(CloudFixture.tencent)
    #expect(inventory.enis.map(\.id) == ["eni-ids00001", "eni-web00001"])
  }

  @Test func aPublicAddressStaysWithItsPrivateOne() throws {
    let (inventory, _) = try Self.inventory(CloudFixture.tencent)
    let eni = try #require(inventory.enis.first { $0.id == "eni-web00001" })
    #expect(eni.addresses.map(\.description) == ["10.20.1.21", "10.20.1.11", "2001:db8:20:1::11"])
    #expect(eni.publicAddresses.map(\.description) == ["198.51.100.21"])
    #expect(
      eni.mac?.description == "20:90:6f:00:00:01" && eni.instance == "ins-web00001" && eni.tags == ["role": "front"])
  }

  @Test func disabledRoutesGoAndLocalOnesCome() throws {
    let (inventory, _) = try Self.inventory(CloudFixture.tencent)
    let main = try #require(inventory.routeTables.first { $0.id == "rtb-main0001" })
    let routes = main.routes.map { "\($0.destination) \($0.nextHop.words(in: inventory).type)" }
    #expect(
      routes == [
        "10.20.0.0/16 local", "2001:db8:20::/56 local", "10.21.0.0/16 local", "0.0.0.0/0 nat", "172.16.0.0/12 peering",
        "::/0 other",
      ])
    // A subnet whose table no answer describes has local routes only.
    let lab = try #require(inventory.subnets.first { $0.id == "subnet-lab00001" })
    #expect(inventory.routeTables[lab.routeTable].routes.map { $0.nextHop } == [.local])
  }

  // MARK: AWS

  @Test func readsAWSAnswers() throws {
    let (inventory, notes) = try Self.inventory(CloudFixture.aws)
    #expect(inventory.regions.map(\.id) == ["eu-west-1"])
    #expect(inventory.vpcs[0].cidrs.map(\.description) == ["10.20.0.0/16", "10.21.0.0/16", "2001:db8:20::/56"])
    #expect(inventory.vpcs[0].name == "shop" && inventory.vpcs[0].tags == ["env": "prod"])
    let tables = inventory.subnets.map { "\($0.id) \(inventory.routeTables[$0.routeTable].id)" }
    #expect(tables == ["subnet-0ids rtb-0main", "subnet-0web rtb-0web"])
    let eni = try #require(inventory.enis.first { $0.id == "eni-0web1" })
    #expect(eni.name == "web1" && eni.instance == "i-0web1")
    #expect(eni.publicAddresses.map(\.description) == ["198.51.100.11"])
    #expect(inventory.natGateways.map(\.id) == ["nat-0egress"])
    let web = try #require(inventory.routeTables.first { $0.id == "rtb-0web" })
    #expect(
      web.routes.map { "\($0.destination) \($0.nextHop.words(in: inventory).type)" } == [
        "10.21.0.0/16 local", "2001:db8:20::/56 local", "10.20.0.0/16 local", "0.0.0.0/0 nat", "::/0 eip",
        "172.16.0.0/12 peering", "192.168.0.0/16 vpn",
      ])
    #expect(notes.count == 3 && notes.allSatisfy(\.isWarning))
  }

  // MARK: What is refused

  @Test func aGatewayThatNobodyDescribesIsNoRouteToNowhere() throws {
    var cloud = try CloudFixture.cloud(CloudFixture.tencent.filter { !$0.contains("nats") })
    _ = cloud.document(region: nil)
    #expect(cloud.notes.contains { $0.code == "import.unresolved" && $0.sentence.contains("nat-egress01") })
  }

  @Test func whatNoAnswerDescribesIsNamed() throws {
    var cloud = try CloudFixture.cloud(CloudFixture.aws.filter { !$0.contains("subnets") })
    _ = cloud.document(region: nil)
    let codes = Set(cloud.notes.filter { !$0.isWarning }.map(\.code))
    #expect(codes == ["import.unresolved", "import.region"])
    #expect(try CloudFixture.cloud(["tencent/nats"]).notes.map(\.code) == ["import.incomplete"])
  }

  @Test func theRegionCanBeGiven() throws {
    #expect(try Self.inventory(CloudFixture.tencent, region: "here").0.regions.map(\.id) == ["here"])
  }

  @Test(arguments: [
    (#"{"Response": {"Error": {"Code": "AuthFailure", "Message": "no"}}}"#, "import.error-answer"),
    (#"{"Response": {"RequestId": "x"}}"#, "import.format"), (#"[{"Foo": 1}]"#, "import.format"),
    (#"{"VpcSet": [{"VpcName": "x"}]}"#, "import.format"), (#"{"Vpcs": [], "VpcSet": []}"#, "import.mixed"),
  ])
  func whatIsNoAnswerIsRefused(text: String, code: String) throws {
    var answers = CloudAnswers()
    answers.add(try JSONValue(json: text, file: "x"), file: "x")
    #expect(answers.notes.map(\.code) == [code])
  }
}
