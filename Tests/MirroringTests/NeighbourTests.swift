import Inventory
import JSONText
import Mirroring
import Testing

@Suite struct NeighbourTests {
  private func named(_ name: String, _ range: String = "{\"eni\": [\"eni-web1\"]}", enabled: Bool = true) -> String {
    definition(["name": "\"\(name)\"", "range": range, "enabled": "\(enabled)"])
  }

  private func database(_ name: String) -> String { named(name, "{\"eni\": [\"eni-db\"]}") }

  @Test func twoMirrorsOfAVPCHaveDifferentNames() throws {
    let result = try validate(named("a"), database("a"), database("b"))
    #expect(marks(result.errors) == ["name.duplicate mirrors[1].name"])
    #expect(result.errors.first?.message == "VPC vpc-a has a mirror \"a\" already, from m.json: mirrors[0]")
    #expect(result.mirrors.map(\.name) == ["a", "b"])
  }

  @Test func namesAreComparedAsPeopleSeeThem() throws {
    #expect(try validate(named("\u{e9}"), database("e\u{301}")).errors.map(\.code) == ["name.duplicate"])
  }

  @Test func mirrorsOfTwoVPCsMayShareAName() throws {
    let other = definition([
      "name": "\"a\"", "vpc": "\"vpc-b\"", "range": "{\"vpc\": true}", "receivers": "[\"10.1.1.9\"]",
    ])
    #expect(try validate(named("a"), other).violations == [])
  }

  @Test func existingMirrorsCount() throws {
    let existing = try validate(named("a")).mirrors
    #expect(try validate(database("a"), besides: existing).errors.map(\.code) == ["name.duplicate"])
    #expect(try validate(database("b"), besides: existing).violations == [])
  }

  @Test func aVPCHasFiveMirrorsAtMost() throws {
    let five = (1...5).map { named("m\($0)", enabled: false) }
    let existing = MirrorValidator(inventory: world).validate(try drafts(five))
    #expect(existing.violations == [] && existing.mirrors.count == 5)
    let sixth = try validate(named("m6"), besides: existing.mirrors)
    #expect(marks(sixth.errors) == ["vpc.mirror-limit mirrors[0].vpc"])
    #expect(sixth.mirrors.isEmpty)
    // A mirror that is changed does not count twice.
    #expect(try validate(named("m5"), besides: existing.mirrors.dropLast()).violations == [])
  }

  @Test func wrongDraftsCountToo() throws {
    let six = (1...5).map { definition(["name": "\"m\($0)\"", "range": nil]) } + [named("m6")]
    let result = MirrorValidator(inventory: world).validate(try drafts(six))
    #expect(marks(result.errors).last == "vpc.mirror-limit mirrors[5].vpc")
  }

  @Test func anENIOfTwoMirrorsIsToldOf() throws {
    let result = try validate(named("a", "{\"subnet\": [\"subnet-web\"]}"), named("b"), database("c"))
    #expect(marks(result.violations) == ["(range.overlap) mirrors[1].range"])
    #expect(
      result.warnings.first?.message
        == "ENI eni-web1 is also collected by mirror \"a\" from m.json: mirrors[0]")
  }

  @Test func severalSharedENIsAreCounted() throws {
    let range = "{\"subnet\": [\"subnet-web\"]}"
    let message = try validate(named("a", range), named("b", range)).warnings.first?.message
    #expect(message?.hasPrefix("ENI eni-web1 and 1 more are also collected") == true)
  }

  @Test func unlistedENIsOverlapBySubnet() throws {
    let empty = try Inventory(
      json: Array(
        """
        {"format": "moontap.inventory/1", "regions": [{"id": "r", "vpcs": [{"id": "v", "cidrs": ["10.0.0.0/16"],
         "routeTables": [{"id": "t", "routes": []}],
         "subnets": [{"id": "s", "cidrs": ["10.0.1.0/24"], "routeTable": "t"}]}]}]}
        """.utf8), file: "i.json")
    let both = ["{\"vpc\": true}", "{\"subnet\": [\"s\"]}"].enumerated().map {
      definition([
        "name": "\"m\($0.offset)\"", "vpc": "\"v\"", "range": $0.element, "receivers": "[\"10.0.9.1\"]",
      ])
    }
    let result = MirrorValidator(inventory: empty).validate(try drafts(both))
    #expect(result.warnings.map(\.message) == ["subnet s is also collected by mirror \"m0\" from m.json: mirrors[0]"])
  }

  @Test func disabledMirrorsDoNotOverlap() throws {
    #expect(try validate(named("a", enabled: false), named("b")).violations == [])
    #expect(try validate(named("a"), named("b", enabled: false)).violations == [])
  }

  @Test func receiversOfAnotherMirrorMakeARangeEmptyToo() throws {
    let first = definition(["name": "\"a\"", "receivers": "[\"10.0.2.4\"]"])
    let second = definition(["name": "\"b\"", "range": "{\"eni\": [\"eni-db\"]}"])
    #expect(try validate(first, second).errors.map(\.code) == ["receivers.only-source"])
    #expect(try validate(second).errors == [])
  }
}

@Suite struct NetworkIdentifierTests {
  private func vnis(_ definitions: String..., besides existing: [TrafficMirror] = []) throws -> [UInt32] {
    let result = MirrorValidator(inventory: world).validate(try drafts(definitions), besides: existing)
    #expect(result.errors == [])
    return result.mirrors.map(\.encapsulation.vni)
  }

  private func named(_ name: String, _ encapsulation: String = "{}") -> String {
    definition(["name": "\"\(name)\"", "encapsulation": encapsulation])
  }

  @Test func theDefaultIsTheSameAlways() throws {
    let alone = try vnis(named("web-to-ids"))
    #expect(alone == [14_351_092])
    #expect(try vnis(named("other"), named("web-to-ids")).last == alone[0])
    #expect(try vnis(named("other"))[0] != alone[0])
  }

  @Test func aNumberThatIsAskedForIsNeverADefault() throws {
    let wanted = try vnis(named("a"))[0]
    let taken = "{\"vni\": \(wanted)}"
    #expect(try vnis(named("a"), named("b", taken)) == [wanted + 1, wanted])
    let existing = try validate(named("b", taken)).mirrors
    #expect(try vnis(named("a"), besides: existing) == [wanted + 1])
    let next = "{\"vni\": \(wanted + 1)}"
    #expect(try vnis(named("b", taken), named("c", next), named("a"))[2] == wanted + 2)
  }

  @Test func sessionsOfERSPANHaveTenBits() throws {
    let sessions = try (0..<200).flatMap { try vnis(named("m\($0)", "{\"type\": \"erspan2\"}")) }
    #expect(sessions.allSatisfy { $0 >= 1 && $0 <= 1_023 })
    #expect(Set(sessions).count > 150)
  }

  @Test func withoutEncapsulationThereIsNoNumber() throws {
    #expect(try vnis(named("a", "{\"type\": \"none\"}")) == [0])
  }
}
