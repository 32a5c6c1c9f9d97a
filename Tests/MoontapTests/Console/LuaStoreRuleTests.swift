import Foundation
import JSONText
import Testing

/// Every rule of semantics section 4, broken from Lua: the same definitions that `ConsoleRuleTests` gives to the command, and
/// the same codes.
struct LuaStoreRuleTests {
  /// What only a definition can say, as Lua writes it.
  private static let more: [(code: String, members: String)] = [
    ("filter.empty", "filter = { quintuple = {} }"),
    (
      "rules.duplicate-priority",
      "filter = { rules = { inbound = { { priority = 1, action = 'drop' }, { priority = 1, action = 'accept' } } } }"
    ),
    ("tags.too-many", "tags = many"), ("key.unknown", "recievers = {}"), ("value.type", "enabled = 'yes'"),
    ("filter.lua", "filter = { lua = 'return 1 +' }"), ("filter.lua", "filter = { lua = 'return nil' }"),
    ("filter.lua", "filter = { lua = 'return filter.any()', quintuple = {} }"),
  ]

  @Test func eachIsRefusedWithItsCodeAndChangesNothing() throws {
    let scene = try ConsoleScene()
    try #require(try scene.create("there").status == 0)
    let cases =
      ConsoleRuleTests.broken.map { ($0.code, Self.definition($0.options, $0.flags)) }
      + Self.more.map { ($0.code, Self.definition([:], ["--whole-vpc"], more: $0.members)) }
    let typed =
      "many = {} for i = 0, 50 do many['k' .. i] = 'v' end\n"
      + cases.map { "mirrors.create \($0.1)\n" }.joined()
    let finished = try scene.run(["repl", "--keep-going"], input: typed)
    #expect(finished.status == 2 && finished.text.isEmpty, "\(finished.text)")
    let said = ("\n" + finished.errors).components(separatedBy: "\ninput ").dropFirst()
    #expect(said.count == cases.count)
    for ((code, definition), message) in zip(cases, said) {
      #expect(
        message.contains("\n  \(code): ") || message.contains("breaks a rule: \(code): "), "\(definition): \(message)")
    }
    #expect(try scene.definitions().count == 1)
    let history = try scene.run("mirror", "history", "--json").json()
    #expect(
      history["entries"]?.array?.compactMap { $0["action"]?.string } == [
        "import-inventory", "import-inventory", "create",
      ])
  }

  @Test func theSixthIsRefusedAndTheOwnMirrorsCount() throws {
    let scene = try ConsoleScene()
    for number in 1...3 { #expect(try scene.create("m\(number)").status == 0) }
    let finished = try scene.run(
      ["repl"],
      input: """
        for i = 1, 2 do
          mirror { name = "own" .. i, vpc = "vpc-a", source = source.vpc(), target = target.receivers "10.0.9.10" }
        end
        print(select(2, pcall(mirrors.create, { name = "six", vpc = "vpc-a", source = source.vpc(), enabled = false })))
        print(select(2, pcall(mirrors.create, { name = "own1", vpc = "vpc-a", source = source.vpc(), enabled = false })))
        print(select(2, pcall(mirror, { name = "own3", vpc = "vpc-a", source = source.vpc(), enabled = false })))
        """)
    let said = finished.text.split(separator: "\n").filter { !$0.hasPrefix("warning") }.map(String.init)
    #expect(said.count == 3 && said.allSatisfy { $0.contains("vpc.mirror-limit") }, "\(said)")
    #expect(said.dropFirst().first?.contains("name.duplicate") == true && said.first?.contains("duplicate") == false)
    #expect(try scene.definitions().count == 3)
  }

  // MARK: Options of the command as Lua writes them

  private static func definition(_ options: [String: String], _ flags: [String], more: String = "") -> String {
    let given = ["--name": "wrong", "--vpc": "vpc-a", "--receivers": "10.0.9.10"].merging(options) { $1 }
    let fields = Words(given: given).fields(isWholeVPC: flags.contains("--whole-vpc"))
    let written = Words.table(fields.filter { !more.hasPrefix($0.0 + " ") }) ?? "{}"
    return more.isEmpty ? written : String(written.dropLast(1)) + ", \(more) }"
  }

  private struct Words {
    let given: [String: String]

    func text(_ option: String) -> String? { given[option].map { "[[\($0)]]" } }
    func number(_ option: String) -> String? { given[option].map { Int($0) == nil ? "[[\($0)]]" : $0 } }

    static func table(_ fields: [(String, String?)]) -> String? {
      let present = fields.compactMap { name, value in value.map { "\(name) = \($0)" } }
      return present.isEmpty ? nil : "{ " + present.joined(separator: ", ") + " }"
    }

    func list(_ option: String) -> String? {
      given[option].map { "{ " + $0.split(separator: ",").map { "[[\($0)]]" }.joined(separator: ", ") + " }" }
    }

    func pair(_ option: String, _ value: (Substring) -> String) -> String? {
      given[option].map { text in
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return "{ [ [[\(parts[0])]] ] = \(value(parts[1])) }"
      }
    }

    func fields(isWholeVPC: Bool) -> [(String, String?)] {
      let range = [("vpc", isWholeVPC ? "true" : nil), ("subnet", list("--subnet")), ("eni", list("--eni"))]
      let condition = Self.table([
        ("protocol", number("--protocol")), ("source", text("--source")), ("destination", text("--destination")),
        ("source_port", text("--source-port")), ("destination_port", text("--destination-port")),
      ])
      let filter = [("quintuple", condition.map { "{ \($0) }" }), ("nat", text("--nat"))]
      let encapsulation = [("type", text("--encapsulation")), ("vni", number("--vni")), ("port", number("--port"))]
      let target = [("receivers", text("--receivers")), ("encapsulation", Self.table(encapsulation))]
      let weights = pair("--weight") { String($0) }
      return [
        ("name", text("--name")), ("vpc", text("--vpc")), ("region", text("--region")),
        ("source", Self.table(range)), ("direction", text("--direction")), ("filter", Self.table(filter)),
        ("target", Self.table(target)),
        ("balance", weights.map { "{ weighted = \($0) }" } ?? text("--balance")), ("copies", text("--copies")),
        ("on_error", text("--on-error")), ("oversize", text("--oversize")), ("priority", number("--priority")),
        ("budget", Self.table([("bits", number("--budget-bits")), ("packets", number("--budget-packets"))])),
        ("tags", pair("--tag") { "[[\($0)]]" }),
      ]
    }
  }
}
