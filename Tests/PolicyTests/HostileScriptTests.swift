import Foundation
import Inventory
import LuaRuntime
import Mirroring
import Policy
import Testing
import Wire

/// Scripts that try to hang, crash, exhaust or escape the host (Tests/Fixtures/hostile_lua/README.md), as whole policies.
struct HostilePolicy: CustomTestStringConvertible {
  static let folder = tests.appending(path: "Fixtures/hostile_lua")
  static let all: [HostilePolicy] = try! FileManager.default.contentsOfDirectory(atPath: folder.path)
    .filter { $0.hasSuffix(".lua") && $0.first!.isNumber }.sorted().map { HostilePolicy(name: $0) }

  let name: String

  var path: String { Self.folder.appending(path: name).path }
  var testDescription: String { name }

  /// The answers that its comment allows.
  var expected: [String] { comment("Expect")?.split(separator: "|").map(String.init) ?? [] }
  var matches: [String]? { comment("Match")?.split(separator: "|").map(String.init) }

  private func comment(_ key: String) -> String? {
    let bytes = FileManager.default.contents(atPath: path) ?? Data()
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.hasPrefix("-- \(key):") {
      return line.dropFirst(key.count + 4).trimmingCharacters(in: .whitespaces)
    }
    return nil
  }
}

@Suite(.serialized) struct HostileScriptTests {
  /// What came of a policy: how it ended, and everything it said.
  private struct Outcome {
    var kinds: Set<String> = []
    var messages: [String] = []
    var seconds = 0.0
  }

  private static let lab = try! Inventory(
    json: Array(FileManager.default.contents(atPath: HostilePolicy.folder.appending(path: "inventory.json").path)!),
    file: "inventory.json")

  private func run(_ script: HostilePolicy) -> Outcome {
    var outcome = Outcome()
    let clock = ContinuousClock()
    let start = clock.now
    withLuaStack {
      do throws(PolicyError) {
        let policy = try Policy(path: script.path, host: 0, inventory: Self.lab)
        policy.begin(plan: policy.mirrors.indices.map { ($0, $0) })
        call(policy, &outcome)
      } catch {
        outcome.kinds = error.kind == .syntax ? ["compile", "error"] : [error.kind.rawValue, "error"]
        outcome.messages = [error.message]
      }
    }
    outcome.seconds = (clock.now - start) / .seconds(1)
    return outcome
  }

  /// Every function of every mirror, over some packets.
  private func call(_ policy: Policy, _ outcome: inout Outcome) {
    policy.start(at: 0)
    for number in 0..<60 {
      var packet = TestPacket {
        $0.source = IPAddress("10.0.0.\(number + 1)")!
        $0.destination = IPAddress("192.168.0.\(number % 7)")!
        $0.sourcePort = UInt16(1000 + number)
        $0.payload = Array(repeating: UInt8(number), count: number)
      }
      packet.eni = nil
      packet.flow.id = UInt32(number)
      for (entry, mirror) in policy.mirrors.enumerated() {
        if case .script(let function) = mirror.filter {
          _ = unsafe packet.with { unsafe policy.judge(function: function.function, mirror: entry, packet: $0) }
        }
        if case .script(let function) = mirror.balance {
          _ = unsafe packet.with { unsafe policy.choose(function: function.function, mirror: entry, packet: $0) }
        }
      }
      policy.runTimers(at: Int64(number) * 1_000_000_000)
    }
    for failure in policy.failures {
      outcome.kinds.formUnion(["error", failure.kind.rawValue])
      outcome.messages.append(failure.firstMessage)
    }
    if outcome.kinds.isEmpty { outcome.kinds = ["ok"] }
  }

  @Test(arguments: HostilePolicy.all)
  func withstands(script: HostilePolicy) {
    let outcome = run(script)
    #expect(!outcome.kinds.isDisjoint(with: script.expected), "\(outcome) for \(script.expected)")
    if let matches = script.matches, !outcome.kinds.contains("ok") {
      let isFound = outcome.messages.contains { message in matches.contains { message.contains($0) } }
      #expect(isFound, "\(outcome.messages)")
    }
    // No measure of speed: a script that got past its limits would never end.
    #expect(outcome.seconds < 60)
    for message in outcome.messages {
      #expect(message.utf8.count <= 1100 && message.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f })
    }
  }
}

/// Every example is a policy that loads with its inventory; what they collect is tested with the command.
@Test(arguments: [
  "accept-drop", "balance-methods", "bpf", "by-customer", "first-packets", "http-host", "next-hop-nat", "no-filter",
  "quintuple", "sample", "sets", "staff-only", "web-to-ids",
])
func theExampleLoads(name: String) throws {
  let path = repository.appending(path: "examples/policies/\(name).lua").path
  let text = try String(contentsOfFile: path, encoding: .utf8)
  let inventories = try FileManager.default.contentsOfDirectory(
    atPath: repository.appending(path: "examples/inventories").path)
  let fits = inventories.contains { file in
    guard
      let bytes = FileManager.default.contents(
        atPath: repository.appending(path: "examples/inventories/\(file)").path),
      let inventory = try? Inventory(json: Array(bytes), file: file)
    else { return false }
    return withLuaStack { (try? Policy(path: path, host: 0, inventory: inventory)) != nil }
  }
  #expect(fits, "\(text.prefix(200))")
}
