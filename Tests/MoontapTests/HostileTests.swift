import Foundation
import JSONText
import Testing

/// Every hostile script as a policy of the real program, in a child process of little memory, time and stack, beside a
/// well-behaved policy that must not notice.
@Suite struct HostileTests {
  private static let captures = [
    "vxlan-http.pcap", "link-ipv4-mqtt.pcap", "ip4-fragments-icmp.pcap", "big-endian-pptp.pcap",
  ].map { Shell.capture($0) }
  private static let friend = HostileScript.folder.appending(path: "well-behaved.lua").path
  /// Twice the second that a policy may load, ten failures of twice 20 ms for each function, and the program itself.
  private static let seconds = Confined.isSanitized ? 12 : 3
  /// Both stacks for every script; otherwise one of them, in turn.
  private static let isThorough = ProcessInfo.processInfo.environment["MOONTAP_HOSTILE"] == "full"

  private static func run(_ policies: [String], inventory: String, stack: Int) throws -> Finished {
    let arguments = ["run"] + policies + ["--inventory", inventory, "--json", "--read"] + captures
    return try Confined.run(arguments, stack: stack, seconds: seconds)
  }

  @Test func thereAreEnough() {
    #expect(HostileScript.all.count { !$0.isOurs } >= 66)
    #expect(HostileScript.all.count { $0.isOurs } >= 70)
    for script in HostileScript.all { #expect(!script.expected.isEmpty, "\(script.name)") }
  }

  @Test(arguments: HostileScript.all)
  func withstands(script: HostileScript) throws {
    let number = Int(script.name.prefix(3)) ?? 0
    for stack in Self.isThorough ? [512, 8192] : [number % 2 == 0 ? 512 : 8192] {
      let finished = try Self.run([Self.friend, script.path], inventory: script.inventory, stack: stack)
      let said = finished.errors.suffix(600)
      #expect([0, 2, 3].contains(finished.status), "ended by itself: \(finished.status) \(said)")
      #expect(!finished.kinds.isDisjoint(with: script.expected), "\(finished.kinds) for \(script.expected): \(said)")
      if !finished.kinds.contains("ok"), !script.matches.isEmpty {
        #expect(script.matches.contains { finished.errors.contains($0) }, "\(said)")
      }
      #expect(finished.unclean.isEmpty, "\(finished.unclean.first ?? "")")
      #expect(finished.errors.utf8.count < 4 << 20, "output is bounded")
      if finished.kinds.contains("error") {
        #expect(finished.errors.contains(#/\.lua(:[0-9]+)?: /#), "names the place")
      }
      guard finished.status != 3 else { continue }
      let alone = try Self.run([Self.friend], inventory: script.inventory, stack: stack)
      #expect(try answers(finished) == answers(alone), "the well-behaved policy's answers")
    }
  }

  /// All that was counted for the well-behaved policy.
  private func answers(_ finished: Finished) throws -> [JSONValue] {
    let summary = try finished.json()
    let mirror = try #require(summary.mirror("well-behaved"))
    let metrics = summary["policies"]?.array?.first { $0["policy"]?.string == "well-behaved" }
    #expect((mirror["collected"]?.packets ?? 0) > 10)
    return try ["observed", "collected", "reasons", "receivers", "enis"].map { try #require(mirror[$0]) }
      + [metrics ?? .null]
  }

  /// The copies themselves, not only their number. These scripts fail at every packet, so that no other copies are there.
  @Test(arguments: ["015", "216", "247", "250", "271"])
  func copiesTheSameBesideIt(prefix: String) throws {
    let script = try #require(HostileScript.all.first { $0.name.hasPrefix(prefix) })
    func copies(_ policies: [String]) throws -> [String: Data] {
      let folder = try TemporaryFolder()
      let arguments = [
        "run", "--inventory", script.inventory, "--read", Self.captures[1], "--write", folder.path("out"), "--format",
        "pcap",
      ]
      _ = try Confined.run(arguments + policies, stack: 8192, seconds: Self.seconds)
      var found: [String: Data] = [:]
      for name in try FileManager.default.contentsOfDirectory(atPath: folder.path("out")) {
        found[name] = try Data(contentsOf: folder.url.appending(path: "out/" + name))
      }
      return found
    }
    let alone = try copies([Self.friend])
    #expect(alone.count == 2)
    #expect(try copies([Self.friend, script.path]) == alone)
  }

  /// The n-th allocation fails: here for some n, in `scripts/hostile` for all of 1 to 2,000, in a run of its own.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["HOSTILE_ALLOCATIONS"] == nil))
  func withstandsFailingAllocations() throws {
    let folder = HostileScript.folder
    let arguments =
      [
        "allocations", "--every", "401", "--inventory",
        folder.appending(path: "inventory.json").path, "--ours", folder.appending(path: "inventory-enis.json").path,
        "--capture", Shell.capture("vxlan-http.pcap"),
      ] + HostileScript.all.map(\.path)
    let finished = try Shell.run(Confined.fuzz, arguments)
    #expect(finished.status == 0, "\(finished.errors.suffix(2000))")
    #expect(finished.text.hasPrefix("\(HostileScript.all.count) scripts"))
  }
}

/// Sources that are too large to be kept.
@Suite struct HostileSourceTests {
  static let sources: [(name: String, text: String, kinds: Set<String>)] = {
    func many(_ count: Int, _ text: (Int) -> String) -> String { (0..<count).map(text).joined() }
    let limit = 256 << 10
    return [
      ("bytecode", "\u{1B}Lua" + many(1000) { "\($0)" }, ["syntax"]),
      ("labels", many(16_000) { "::l\($0)::" }, ["ok", "syntax", "cpu"]),
      ("jumps", many(16_000) { "goto l\($0) " }, ["syntax"]),
      ("jumps and labels", many(9000) { "goto l\($0) " } + many(9000) { "::l\($0)::" }, ["ok", "syntax"]),
      ("brackets", String(repeating: "(", count: limit - 10), ["syntax"]),
      ("braces", "return " + String(repeating: "{", count: limit - 10), ["syntax"]),
      ("minus signs", "return " + String(repeating: "- ", count: 100_000) + "1", ["syntax"]),
      ("open texts", String(repeating: "[==[", count: 60_000), ["syntax"]),
      ("open comments", String(repeating: "--[[", count: 60_000), ["syntax"]),
      ("zeros", String(repeating: "\0", count: limit - 10), ["syntax"]),
      ("line ends", String(repeating: "\n\r", count: 130_000), ["ok"]),
      ("one long text", "local s = '" + String(repeating: "x", count: limit - 20) + "'", ["ok"]),
      ("one long number", "return " + String(repeating: "9", count: limit - 20), ["ok"]),
      ("one long name", String(repeating: "n", count: limit - 20) + " = 1", ["ok"]),
      ("blocks", many(30_000) { _ in "do end " }, ["ok"]),
      ("conditions", "local x = 1 if x then " + many(9000) { "elseif x == \($0) then " } + "end", ["ok"]),
      ("choices", "return 1 " + String(repeating: "or 1 ", count: 40_000), ["ok"]),
      ("sums", "local x = 1 return x " + String(repeating: "+ x ", count: 50_000), ["ok"]),
      ("powers", "return 1 " + String(repeating: "^ 1 ", count: 40_000), ["syntax"]),
      ("constants", "local t = {" + many(20_000) { "\($0).5," } + "}", ["ok"]),
      ("functions", many(9000) { "local function f\($0)() end " }, ["syntax"]),
      ("closures", "local t = {" + many(12_000) { _ in "function() end," } + "}", ["ok"]),
      ("escapes", "local s = '" + String(repeating: "\\z ", count: 80_000) + "'", ["ok"]),
      ("chains", "local x = {} " + many(500) { _ in "x.a.a.a.a.a.a.a.a.a.a = 1 " }, ["runtime"]),
      ("too long", String(repeating: " ", count: limit + 1), ["unreadable", "syntax"]),
    ]
  }()

  @Test(arguments: sources.map(\.name))
  func compilesOrRefusesInBoundedTime(name: String) throws {
    let source = try #require(Self.sources.first { $0.name == name })
    let folder = try TemporaryFolder()
    let file = try folder.write(source.text, to: "large.lua")
    let inventory = HostileScript.folder.appending(path: "inventory.json").path
    for stack in [512, 8192] {
      let finished = try Confined.run(
        ["check", file, "--inventory", inventory], stack: stack, seconds: Confined.isSanitized ? 12 : 3)
      // A policy without mirrors is nothing to run: that is what is said of those that load.
      let kinds = finished.errors.contains("mirrors.none") ? ["ok"] : finished.kinds
      #expect(
        finished.status == 3 && !kinds.isDisjoint(with: source.kinds),
        "\(finished.status) \(finished.errors.prefix(300))")
      #expect(finished.unclean.isEmpty)
    }
  }
}
