import Foundation
import JSONText
import Policy
import Testing

/// Every example of the policy language's page is run, where it stands: while a policy loads, in a filter, in a test.
@Suite struct PolicyExampleTests {
  /// What examples name without having made it.
  private static let names = """
    local https = filter.quintuple { protocol = "tcp", destination_port = 443, bidirectional = true }
    local http = filter.quintuple { protocol = "tcp", destination_port = 80, bidirectional = true }
    local ssh = filter.quintuple { protocol = "tcp", destination_port = 22, bidirectional = true }
    local dns = filter.quintuple { protocol = "udp", destination_port = 53, bidirectional = true }
    local from_lab = function(packet) return packet.source == "10.20.1.11" end
    local no_scan = function(packet) return packet.protocol ~= "icmp" end
    blocked = set.cidrs { "192.0.2.0/24" }
    syn = { source = "10.20.1.11", source_port = 5000, destination = "192.0.2.7", destination_port = 443, flags = "S" }
    for _, name in ipairs { "web", "web-to-ids" } do
      mirror {
        name = name, vpc = "vpc-shop", source = source.vpc(), target = target.receivers "10.20.9.10, 10.20.9.11",
        tags = { team = "net" },
      }
    end
    counter("dns_queries")
    gauge("open")

    """

  /// Packets that have, between them, every field.
  private static let packets = """
    local web = { source = "10.20.1.11", source_port = 5000, destination = "192.0.2.7", destination_port = 443 }
    local tagged = { source = "10.20.1.11", destination = "192.0.2.7", direction = "out", eni = "eni-web1", vlan = 100,
      destination_mac = "ff:ff:ff:ff:ff:ff", payload = "SSH-2.0-x Host: a" }
    local echo = { source = "192.0.2.7", destination = "10.20.1.11", type = 8 }
    local inside = packet.udp { source = "10.20.1.12", destination = "10.20.2.11", destination_port = 80 }
    local outer = packet.from_hex("45000030 00004000 40040000 0a14010b 0a14020b" .. inside:hex(), "raw")
    local all = { packet.tcp(web), packet.tcp(tagged), packet.icmp(echo), outer }

    """

  /// Writes the policy and the test that run one example.
  private static func write(
    _ example: String, _ place: PolicyReference.ExamplePlace, as name: String, to folder: TemporaryFolder
  ) throws {
    let scratch = try TemporaryFolder()
    let file = try scratch.write("local value = \(example)", to: "example.lua")
    let isExpression = try Shell.run("luac5.4", ["-p", file]).status == 0
    let statement = isExpression ? "local value = \(example)" : example
    let mark = "done = true\n"
    let isDone = "expect(done):is_true()"
    var (policy, test) = (names, "")
    switch place {
    case .loading:
      policy += "\(statement)\n\(mark)"
      test = "test('example', function() \(isDone) end)\n"
    case .filter:
      policy +=
        "mirror { name = 'example', vpc = 'vpc-shop', source = source.vpc(), target = target.receivers '10.20.9.10',\n"
        + "  filter = function(packet)\n\(statement)\nif value ~= nil then done = true end\nreturn true\nend }\n"
      test =
        "\(packets)test('example', function() for _, each in ipairs(all) do\n"
        + "expect(mirrors.example:judge(each)).reason:equals('collected') end \(isDone) end)\n"
    case .test: test = "test('example', function()\n\(statement)\n\(mark)\(isDone) end)\n"
    case .testFile: test = "\(statement)\n\(mark)test('afterwards', function() \(isDone) end)\n"
    }
    try folder.write(policy, to: "\(name).lua")
    try folder.write(test, to: "\(name)_test.lua")
  }

  @Test func everyExampleRuns() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.path("shop"), withIntermediateDirectories: true)
    try folder.write("return { \"192.0.2.7\" }", to: "shop/lists.lua")
    try folder.write("192.0.2.0/24\n", to: "blocklist.txt")
    try FileManager.default.copyItem(atPath: Shell.capture("web-871.pcap"), toPath: folder.path("web.pcap"))
    let inventory = Shell.root.appending(path: "examples/inventories/shop.json").path
    try FileManager.default.copyItem(atPath: inventory, toPath: folder.path("inventory.json"))
    var paths: [String: String] = [:]
    for (index, entry) in PolicyReference.examples.enumerated() {
      let name = "example\(index)"
      paths[folder.path("\(name)_test.lua")] = "\(entry.path): \(entry.example)"
      try Self.write(entry.example, entry.place, as: name, to: folder)
    }
    let finished = try Shell.moontap("test", folder.url.path, "--json")
    let result = try finished.json()
    for file in result["files"]?.array ?? [] {
      let what = paths[file["file"]?.string ?? ""] ?? "?"
      for problem in file["problems"]?.array ?? [] { Issue.record("\(what): \(problem["sentence"]?.string ?? "")") }
      for test in file["tests"]?.array ?? [] where test["result"]?.string != "passed" {
        Issue.record("\(what): \(test["message"]?.string ?? "") \(test["log"]?.array?.first?.string ?? "")")
      }
    }
    #expect(result["files"]?.array?.count == PolicyReference.names.count)
    #expect(finished.status == 0)
  }
}
