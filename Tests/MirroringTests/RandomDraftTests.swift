import Inventory
import JSONText
import Mirroring
import SeededRandom
import Testing
import Wire

/// Definitions of any shape: known and unknown names, values of every type, also extreme ones.
private struct DraftMaker {
  var random: SeededGenerator

  private static let names = [
    "name", "description", "region", "vpc", "range", "source", "target", "direction", "filter", "receivers", "balance",
    "encapsulation", "copies", "enabled", "tags", "onError", "on_error", "subnet", "eni", "quintuple", "nat", "rules",
    "in", "out", "inbound", "outbound", "protocol", "destination", "sourcePort", "destination_port", "bidirectional",
    "priority", "action", "weighted", "type", "vni", "port", "10.0.9.10", "", "x-a", "k\u{0}\u{301}",
  ]
  private static let texts = [
    "", "m", "vpc-a", "vpc-b", "r-1", "subnet-web", "eni-web1", "nat-a", "all", "in", "even", "vxlan", "gre", "once",
    "accept", "tcp", "443", "1-65535", "10.0.9.10", "10.0.9.10,\n10.0.9.11", "10.0.0.1/8", "::/0", "\u{0}", "👩‍👩‍👧", ",,,",
    String(repeating: "x", count: 300),
  ]
  private static let numbers = [
    0, 1, -1, 443, 65_535, 65_536, 16_777_215, Int.max, Int.min, 4_294_967_295, 4_294_967_296,
  ]
  private static let doubles = [0.5, -0.0, 1e300, -1e300, .nan, .infinity, 7, 9.3e18, .leastNonzeroMagnitude]

  mutating func value(_ depth: Int) -> DraftValue {
    DraftValue(content(depth), at: Bool.random(using: &random) ? SourceLocation(file: "f", line: 1) : nil)
  }

  private mutating func content(_ depth: Int) -> DraftValue.Content {
    switch Int.random(in: depth > 0 ? 0..<12 : 0..<7, using: &random) {
    case 0: .null
    case 1: .bool(.random(using: &random))
    case 2: .integer(Self.numbers.randomElement(using: &random)!)
    case 3: .number(Self.doubles.randomElement(using: &random)!)
    case 4: .string(Self.texts.randomElement(using: &random)!)
    case 5: .script(ScriptFunction(host: 0, function: 0, name: "f"))
    case 6: .selection([0, 1, -5, 1_000], name: "s")
    case 7, 8: .list(values(depth - 1))
    case 9, 10: .table(members(depth - 1))
    default: .filter(filter(depth - 1))
    }
  }

  private mutating func values(_ depth: Int) -> [DraftValue] {
    (0..<Int.random(in: 0...3, using: &random)).map { _ in value(depth) }
  }

  mutating func members(_ depth: Int) -> [DraftMember] {
    (0..<Int.random(in: 0...6, using: &random)).map { _ in
      DraftMember(Self.names.randomElement(using: &random)!, value(depth))
    }
  }

  private mutating func filter(_ depth: Int) -> FilterDraft {
    let content: FilterDraft.Content =
      switch Int.random(in: depth > 0 ? 0..<11 : 0..<8, using: &random) {
      case 0: .any
      case 1: .quintuple(values(2))
      case 2: .nat(value(0), bidirectional: Bool.random(using: &random) ? value(0) : nil)
      case 3: .rules(value(3))
      case 4: .bpf(value(0))
      case 5: .first(packets: value(0), bytes: Bool.random(using: &random) ? value(0) : nil, id: 0)
      case 6: .sample(value(0))
      case 7: .script(ScriptFunction(host: 0, function: 0, name: "f"))
      case 8: .all((0..<Int.random(in: 0...2, using: &random)).map { _ in filter(depth - 1) })
      case 9: .anyOf((0..<Int.random(in: 0...2, using: &random)).map { _ in filter(depth - 1) })
      default: .not(filter(depth - 1))
      }
    return FilterDraft(content)
  }

  /// A right definition in which some members are replaced by random values.
  mutating func almostRight() -> MirrorDraft {
    var draft = lua([:])
    if Bool.random(using: &random) { draft.spelling = .camelCase }
    for index in draft.definition.indices where Int.random(in: 0..<6, using: &random) == 0 {
      draft.definition[index].value = value(3)
    }
    draft.definition += members(4)
    return draft
  }
}

@Suite struct RandomDraftTests {
  /// Whatever is written, there is an answer: a mirror that obeys the rules, or an error of the table that says why not.
  @Test(arguments: [1, 2, 3, 4] as [UInt64]) func everyDraftIsAMirrorOrHasAnError(seed: UInt64) throws {
    let known = Set(MirrorRule.all.map(\.code))
    var maker = DraftMaker(random: SeededGenerator(seed: seed))
    var accepted = 0
    for round in 0..<1_000 {
      let drafts = (0..<(round % 3 + 1)).map { _ in maker.almostRight() }
      let result = MirrorValidator(inventory: world).validate(drafts)
      #expect(result.mirrors.count == drafts.count || !result.errors.isEmpty)
      #expect(result.violations.allSatisfy { known.contains($0.code) && $0.location != nil })
      #expect(result.violations.allSatisfy { !$0.description.unicodeScalars.contains("\u{0}") })
      accepted += result.mirrors.count
      for mirror in result.mirrors { check(mirror) }
    }
    #expect(accepted > 40)
  }

  private func check(_ mirror: TrafficMirror) {
    #expect(!mirror.name.isEmpty && mirror.name.count <= 60)
    #expect(!mirror.isEnabled || !mirror.receivers.isEmpty)
    #expect(Set(mirror.receivers).count == mirror.receivers.count)
    #expect(mirror.receivers.allSatisfy { address in world.vpcs[mirror.vpc].cidrs.contains { $0.contains(address) } })
    if case .weighted(let weights) = mirror.balance {
      #expect(weights.count == mirror.receivers.count && weights.allSatisfy { $0 > 0 })
    }
  }

  @Test func randomTextsAreNoTrouble() throws {
    var random = SeededGenerator(seed: 3)
    let whole = Array(
      "{\"format\": \"moontap.mirrors/1\", \"mirrors\": [\(definition(["filter": "{\"nat\": \"nat-a\"}"]))]}".utf8)
    for _ in 0..<500 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0x20..<0x7f, using: &random)
      }
      guard let file = try? MirrorsFile(json: bytes, file: "m.json") else { continue }
      let result = MirrorValidator(inventory: world).validate(file.drafts)
      #expect(result.mirrors.count == file.drafts.count || !result.errors.isEmpty)
    }
  }
}
