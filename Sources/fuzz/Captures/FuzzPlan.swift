import Capture
import DataPath
import Inventory
import Mirroring
import Policy

/// An inventory that every address belongs to, and mirrors that ask for all there is: conditions, rules, NAT, Lua,
/// pcap-filter, first packets, samples, all balancers and encapsulations.
final class FuzzPlan {
  let plan: MirrorPlan
  let compiler = PcapFilterCompiler()
  let policy: Policy

  init() throws {
    let inventory = try Inventory(json: Array(Self.inventory.utf8), file: "inventory")
    let file = try MirrorsFile(json: Self.mirrors, file: "mirrors")
    let found = MirrorValidator(inventory: inventory, bpf: compiler).validate(file.drafts)
    var options = PolicyOptions()
    options.log = { _ in }
    options.print = { _ in }
    policy = try Policy(
      source: Self.script, file: "fuzz.lua", host: 0, inventory: inventory, bpf: compiler, earlier: found.mirrors,
      options: options)
    let errors = (file.violations + found.violations).filter { !$0.isWarning }
    guard errors.isEmpty else {
      throw Problem(text: errors.map { "\($0.path): \($0.message)" }.joined(separator: "\n"))
    }
    var planOptions = PlanOptions()
    planOptions.tracksFragments = true
    // Few, so that conversations are pushed out.
    planOptions.conversationLimit = 64
    plan = MirrorPlan(inventory: inventory, mirrors: found.mirrors + policy.mirrors, options: planOptions)
  }

  /// A pipeline that has seen nothing.
  func makePipeline() throws -> Pipeline {
    let first = plan.mirrors.count - policy.mirrors.count
    policy.begin(
      plan: plan.enabled.enumerated().compactMap { entry, mirror in
        mirror < first ? nil : (entry: entry, mirror: mirror - first)
      })
    return try Pipeline(plan: plan, scripts: [policy], compiler: compiler)
  }

  struct Problem: Error, CustomStringConvertible {
    var text: String
    var description: String { text }
  }

  static let inventory = """
    {"format": "moontap.inventory/1", "regions": [{"id": "r", "vpcs": [
      {"id": "all", "cidrs": ["0.0.0.0/0", "::/0"],
       "routeTables": [{"id": "t", "routes": [
         {"destination": "128.0.0.0/1", "nextHop": {"type": "nat", "id": "n"}},
         {"destination": "2000::/3", "nextHop": {"type": "nat", "id": "n"}}]}],
       "natGateways": [{"id": "n", "addresses": ["203.0.113.1"]}],
       "subnets": [{"id": "low", "cidrs": ["0.0.0.0/1", "::/1"], "routeTable": "t"},
                   {"id": "high", "cidrs": ["128.0.0.0/1", "8000::/1"], "routeTable": "t"}],
       "enis": [{"id": "web", "subnet": "high", "mac": "00:16:3e:00:00:01", "addresses": ["192.168.1.2"]},
                {"id": "ids", "subnet": "low", "addresses": ["10.0.0.1"]}]},
      {"id": "other", "cidrs": ["10.0.0.0/8"], "routeTables": [{"id": "u", "routes": []}],
       "subnets": [{"id": "s", "cidrs": ["10.0.0.0/8"], "routeTable": "u"}],
       "enis": [{"id": "o", "subnet": "s", "addresses": ["10.0.0.2"]}]}]}]}
    """

  private static let mirrors = """
    {"format": "moontap.mirrors/1", "mirrors": [
      {"name": "conditions", "region": "r", "vpc": "all", "range": {"vpc": true}, "direction": "all",
       "filter": {"quintuple": [{"protocol": "tcp", "sourcePort": "1-65535", "bidirectional": true},
                                {"source": "0.0.0.0/0"}]},
       "receivers": ["10.0.0.1", "10.0.0.2"], "balance": "even",
       "encapsulation": {"type": "vxlan", "vni": 7, "port": 4789}},
      {"name": "everything", "region": "r", "vpc": "all", "range": {"subnet": ["low", "high"]}, "direction": "all",
       "receivers": ["10.0.0.1"], "balance": "eni-hash", "encapsulation": {"type": "erspan2", "vni": 7},
       "copies": "per-eni"},
      {"name": "rules", "region": "r", "vpc": "other", "range": {"vpc": true}, "direction": "all",
       "filter": {"rules": {"in": [{"priority": 1, "action": "drop", "protocol": "udp"},
                                   {"priority": 2, "action": "accept"}],
                            "out": [{"priority": 1, "action": "accept", "protocol": "icmp"}]}},
       "receivers": ["10.0.0.2"], "balance": "flow-hash", "encapsulation": {"type": "gre", "vni": 7}}]}
    """

  /// Reads every field that a packet has.
  private static let script = """
    local function read(packet)
      local p, inner = packet.payload, packet.inner
      local text = tostring(packet) .. packet:hex()
      local n = (packet.source_port or 0) + (packet.destination_port or 0) + (packet.vlan or 0) + (packet.ttl or 0)
      if packet.tcp and packet.tcp.syn then n = n + packet.tcp.window end
      if packet.icmp then n = n + packet.icmp.type end
      if p and #p > 4 then n = n + p:byte(1) + p:u16(1) + p:u32(1) + #p:sub(1, 10) + (p:find("a") or 0) end
      local depth = 0
      while inner and depth < 8 do
        text = text .. tostring(inner)
        inner, depth = inner.inner, depth + 1
      end
      local state = packet.flow and packet.flow.state
      if state then state.seen = (state.seen or 0) + 1 end
      return (n + #text) % 2 == 0
    end

    mirror { name = "lua", vpc = "all", source = source.vpc(), direction = "all",
      filter = filter.first { packets = 5 } & read | filter.bpf "tcp port 80 or ip6 or vlan",
      target = target.receivers { "10.0.0.1" }, balance = function(packet, receivers) return #receivers end }
    mirror { name = "sample", vpc = "all", source = source.vpc(), direction = "out",
      filter = filter.sample(1/2) & ~filter.quintuple { protocol = "udp" },
      target = target.receivers { "10.0.0.1" }, balance = balance.round_robin() }
    mirror { name = "nat", vpc = "all", source = source.vpc(), direction = "all",
      filter = filter.nat "n", target = target.receivers { "10.0.0.1" }, balance = balance.weighted { ["10.0.0.1"] = 3 } }
    """
}
