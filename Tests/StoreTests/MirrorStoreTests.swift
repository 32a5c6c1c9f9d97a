import Foundation
import GRDB
import JSONText
import Mirroring
import Testing

@testable import Store

struct MirrorStoreTests {
  // MARK: What is stored

  @Test func aMirrorComesBackWrittenOutInFull() throws {
    let scene = try Scene()
    let made = try #require(try scene.stocked().create([wanted("a", ["tags": ["team": "sec"]])]).first?.after)
    let found = try scene.open(.read).mirror(MirrorSelector(name: "a"))
    #expect(found.definition == made.definition)
    #expect(
      found.definition.members?.map(\.name) == [
        "name", "description", "region", "vpc", "range", "direction", "filter", "receivers", "balance", "encapsulation",
        "copies", "onError", "enabled", "tags",
      ])
    #expect(found.definition["receivers"] == ["10.0.2.1"])
    #expect(found.isEnabled && found.created == found.changed && found.created.hasSuffix("Z"))
  }

  @Test func theNetworkIdentifierStaysForLife() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    _ = try store.create([wanted("a")])
    let first = try store.mirror(MirrorSelector(name: "a")).definition["encapsulation"]?["vni"]
    _ = try store.modify(MirrorSelector(name: "a"), file: "test") { $0.set("name", "b") }
    #expect(try store.mirror(MirrorSelector(name: "b")).definition["encapsulation"]?["vni"] == first)
    // Another mirror of the old name gets another number.
    _ = try store.create([wanted("a")])
    let second = try store.mirror(MirrorSelector(name: "a")).definition["encapsulation"]?["vni"]
    #expect(first != nil && second != nil && first != second)
  }

  @Test func namesOfOneVPCAreUniqueAndOthersFree() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    _ = try store.create([wanted("a"), wanted("a", vpc: "vpc-b")])
    #expect(codes { _ = try store.create([wanted("a")]) } == ["name.duplicate"])
    #expect(codes { _ = try store.mirror(MirrorSelector(name: "a")) } == ["mirror.ambiguous"])
    #expect(try store.mirror(MirrorSelector(name: "a", vpc: "vpc-b")).vpc == "vpc-b")
    #expect(codes { _ = try store.mirror(MirrorSelector(name: "c")) } == ["mirror.unknown"])
  }

  @Test func severalAreMadeTogetherOrNotAtAll() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    let list = [wanted("a"), wanted("b", ["receivers": "10.9.9.9"]), wanted("a")]
    #expect(codes { _ = try store.create(list) }.contains("receivers.other-vpc"))
    #expect(try store.mirrors().isEmpty)
    #expect(try store.history().filter { $0.mirror != nil }.isEmpty)
  }

  @Test func theSixthMirrorOfAVPCIsRefusedAlsoWhenSomeAreDisabled() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    for number in 1...5 { _ = try store.create([wanted("m\(number)", ["enabled": .bool(number > 2)])]) }
    #expect(codes { _ = try store.create([wanted("m6")]) } == ["vpc.mirror-limit"])
    _ = try store.delete(MirrorSelector(name: "m1"))
    _ = try store.create([wanted("m6")])
    #expect(try store.mirrors().count == 5)
  }

  @Test func aChangeIsJudgedByTheSameRules() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    _ = try store.create([wanted("a"), wanted("b")])
    let a = MirrorSelector(name: "a")
    #expect(codes { _ = try store.modify(a, file: "t") { $0.set("name", "b") } } == ["name.duplicate"])
    #expect(codes { _ = try store.modify(a, file: "t") { $0.set("direction", "up") } } == ["direction.unknown"])
    #expect(codes { _ = try store.modify(a, file: "t") { $0.set("vpc", "vpc-b") } }.contains("network.fixed"))
    #expect(try store.history(of: a).map(\.action) == ["create"])
  }

  @Test func whatChangesNothingIsNoHistory() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    _ = try store.create([wanted("a")])
    let outcome = try store.modify(MirrorSelector(name: "a"), file: "t") { $0.set("direction", "all") }
    #expect(outcome.isUnchanged)
    #expect(try store.history(of: MirrorSelector(name: "a")).count == 1)
  }

  @Test func anEmptyMirrorIsStoredDisabledAndNotEnabled() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    #expect(codes { _ = try store.create([wanted("a", ["receivers": ""])]) } == ["receivers.empty"])
    _ = try store.create([wanted("a", ["receivers": "", "enabled": false])])
    let enabling = codes {
      _ = try store.modify(MirrorSelector(name: "a"), as: .enable, file: "t") { $0.set("enabled", true) }
    }
    #expect(enabling == ["receivers.empty"])
  }

  // MARK: History

  @Test func historyTellsBeforeAndAfterThroughRenamingAndDeletion() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    _ = try store.create([wanted("a")])
    _ = try store.modify(MirrorSelector(name: "a"), file: "t") { $0.set("name", "b") }
    _ = try store.disable(MirrorSelector(name: "b"))
    _ = try store.delete(MirrorSelector(name: "b"))
    let entries = try store.history(of: MirrorSelector(name: "b"))
    #expect(entries.map(\.action) == ["create", "modify", "disable", "delete"])
    #expect(entries.allSatisfy { $0.actor == "tester" })
    #expect(entries[1].changes.map(\.name) == ["name"])
    #expect(entries[0].before == nil && entries[3].after == nil)
    for (earlier, later) in zip(entries, entries.dropFirst()) { #expect(earlier.after == later.before) }
    #expect(try store.history(of: MirrorSelector(name: "a")).count == 4)
  }

  @Test func historyCannotBeChanged() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    for sql in ["UPDATE history SET actor = 'nobody'", "DELETE FROM history"] {
      #expect(throws: StoreError.self) { try store.change { try $0.execute(sql: sql) } }
    }
    #expect(try store.history().count == 2)
  }

  // MARK: Lua filters

  @Test func aLuaFilterIsKeptAsTextWithItsDigest() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    _ = try store.create([wanted("a", ["filter": ["lua": "return filter.bpf 'icmp'"]])])
    let text = try #require(try store.mirror(MirrorSelector(name: "a")).filterText)
    #expect(text.text == "return filter.bpf 'icmp'")
    #expect(text.digest == FilterText(text.text).digest && text.digest.count == 64)
    // What was exported can be imported; what was changed on the way cannot.
    let definition = try store.mirror(MirrorSelector(name: "a")).definition
    _ = try store.create([WantedMirror((definition.members ?? []).renamed("b"), file: "t")])
    var damaged = (definition.members ?? []).renamed("c")
    damaged.set("filter", ["lua": ["text": "return nil", "sha256": .string(text.digest)]])
    #expect(codes { _ = try store.create([WantedMirror(damaged, file: "t")]) } == ["filter.lua"])
  }

  @Test func whoKnowsLuaIsAskedBeforeATextIsKept() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    store.checkFilter = { text, _, _ in
      text.text == "bad" ? [MirrorViolation(code: "filter.lua", message: "no")] : []
    }
    #expect(codes { _ = try store.create([wanted("a", ["filter": ["lua": "bad"]])]) } == ["filter.lua"])
    _ = try store.create([wanted("a", ["filter": ["lua": "good"]])])
    #expect(try store.mirrors().count == 1)
  }

  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func theDigestIsThatOfFIPS180(text: String, digest: String) { #expect(SHA256.hex(text) == digest) }

  @Test func changesOfOthersAreNoticed() throws {
    let scene = try Scene()
    let (store, other) = (try scene.stocked(), try scene.open())
    let before = try store.lastChange()
    #expect(try store.lastChange() == before)
    _ = try other.create([wanted("a")])
    #expect(try store.lastChange() != before)
  }
}

extension [JSONMember] {
  func renamed(_ name: String) -> [JSONMember] {
    var members = self
    members.set("name", .string(name))
    return members
  }
}
