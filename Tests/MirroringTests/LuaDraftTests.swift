import Inventory
import Mirroring
import Testing
import Wire

/// Understands expressions that start with `tcp`.
private final class StubCompiler: BPFCompiler {
  struct Refusal: BPFRefusal { var words: String { "syntax error" } }

  func compile(_ text: String, linkType: LinkType) throws -> BPFProgram {
    guard text.hasPrefix("tcp") else { throw Refusal() }
    return try BPFProgram([BPFInstruction(code: 6, k: 1)])
  }
}

@Suite struct LuaDraftTests {
  private let scan = ScriptFunction(host: 0, function: 1, name: "no-scan")

  private func string(_ text: String) -> DraftValue { DraftValue(.string(text)) }

  private func linesOf(filter: FilterDraft.Content, line: Int? = nil) -> [String] {
    let place = line.map { SourceLocation(file: "web.lua", line: $0) }
    let draft = lua(["filter": .filter(FilterDraft(filter, at: place))])
    return lines(validate(lua: draft, bpf: StubCompiler()).violations)
  }

  private func lines(_ violations: [MirrorViolation]) -> [String] {
    violations.map { "\($0.location?.line ?? -1) \(mark($0))" }
  }

  private func resolved(_ filter: FilterDraft.Content) -> FilterExpression? {
    validate(lua: lua(["filter": .filter(FilterDraft(filter))]), bpf: StubCompiler()).mirrors.first?.filter
  }

  @Test func readsSnakeCaseNamesAndLuasOwn() throws {
    let target = table([
      "receivers": .list([string("10.0.9.10")]), "encapsulation": .table([DraftMember("vni", DraftValue(.number(7)))]),
    ])
    let draft = lua(["target": target.content, "on_error": .string("collect")])
    let result = validate(lua: draft)
    #expect(result.violations == [])
    let mirror = try #require(result.mirrors.first)
    #expect(mirror.range == .subnets([0]) && mirror.onError == .collect && mirror.encapsulation.vni == 7)
    #expect(mirror.receivers == [IPAddress("10.0.9.10")!] && mirror.origin == "web.lua:8")
  }

