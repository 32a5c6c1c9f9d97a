import Inventory
import JSONText
import Mirroring
import Testing

@testable import Store

struct InventoryImportTests {
  @Test func theInventoryComesBack() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    #expect(try store.inventory()?.json() == shop().json())
    let empty = try Scene()
    #expect(try empty.open().inventory() == nil)
  }

  @Test func nothingCanBeMirroredWithoutAnInventory() throws {
    let scene = try Scene()
    let store = try scene.open()
    #expect(codes { _ = try store.create([wanted("a")]) } == ["inventory.none"])
  }

  @Test func theDifferenceNamesWhatCameWentAndChanged() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    #expect(try store.importInventory(try shop()).diff.isEmpty)
    let next = try shop(enis: ["10.0.1.1", "10.0.1.3", "10.0.2.1"], vpcs: ["vpc-a"])
    let changes = try store.importInventory(next).diff.changes.map { "\($0.sort) \($0.kind.rawValue) \($0.id)" }
    #expect(
      Set(changes) == [
        "added ENI eni-a-10.0.1.3", "removed ENI eni-a-10.0.1.2", "removed vpc vpc-b", "removed subnet web-b",
        "removed subnet ids-b", "removed route table rtb-b", "removed ENI eni-b-10.0.1.1", "removed ENI eni-b-10.0.1.2",
        "removed ENI eni-b-10.0.2.1",
      ])
    #expect(try store.inventory()?.json() == next.json())
  }

  @Test func otherRegionsStay() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    _ = try store.importInventory(try shop(gateway: nil, region: "r2", vpcs: ["vpc-c"]))
    let inventory = try #require(try store.inventory())
    #expect(inventory.regions.map(\.id) == ["r1", "r2"])
    #expect(inventory.vpcs.map(\.id) == ["vpc-a", "vpc-b", "vpc-c"])
  }

  @Test func historyHasALineForEachVPCThatChanged() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    _ = try store.importInventory(try shop(gateway: "nat-b"), force: true)
    let entries = try store.history().filter { $0.action == "import-inventory" }
    #expect(entries.map(\.vpc) == ["vpc-a", "vpc-b", "vpc-a"])
    #expect(entries[2].before == entries[0].after && entries[2].changes.map(\.name) == ["routeTables", "natGateways"])
  }

  @Test func mirrorsThatBecameInvalidStayAndAreListed() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    let range: JSONValue = ["eni": ["eni-a-10.0.1.2"]]
    _ = try store.create([wanted("a", ["range": range]), wanted("b")])
    let before = try store.mirror(MirrorSelector(name: "a"))
    let result = try store.importInventory(try shop(enis: ["10.0.1.1", "10.0.2.1"]))
    #expect(result.invalid.map(\.name) == ["a"])
    let after = try store.mirror(MirrorSelector(name: "a"))
    #expect(after.definition == before.definition)
    #expect(after.problems.map(\.code) == ["range.unknown"])
    // Other changes of it are refused as long as it breaks a rule; switching it off is not.
    let tagging = codes {
      _ = try store.modify(MirrorSelector(name: "a"), as: .tag, file: "t") {
        $0.set("tags", [:])
        $0.set("description", "x")
      }
    }
    #expect(tagging == ["range.unknown"])
    #expect(try store.disable(MirrorSelector(name: "a")).after?.isEnabled == false)
    #expect(try store.mirror(MirrorSelector(name: "a")).problems.map(\.code) == ["range.unknown"])
    #expect(try store.importInventory(try shop()).mended.map(\.name) == ["a"])
    #expect(try store.mirror(MirrorSelector(name: "a")).problems.isEmpty)
  }

  @Test func aGatewayThatAMirrorNamesDoesNotVanishSilently() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    _ = try store.create([wanted("a", ["filter": ["nat": "nat-a"]])])
    let next = try shop(gateway: nil)
    #expect(codes { _ = try store.importInventory(next) } == ["inventory.nat-in-use"])
    #expect(try store.inventory()?.natGateways.count == 1)
    let result = try store.importInventory(next, force: true)
    #expect(result.lostGateways.map(\.mirrors) == [["a"]])
    #expect(result.invalid.flatMap(\.problems).map(\.code) == ["filter.nat-unknown"])
  }

  @Test func aRehearsalKeepsNothing() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    let result = try store.importInventory(try shop(gateway: nil), isRehearsal: true)
    #expect(!result.diff.isEmpty)
    #expect(try store.inventory()?.json() == shop().json())
    #expect(try store.history().count == 2)
  }
}
