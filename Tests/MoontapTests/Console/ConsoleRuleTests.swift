import Foundation
import JSONText
import Testing

/// Every rule of semantics section 4, broken on the command line.
struct ConsoleRuleTests {
  struct Broken: CustomTestStringConvertible, Sendable {
    var code: String
    var options: [String: String] = [:]
    var flags = ["--whole-vpc"]
    var testDescription: String { "\(code) \(options.values.joined(separator: " ").prefix(40))" }
  }

  static let broken: [Broken] = [
    Broken(code: "name.empty", options: ["--name": ""]), Broken(code: "name.empty", options: ["--name": "  "]),
    Broken(code: "name.too-long", options: ["--name": String(repeating: "中", count: 61)]),
    Broken(code: "name.duplicate", options: ["--name": "there"]),
    Broken(code: "network.unknown", options: ["--vpc": "vpc-x"]),
    Broken(code: "region.unknown", options: ["--region": "r2"]),
    Broken(code: "range.missing", flags: []),
    Broken(code: "range.ambiguous", options: ["--subnet": "subnet-web"]),
    Broken(code: "range.ambiguous", options: ["--subnet": "subnet-web", "--eni": "eni-web1"], flags: []),
    Broken(code: "range.unknown", options: ["--subnet": "subnet-x"], flags: []),
    Broken(code: "range.unknown", options: ["--eni": "eni-x"], flags: []),
    Broken(code: "range.other-vpc", options: ["--eni": "eni-b1"], flags: []),
    Broken(code: "range.other-vpc", options: ["--subnet": "subnet-b"], flags: []),
    Broken(
      code: "range.too-many", options: ["--eni": (1...21).map { "eni-\($0)" }.joined(separator: ",")], flags: []),
    Broken(code: "direction.unknown", options: ["--direction": "both"]),
    Broken(code: "filter.coexist", options: ["--protocol": "tcp", "--nat": "nat-a"]),
    Broken(code: "filter.protocol", options: ["--protocol": "tpc"]),
    Broken(code: "filter.protocol", options: ["--protocol": "256"]),
    Broken(code: "filter.cidr", options: ["--source": "10.0.0.0/33"]),
    Broken(code: "filter.port", options: ["--protocol": "tcp", "--destination-port": "90-80"]),
    Broken(code: "filter.port", options: ["--protocol": "icmp", "--destination-port": "80"]),
    Broken(code: "filter.family", options: ["--source": "10.0.0.0/8", "--destination": "2001:db8::/32"]),
    Broken(code: "filter.nat-unknown", options: ["--nat": "nat-x"]),
    Broken(code: "filter.nat-other-vpc", options: ["--nat": "nat-b"]),
    Broken(code: "receivers.empty", options: ["--receivers": " , "]),
    Broken(code: "receivers.syntax", options: ["--receivers": "10.0.9.10; 10.0.9.11"]),
    Broken(code: "receivers.other-vpc", options: ["--receivers": "10.1.0.1"]),
    Broken(code: "receivers.no-route", options: ["--receivers": "10.0.8.10"]),
    Broken(code: "receivers.only-source", options: ["--eni": "eni-ids1"], flags: []),
    Broken(code: "balance.unknown", options: ["--balance": "fair"]),
    Broken(code: "balance.weights", options: ["--weight": "10.0.9.10=0"]),
    Broken(code: "balance.weights", options: ["--weight": "10.0.9.99=1"]),
    Broken(code: "encapsulation.type", options: ["--encapsulation": "geneve"]),
    Broken(code: "encapsulation.vni", options: ["--vni": "16777216"]),
    Broken(code: "encapsulation.port", options: ["--port": "0"]),
    Broken(code: "tags.key", options: ["--tag": "=v"]),
    Broken(code: "tags.key", options: ["--tag": String(repeating: "k", count: 128) + "=v"]),
    Broken(code: "tags.value", options: ["--tag": "k=" + String(repeating: "v", count: 256)]),
    Broken(code: "copies.unknown", options: ["--copies": "twice"]),
    Broken(code: "on-error.unknown", options: ["--on-error": "ignore"]),
    Broken(code: "oversize.unknown", options: ["--oversize": "cut"]),
    Broken(code: "budget.limit", options: ["--budget-bits": "9"]),
    Broken(code: "budget.limit", options: ["--budget-packets": "10k"]),
    Broken(code: "priority.range", options: ["--priority": "101"]),
    Broken(code: "priority.range", options: ["--priority": "high"]),
  ]