  @Test func pathsAreSpeltAndCountedAsInLua() {
    let draft = lua([
      "filter": .table([
        DraftMember("quintuple", DraftValue(.list([table(["source_port": .integer(70_000)])])))
      ]), "target": .table([DraftMember("receivers", DraftValue(.list([string("x")])))]), "onError": .null,
    ])
    #expect(
      lines(validate(lua: draft).violations) == [
        "8 key.unknown onError", "8 filter.port filter.quintuple[1].source_port",
        "8 receivers.syntax target.receivers[1]",
      ])
  }

  @Test func aTextInPlaceOfATargetIsOneError() {
    let violations = validate(lua: lua(["target": .string("10.0.9.10")])).violations
    #expect(lines(violations) == ["8 value.type target"])
    #expect(violations.first?.hint == #"target = target.receivers "10.0.9.10""#)
  }

  @Test func aNameGivenTwiceIsRefused() {
    var again = lua([:])
    again.definition.append(DraftMember("name", string("n")))
    #expect(lines(validate(lua: again).errors) == ["8 key.duplicate name"])
  }

  @Test func expressionsAreNamedOnceInWhatIsWrongWithThem() {
    let draft = lua(["filter": .filter(FilterDraft(.bpf(string("prt 80"))))])
    let messages = validate(lua: draft, bpf: StubCompiler()).errors.map(\.message)
    #expect(messages == ["\"prt 80\": syntax error"])
  }

  @Test func keysAreThoseOfTheAuthorsLanguage() throws {
    let misspelt = validate(lua: lua(["sorce": .null])).errors
    #expect(misspelt.map(\.hint) == ["did you mean \"source\"?"])
    let foreign = lua(["range": .table([]), "receivers": .string("10.0.9.10"), "encapsulation": .table([])])
    #expect(validate(lua: foreign).errors.map(\.code) == ["key.unknown", "key.unknown", "key.unknown"])
    #expect(validate(lua: foreign).errors.allSatisfy { $0.hint?.contains("range") == false })
    #expect(
      try marks(["source": "{}", "target": "{}"]) == ["key.unknown mirrors[0].source", "key.unknown mirrors[0].target"])
  }

  @Test func violationsOfComposedFiltersStandAtTheirLines() {
    let first = FilterDraft(.quintuple([table(["protocol": .string("tpc")], line: 3)]))
    let second = FilterDraft(.nat(string("nat-x")), at: SourceLocation(file: "web.lua", line: 4))
    let third = FilterDraft(.sample(DraftValue(.integer(2))), at: SourceLocation(file: "lib.lua", line: 5))
    #expect(
      linesOf(filter: first.and(second).or(third).negated().content) == [
        "3 filter.protocol filter.not.any_of[1].all[1].quintuple[1].protocol",
        "4 filter.nat-unknown filter.not.any_of[1].all[2].nat", "5 filter.sample filter.not.any_of[2].sample",
      ])
  }

  @Test func composesFilters() {
    let any = FilterDraft(.any)
    let script = FilterDraft(.script(scan))
    let bpf = FilterDraft(.bpf(string("tcp port 443")))
    #expect(resolved(any.content) == .any)
    #expect(resolved(script.and(bpf).and(any).content) == .all([.script(scan), .bpf("tcp port 443"), .any]))
    #expect(resolved(script.or(bpf.or(any)).content) == .anyOf([.script(scan), .bpf("tcp port 443"), .any]))
    #expect(resolved(script.negated().content) == .not(.script(scan)))
    #expect(resolved(script.negated().negated().content) == .script(scan))
    #expect(
      resolved(.not(FilterDraft(.all([any, FilterDraft(.all([bpf, script])), script]))))
        == .not(.all([.any, .bpf("tcp port 443"), .script(scan), .script(scan)])))
    let one = [table(["protocol": .integer(6)])]
    #expect(resolved(.quintuple(one)) == .quintuple([QuintupleCondition(protocol: .tcp)]))
    #expect(resolved(.nat(string("nat-a"), bidirectional: DraftValue(.bool(true)))) == .nat(0, bidirectional: true))
    let rules = table(["outbound": .list([table(["priority": .integer(1), "action": .string("accept")])])])
    let accept = PriorityRule(priority: 1, action: .accept, condition: QuintupleCondition())
    #expect(resolved(.rules(rules)) == .rules(inbound: [], outbound: [accept]))
  }

  @Test func aFunctionIsAFilterAndABalancer() throws {
    let mirror = try #require(validate(lua: lua(["filter": .script(scan), "balance": .script(scan)])).mirrors.first)
    #expect(mirror.filter == .script(scan) && mirror.balance == .script(scan))
    #expect(throws: MirrorNotInJSON(mirror: "m", key: "filter", what: "the function no-scan")) {
      try mirror.json(in: world)
    }
    let other = try #require(validate(lua: lua(["balance": .script(scan)])).mirrors.first)
    #expect(throws: MirrorNotInJSON(mirror: "m", key: "balance", what: "the function no-scan")) {
      try other.json(in: world)
    }
    let composed = try #require(
      validate(lua: lua(["filter": .filter(FilterDraft(.sample(DraftValue(.number(0.5)))))])).mirrors.first)
    let refusal = #expect(throws: MirrorNotInJSON.self) { try composed.json(in: world) }
    #expect(
      refusal?.description == "mirror \"m\": its filter is composed by a script, which moontap.mirrors/1 cannot say")
  }

  @Test func pcapFiltersAreCompiled() {
    #expect(linesOf(filter: .bpf(string("tcp"))) == [])
    #expect(linesOf(filter: .bpf(string("prot tcp"))) == ["8 filter.bpf filter.bpf"])
    #expect(linesOf(filter: .bpf(DraftValue(.integer(1)))) == ["8 value.type filter.bpf"])
  }

  @Test func samplesAreFractions() {
    #expect(resolved(.sample(DraftValue(.number(0.25)))) == .sample(threshold: 1 << 62))
    #expect(resolved(.sample(DraftValue(.integer(1)))) == .any)
    #expect(resolved(.sample(DraftValue(.number(1 - 0x1p-53)))) == .sample(threshold: .max - 2_047))
    for wrong in [0, -0.5, 1.5, .nan, .infinity] {
      #expect(linesOf(filter: .sample(DraftValue(.number(wrong)))) == ["8 filter.sample filter.sample"])
    }
    #expect(linesOf(filter: .sample(string("1/2"))) == ["8 filter.sample filter.sample"])
  }

  @Test func firstPacketsHaveABound() {
    let ten = DraftValue(.number(10))
    #expect(resolved(.first(packets: ten, bytes: nil, id: 3)) == .first(packets: 10, bytes: nil, id: 3))
    #expect(resolved(.first(packets: nil, bytes: ten, id: 0)) == .first(packets: nil, bytes: 10, id: 0))
    #expect(linesOf(filter: .first(packets: nil, bytes: DraftValue(.null), id: 0)) == ["8 filter.first filter.first"])
    #expect(
      linesOf(filter: .first(packets: DraftValue(.integer(0)), bytes: string("x"), id: 0)) == [
        "8 filter.first filter.first.packets", "8 filter.first filter.first.bytes",
      ])
  }

  @Test func emptyCombinationsAreRefused() {
    #expect(linesOf(filter: .all([])) == ["8 filter.empty filter.all"])
    #expect(linesOf(filter: .anyOf([])) == ["8 filter.empty filter.any_of"])
    #expect(linesOf(filter: .quintuple([])) == ["8 filter.empty filter.quintuple"])
  }

  @Test func filtersAreCombinedToABound() {
    func nested(_ depth: Int) -> FilterDraft.Content {
      (0..<depth).reduce(FilterDraft(.any)) { filter, _ in FilterDraft(.not(filter)) }.content
    }
    #expect(linesOf(filter: nested(64)) == [])
    let codes = validate(lua: lua(["filter": .filter(FilterDraft(nested(65)))])).errors.map(\.code)
    #expect(codes == ["filter.too-deep"])
    // A long chain is not deep, whichever side it grows on.
    let left = (0..<1_000).reduce(FilterDraft(.any)) { filter, _ in FilterDraft(.all([filter, FilterDraft(.any)])) }
    #expect(linesOf(filter: left.content) == [])
    let right = (0..<1_000).reduce(FilterDraft(.any)) { filter, _ in FilterDraft(.anyOf([FilterDraft(.any), filter])) }
    #expect(linesOf(filter: right.content) == [])
    let many = (0..<1_000).reduce(FilterDraft(.any)) { filter, _ in filter.and(FilterDraft(.any)) }
    #expect(linesOf(filter: many.content) == [])
  }

  @Test func aPlainTableIsAFilterToo() {
    let condition: DraftValue.Content = .table([DraftMember("protocol", string("udp"))])
    let draft = lua(["filter": .table([DraftMember("quintuple", DraftValue(condition))])])
    #expect(validate(lua: draft).mirrors.first?.filter == .quintuple([QuintupleCondition(protocol: .udp)]))
    #expect(validate(lua: lua(["filter": .list([])])).errors.map(\.code) == ["filter.empty"])
    #expect(validate(lua: lua(["filter": .string("tcp")])).errors.map(\.code) == ["value.type"])
    let empty = lua([
      "target": .table([DraftMember("receivers", DraftValue(.table([])))]), "enabled": .bool(false), "tags": .list([]),
    ])
    #expect(validate(lua: empty).violations == [])
  }

  @Test func balanceMethodsMayHaveUnderlines() {
    #expect(validate(lua: lua(["balance": .string("eni_hash")])).mirrors.first?.balance == .eniHash)
    let weights = table(["weighted": .table([DraftMember("10.0.9.11", DraftValue(.number(4)))])])
    #expect(validate(lua: lua(["balance": weights.content])).mirrors.first?.balance == .weighted([1, 4]))
    let twice = table([
      "weighted": .table(["10.0.9.10", "10.0.9.10"].map { DraftMember($0, DraftValue(.integer(1))) })
    ])
    #expect(validate(lua: lua(["balance": twice.content])).errors.map(\.code) == ["balance.weights"])
    #expect(validate(lua: lua(["balance": .list([])])).errors.map(\.code) == ["balance.unknown"])
  }

  @Test func aSelectionIsCutToTheVPC() throws {
    let foreign = try #require(world.enis(id: "eni-b").first)
    let result = validate(lua: lua(["source": .selection([1, foreign, 99_999, -1], name: "by-tag")]))
    #expect(result.violations == [])
    #expect(result.mirrors.first?.range == .selected([1], name: "by-tag"))
    let mirror = try #require(result.mirrors.first)
    #expect(throws: MirrorNotInJSON(mirror: "m", key: "range", what: "chosen by a function")) {
      try mirror.json(in: world)
    }
  }

  @Test func aSelectionOfNothingIsToldOf() {
    let result = validate(lua: lua(["source": .selection([], name: "by-tag")]))
    #expect(lines(result.violations) == ["8 (range.empty) source"])
    #expect(result.violations.first?.message == "\"by-tag\" chooses none of the ENIs of VPC vpc-a")
  }

  @Test func tagsStandOnce() {
    let twice = lua(["tags": .table(["k", "k"].map { DraftMember($0, string("v")) })])
    #expect(validate(lua: twice).errors.map(\.code) == ["tags.duplicate"])
  }

  @Test func otherValuesAreNamedInMessages() {
    let messages = validate(
      lua: lua(["name": .other("a thread"), "direction": .script(scan), "filter": .selection([], name: "s")])
    ).errors.map(\.message)
    #expect(
      messages == [
        "a thread stands where a string should", "a function stands where a string should",
        "a source stands where a filter should",
      ])
  }
}
