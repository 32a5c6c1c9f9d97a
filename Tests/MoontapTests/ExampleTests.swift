import Foundation
import JSONText
import Testing

/// Every example policy, run as its head says, against what tshark selects of the same capture.
struct ExampleTests {
  struct Expectation: CustomTestStringConvertible, Sendable {
    var policy: String
    var mirror: String
    var inventory = "campus"
    var capture = "campus.pcap"
    /// tshark's display filter for the frames that the mirror collects.
    var frames: String
    var testDescription: String { "\(policy): \(mirror)" }
  }

  private static let inside = "ip.src == 10.50.104.0/21"
  private static let toInternet =
    "!(ip.dst == 10.50.0.0/16) && !(ip.dst == 178.60.128.0/24) && !(ip.dst == 224.0.0.0/4) && !(ip.dst == 255.255.255.255) && !(ip.dst == 169.254.0.0/16)"
  private static let watched = "(ip.addr == 178.60.128.0/24 || ip.addr == 216.58.208.0/20 || ip.addr == 207.46.11.202)"

  static let expectations = [
    Expectation(policy: "web-to-ids", mirror: "web-to-ids", frames: "tcp.port == 443 && tcp.flags.syn == 0 && !icmp"),
    Expectation(policy: "no-filter", mirror: "laptop-recorder", frames: "eth.addr == a0:88:b4:2c:fa:ac"),
    Expectation(
      policy: "quintuple", mirror: "dns-questions", frames: "udp.dstport == 53 && ip.src == 10.50.0.0/16 && !icmp"),
    Expectation(
      policy: "next-hop-nat", mirror: "internet-egress",
      frames: "ip && !icmp && \(inside) && \(toInternet) || icmp && eth.src == a0:88:b4:2c:fa:ac"),
    Expectation(
      policy: "sets", mirror: "watch-list",
      frames: "\(watched) && !icmp && !(tcp.dstport in {53,123,137,138}) && !(udp.dstport in {53,123,137,138})"),
    Expectation(policy: "http-host", mirror: "lamernews", frames: "http.host == \"lamernews.com\""),
    Expectation(
      policy: "accept-drop", mirror: "web-without-cache",
      frames:
        "tcp && !(ip.addr == 178.60.128.0/24) && (\(inside) && tcp.dstport in {80,443} || !(\(inside)) && tcp.srcport in {80,443})"
    ),
    Expectation(policy: "bpf", mirror: "something-went-wrong", frames: "icmp.type == 3 || tcp.flags.reset == 1"),
    Expectation(
      policy: "staff-only", mirror: "staff", frames: "eth.addr == a0:88:b4:2c:fa:ac || eth.addr == bc:ee:7b:40:09:8c"),
  ]

  @Test(arguments: expectations)
  func collectsWhatTsharkSelects(_ expected: Expectation) throws {
    let capture = "examples/captures/\(expected.capture)"
    let summary = try Self.run(expected.policy, expected.inventory, expected.capture)
    let wanted = try Shell.frames(capture, tshark: expected.frames)
    #expect(!wanted.isEmpty)
    #expect(summary.mirror(expected.mirror)?["collected"]?.packets == wanted.count)
  }

  static func run(_ policy: String, _ inventory: String, _ capture: String) throws -> JSONValue {
    let finished = try Shell.moontap(
      "run", "examples/policies/\(policy).lua", "--inventory", "examples/inventories/\(inventory).json", "--read",
      "examples/captures/\(capture)", "--json")
    try #require(finished.status == 0, "\(finished.errors)")
    return try finished.json()
  }

  @Test func firstPacketsAreFiveOfEveryConversation() throws {
    let summary = try Self.run("first-packets", "campus", "campus.pcap")
    let streams = try Shell.lines(
      "tshark", ["-n", "-r", "examples/captures/campus.pcap", "-Y", "tcp && !icmp", "-T", "fields", "-e", "tcp.stream"])
    let wanted = Dictionary(grouping: streams, by: { $0 }).values.reduce(0) { $0 + min(5, $1.count) }
    #expect(summary.mirror("greetings")?["collected"]?.packets == wanted)
  }

