import Foundation
import Inventory
import LuaRuntime
import Mirroring
import Policy
import Testing
import Wire

// Shared tools of the tests: a small inventory, policies from text, packets by hand.

let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
let repository = tests.deletingLastPathComponent()

let shop = try! Inventory(
  json: Array(
    """
    {"format": "moontap.inventory/1", "regions": [{"id": "r1", "vpcs": [{
      "id": "vpc-shop", "name": "shop", "cidrs": ["10.20.0.0/16", "2001:db8:20::/56"], "tags": {"env": "test"},
      "routeTables": [{"id": "rtb-main", "routes": [
        {"destination": "0.0.0.0/0", "nextHop": {"type": "nat", "id": "nat-egress"}},
        {"destination": "198.51.100.0/24", "nextHop": {"type": "peering"}}]}],
      "natGateways": [{"id": "nat-egress", "name": "egress", "addresses": ["203.0.113.10"]}],
      "subnets": [
        {"id": "subnet-web", "name": "web", "cidrs": ["10.20.1.0/24"], "routeTable": "rtb-main"},
        {"id": "subnet-tools", "cidrs": ["10.20.9.0/24"], "routeTable": "rtb-main"}],
      "enis": [
        {"id": "eni-web1", "name": "web1", "subnet": "subnet-web", "mac": "02:00:0a:14:01:0b",
         "addresses": ["10.20.1.11"], "tags": {"env": "prod"}, "bandwidthMbps": 3000, "interface": "tap1"},
        {"id": "eni-web2", "subnet": "subnet-web", "addresses": ["10.20.1.12"], "tags": {"env": "dev"}},
        {"id": "eni-ids1", "subnet": "subnet-tools", "addresses": ["10.20.9.10"]},
        {"id": "eni-ids2", "subnet": "subnet-tools", "addresses": ["10.20.9.11"]}]}]}]}
    """.utf8), file: "shop.json")

/// Everything a test may want to see of one policy. Used on a thread with the stack that scripts may need.
final class Bench {
  let policy: Policy
  let output: Output

  final class Output {
    var log: [PolicyLogLine] = []
    var printed: [String] = []
  }

  /// - Parameter entries: whether its mirrors are the plan's entries, in order.
  init(
    _ source: String, file: String = "test.lua", arguments: [String: String] = [:], inventory: Inventory = shop,
    earlier: [TrafficMirror] = [], isTested: Bool = false, store: (any ScriptStore)? = nil
  ) throws(PolicyError) {
    let output = Output()
    self.output = output
    var options = PolicyOptions()
    options.arguments = arguments
    options.isTested = isTested
    options.store = store
    options.log = { output.log.append($0) }
    options.print = { output.printed.append($0) }
    policy = try Policy(
      source: source, file: file, host: 0, inventory: inventory, earlier: earlier, options: options)
    policy.begin(plan: policy.mirrors.indices.map { (entry: $0, mirror: $0) })
  }

  func judge(_ packet: TestPacket = TestPacket(), mirror: Int = 0, function: Int = 0) -> ScriptAnswer {
    unsafe packet.with { unsafe policy.judge(function: function, mirror: mirror, packet: $0) }
  }

  func choose(_ packet: TestPacket = TestPacket(), mirror: Int = 0, function: Int = 0) -> ScriptChoice {
    unsafe packet.with { unsafe policy.choose(function: function, mirror: mirror, packet: $0) }
  }
}

/// A mirror of `shop` with one more line.
func mirror(_ more: String = "", name: String = "m") -> String {
  """
  mirror { name = "\(name)", vpc = "vpc-shop", source = source.vpc(), target = target.receivers "10.20.9.10, 10.20.9.11",
    \(more) }

  """
}

/// A policy whose only filter is the given expression of `packet`.
func filter(_ expression: String) -> String { mirror("filter = function(packet) return \(expression) end") }

/// Loads, on a deep stack, and gives the error; nil: it loaded.
func loadError(_ source: String, file: String = "test.lua", earlier: [TrafficMirror] = []) -> PolicyError? {
  withLuaStack {
    do throws(PolicyError) {
      _ = try Bench(source, file: file, earlier: earlier)
      return nil
    } catch {
      return error
    }
  }
}

/// Whether the filter expression holds for the packet; an error of the script fails the test with its message.
func holds(_ expression: String, _ packet: TestPacket = TestPacket(), sourceLocation: SourceLocation = #_sourceLocation)
  -> Bool
{
  withLuaStack {
    do throws(PolicyError) {
      let bench = try Bench(filter(expression))
      let answer = bench.judge(packet)
      for failure in bench.policy.failures { Issue.record("\(failure)", sourceLocation: sourceLocation) }
      return answer == .yes
    } catch {
      Issue.record("\(error)", sourceLocation: sourceLocation)
      return false
    }
  }
}

typealias SourceLocation = Testing.SourceLocation

/// A packet with what an observation adds.
struct TestPacket {
  var bytes: [UInt8]
  var decoder: LinkDecoder
  var time: Int64 = 1_700_000_000_000_000_000
  var isOutbound = true
  var eni: ENIIndex? = 0
  var original: Int?
  var flow = ObservedPacket.Flow(id: 7, packets: 3, bytes: 200, firstSeen: 1_700_000_000_000_000_000 - 1_500_000_000)

  init(bytes: [UInt8], decoder: LinkDecoder) {
    self.bytes = bytes
    self.decoder = decoder
  }

  /// TCP 10.20.1.11:5000 > 10.20.1.12:443 unless changed.
  init(_ change: (inout PacketBuilder) -> Void = { _ in }) {
    var builder = PacketBuilder(
      protocol: .tcp, source: IPAddress("10.20.1.11")!, destination: IPAddress("10.20.1.12")!)
    builder.sourcePort = 5000
    builder.destinationPort = 443
    change(&builder)
    bytes = try! builder.build()
    decoder = builder.decoder
  }

  func with<Result>(_ body: (UnsafePointer<ObservedPacket>) -> Result) -> Result {
    unsafe bytes.withUnsafeBytes { buffer in
      let base = buffer.baseAddress!
      let summary = unsafe PacketSummary.parse(base, captured: bytes.count, decoder: decoder)
      var packet = unsafe ObservedPacket(
        bytes: base, captured: bytes.count, original: original ?? bytes.count, time: time, decoder: decoder,
        summary: summary, vpc: 0, eni: eni, subnet: 0, isOutbound: isOutbound, flow: flow)
      return unsafe body(&packet)
    }
  }
}