  /// One for all of them: what is refused changes nothing.
  private static let scene = Result {
    let scene = try ConsoleScene()
    try #require(try scene.create("there").status == 0)
    return scene
  }

  @Test(arguments: broken)
  func isRefusedWithItsCode(_ broken: Broken) throws {
    let scene = try Self.scene.get()
    let finished = try scene.create("wrong", broken.options, flags: broken.flags)
    #expect(finished.status == 3)
    #expect(
      finished.errors.contains(": \(broken.code): ") || finished.errors.hasPrefix("\(broken.code): "),
      "\(finished.errors)")
    #expect(finished.output.isEmpty)
    #expect(try scene.definitions().count == 1)
  }

  /// What only a file can say.
  @Test(arguments: [
    ("filter.empty", #""filter": {"quintuple": []}"#),
    (
      "rules.duplicate-priority",
      #""filter": {"rules": {"in": [{"priority": 1, "action": "drop"}, {"priority": 1, "action": "accept"}]}}"#
    ),
    ("tags.too-many", #""tags": {\#((0...50).map { "\"k\($0)\": \"v\"" }.joined(separator: ","))}"#),
    ("key.unknown", #""recievers": []"#), ("value.type", #""enabled": "yes""#),
  ])
  func isRefusedFromAFileWithItsLine(code: String, member: String) throws {
    let scene = try ConsoleScene()
    let file = try scene.folder.write(
      """
      {"format": "moontap.mirrors/1", "mirrors": [{"name": "m", "vpc": "vpc-a", "range": {"vpc": true},
        "receivers": "10.0.9.10",
        \(member)}]}
      """, to: "mirrors.json")
    for command in [["mirror", "create", "--from", file], ["mirror", "import", file]] {
      let finished = try scene.run(command)
      #expect(finished.status == 3)
      #expect(finished.errors.contains("mirrors.json:3: \(code): "), "\(finished.errors)")
    }
    #expect(try scene.definitions().isEmpty)
  }

  @Test func theSixthAndADoubleTagAreRefused() throws {
    let scene = try ConsoleScene()
    let twice = try scene.run(
      "mirror", "create", "--name", "t", "--vpc", "vpc-a", "--whole-vpc", "--receivers", "10.0.9.10", "--tag", "a=1",
      "--tag", "a=2")
    #expect(twice.status == 3 && twice.errors.contains("tags.duplicate"), "\(twice.errors)")
    for number in 1...5 { #expect(try scene.create("m\(number)").status == 0) }
    let sixth = try scene.create("m6")
    #expect(sixth.status == 3 && sixth.errors.contains("vpc.mirror-limit"), "\(sixth.errors)")
  }

  @Test func allThatIsWrongIsSaidAtOnce() throws {
    let scene = try ConsoleScene()
    let finished = try scene.create("", ["--direction": "up", "--receivers": "x", "--balance": "y"], flags: [])
    for code in ["name.empty", "range.missing", "direction.unknown", "receivers.syntax", "balance.unknown"] {
      #expect(finished.errors.contains(code), "\(code)")
    }
  }

  @Test func warningsAreSaidAndBlockNothing() throws {
    let scene = try ConsoleScene()
    let finished = try scene.create("m", ["--receivers": "10.0.9.10, 10.0.9.10"])
    #expect(finished.status == 0)
    #expect(finished.errors.contains("warning: receivers.duplicate"))
    #expect(try scene.definitions()[0]["receivers"] == ["10.0.9.10"])
  }

  @Test func enablingIsJudgedAgain() throws {
    let scene = try ConsoleScene()
    let made = try scene.create("m", ["--receivers": ""], flags: ["--whole-vpc", "--disabled"])
    #expect(made.status == 0, "\(made.errors)")
    let enabled = try scene.run("mirror", "enable", "m")
    #expect(enabled.status == 3 && enabled.errors.contains("receivers.empty"))
  }
}