  @Test func theTwoBalanceMethodsCollectTheSame() throws {
    let summary = try Self.run("balance-methods", "campus", "campus.pcap")
    let evenly = try #require(summary.mirror("evenly"))
    let byENI = try #require(summary.mirror("by-eni"))
    #expect(evenly["collected"] == byENI["collected"])
    #expect(evenly["receivers"]?.array?.allSatisfy { ($0["packets"]?.integer ?? 0) > 0 } == true)
    #expect(byENI["receivers"]?.array?.allSatisfy { ($0["packets"]?.integer ?? 0) > 0 } == true)
  }

  @Test func customersGoToTheirReceivers() throws {
    let mirror = try #require(try Self.run("by-customer", "campus", "campus.pcap").mirror("by-customer"))
    let receivers = try #require(mirror["receivers"]?.array).map { $0["packets"]?.integer }
    let guests = "(ip.addr == 10.50.107.0/24 || ip.addr == 10.50.104.96)"
    let staff = "(ip.addr == 10.50.109.0/24 || ip.addr == 10.50.104.100)"
    let range = "(ip.addr == 10.50.104.0/21) && !icmp"
    let capture = "examples/captures/campus.pcap"
    #expect(receivers[0] == (try Shell.frames(capture, tshark: "\(range) && \(guests)").count))
    #expect(try receivers[1] == Shell.frames(capture, tshark: "(\(range) || icmp) && \(staff) && !\(guests)").count)
    #expect((mirror["reasons"]?["no-receiver"]?.packets ?? 0) > 0)
  }

  @Test func aSampleTakesWholeConversations() throws {
    let folder = try TemporaryFolder()
    let finished = try Shell.moontap(
      "run", "examples/policies/sample.lua", "--inventory", "examples/inventories/backbone.json", "--read",
      "examples/captures/backbone.pcap", "--write", folder.path("out"))
    #expect(finished.status == 0)
    let flow = [
      "-T", "fields", "-e", "ip.src", "-e", "ip.dst", "-e", "ip.proto", "-e", "tcp.srcport", "-e", "tcp.dstport",
    ]
    let all = try Shell.lines("tshark", ["-n", "-r", "examples/captures/backbone.pcap", "-Y", "tcp && !icmp"] + flow)
    let taken = try Shell.lines(
      "tshark", ["-n", "-r", folder.path("out/10.9.0.1.pcapng"), "-Y", "tcp && !icmp"] + flow)
    let (counts, takenCounts) = (Self.count(all), Self.count(taken))
    #expect(takenCounts.allSatisfy { counts[$0.key] == $0.value })
    #expect(takenCounts.count * 10 > counts.count && takenCounts.count * 2 < counts.count)
  }

  private static func count(_ lines: [String]) -> [String: Int] { lines.reduce(into: [:]) { $0[$1, default: 0] += 1 } }

  @Test func everyExamplePolicyPassesCheck() throws {
    let folder = Shell.root.appending(path: "examples/policies")
    let policies = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
      $0.hasSuffix(".lua") && !$0.hasSuffix("_test.lua")
    }
    #expect(policies.count >= 8)
    for policy in policies {
      let inventory = policy == "sample.lua" ? "backbone" : "campus"
      let finished = try Shell.moontap(
        "check", "examples/policies/\(policy)", "--inventory", "examples/inventories/\(inventory).json")
      #expect(finished.status == 0, "\(policy): \(finished.errors)")
    }
  }

  @Test func everyExamplePolicyHasTestsThatRunAllOfIt() throws {
    let finished = try Shell.moontap("test", "examples/policies", "--coverage", "--json")
    #expect(finished.status == 0, "\(finished.text)")
    let result = try finished.json()
    let folder = Shell.root.appending(path: "examples/policies")
    let policies = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
      $0.hasSuffix(".lua") && !$0.hasSuffix("_test.lua")
    }
    let covered = result["coverage"]?.array ?? []
    #expect(covered.compactMap { $0["file"]?.string } == policies.sorted().map { "examples/policies/\($0)" })
    for file in covered { #expect(file["missed"]?.array?.isEmpty == true, "\(file["file"]?.string ?? "")") }
    #expect(result["files"]?.array?.allSatisfy { ($0["tests"]?.array?.count ?? 0) >= 2 } == true)
  }
}
