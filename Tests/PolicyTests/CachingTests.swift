import Capture
import DataPath
import Foundation
import Inventory
import LuaRuntime
import Mirroring
import Testing
import Wire

@testable import Policy

/// Frames of a capture, kept, so that they can be judged again and again.
@safe final class Tape {
  struct Entry {
    var bytes: [UInt8]
    var time: Int64
    var original: UInt32
    var interface: UInt32
  }

  private(set) var entries: [Entry] = []
  private(set) var interfaces: [CaptureInterface] = []
  private var memory: UnsafeMutableRawPointer?

  /// The first frames of a capture, then again with changes: a conversation's packets differ in all that its path does not
  /// fix.
  init(_ path: String, frames: Int, rounds: Int = 3, seed: UInt64 = 7) throws {
    let source = try CaptureFileSource(path: path)
    let batch = FrameBatch()
    while entries.count < frames, try source.fill(batch) {
      for position in 0..<batch.count where entries.count < frames {
        let frame = unsafe batch.frames[position]
        let bytes = unsafe Array(UnsafeRawBufferPointer(start: frame.bytes, count: Int(frame.captured)))
        entries.append(
          Entry(bytes: bytes, time: frame.time, original: frame.original, interface: frame.interface))
      }
    }
    interfaces = source.interfaces
    var random = RandomNumbers(seed: seed)
    let first = entries
    let span = min(max((first.last?.time ?? 0) &- (first.first?.time ?? 0), 1_000_000), 1_000_000_000_000)
    for round in 1..<max(2, rounds) {
      entries += first.map { changed($0, by: Int64(round) * span, &random) }
    }
  }

  private func changed(_ entry: Entry, by span: Int64, _ random: inout RandomNumbers) -> Entry {
    var entry = entry
    // Clocks of captures may go back.
    entry.time = max(0, entry.time &+ span &+ Int64(random.number(-2_000_000_000...2_000_000_000)))
    let decoder = interfaces[Int(entry.interface)].linkType.decoder ?? .none
    let summary = unsafe entry.bytes.withUnsafeBytes { buffer in
      unsafe PacketSummary.parse(
        buffer.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!, captured: buffer.count, decoder: decoder)
    }
    guard summary.isIP else { return entry }
    let network = Int(summary.networkOffset)
    let transport = Int(summary.transportOffset)
    if random.chance(40) {
      entry.bytes[network + (summary.ipVersion == 4 ? 8 : 7)] = random.pick([1, 63, 64, 128, 255])
    }
    if random.chance(20), summary.ipVersion == 4 { entry.bytes[network + 1] = random.pick([0, 0xb8]) }
    if random.chance(40), summary.protocol == 6, transport + 14 < entry.bytes.count {
      entry.bytes[transport + 13] = random.pick([2, 16, 17, 18, 24])
    }
    if random.chance(10), entry.bytes.count > transport + 8 {
      entry.bytes.removeLast(entry.bytes.count - transport - random.number(4...8))
    } else if random.chance(30), let last = entry.bytes.indices.last, last > transport + 24 {
      entry.bytes[last] = random.pick([0x47, 0, 255])
    }
    if random.chance(20) { entry.original += 37 }
    return entry
  }

  /// - Parameter halfTime: called between the two batches that meet in the middle.
  func run(_ pipeline: Pipeline, _ sink: CopySink, batch size: Int, halfTime: () -> Void) throws {
    let batch = FrameBatch()
    var start = 0
    while start < entries.count {
      if start == entries.count / 2 { halfTime() }
      let end = min(start < entries.count / 2 ? entries.count / 2 : entries.count, start + size)
      let total = entries[start..<end].reduce(0) { $0 + max(1, $1.bytes.count) }
      let room = UnsafeMutableRawPointer.allocate(byteCount: total, alignment: 8)
      defer { unsafe room.deallocate() }
      var offset = 0
      for (position, entry) in entries[start..<end].enumerated() {
        unsafe (room + offset).copyMemory(from: entry.bytes, byteCount: entry.bytes.count)
        unsafe batch.frames[position] = Frame(
          bytes: UnsafeRawPointer(room + offset), time: entry.time, captured: UInt32(entry.bytes.count),
          original: entry.original, interface: entry.interface, direction: .unknown)
        offset += max(1, entry.bytes.count)
      }
      batch.setCount(end - start)
      sink.first = start
      try pipeline.process(batch, interfaces: interfaces, sink: sink)
      start = end
    }
  }
}

/// Writes down every copy.
final class CopySink: FrameSink {
  var first = 0
  private(set) var copies: [[Int]] = []

  func deliver(
    _ given: UnsafePointer<Copy>, count: Int, frames: UnsafePointer<Frame>, interfaces: [CaptureInterface],
    drop: (Int, DeliveryDrop) -> Void
  ) throws(Never) {
    for position in 0..<count {
      let copy = unsafe given[position]
      copies.append([first + Int(copy.frame), Int(copy.route), Int(copy.origin), copy.isOutbound ? 1 : 0])
    }
  }

  func adopt(_ plan: SinkPlan) throws(Never) {}
}

/// Everything that a run of a policy leaves.
struct RunResult: Equatable {
  var copies: [[Int]] = []
  var counters: [String] = []
  var script: [String] = []
}

/// A policy over a tape.
struct PolicyRun {
  var result = RunResult()
  var statistics: [ScriptStatistics] = []
  var mismatches = 0
  var verified = 0
  var caching: [CachingReport] = []

  init(
    _ source: String, _ tape: Tape, _ inventory: Inventory, remembers: Bool, batch: Int = 128,
    adoptsAnew: Bool = false
  ) throws {
    var lines: [String] = []
    var options = PolicyOptions()
    options.remembersVerdicts = remembers
    options.log = { lines.append("\($0.level) \($0.place) \($0.text)") }
    options.print = { lines.append($0) }
    let compiler = PcapFilterCompiler()
    let policy = try Policy(
      source: source, file: "p.lua", host: 0, inventory: inventory, bpf: compiler, options: options)
    let plan = MirrorPlan(inventory: inventory, mirrors: policy.mirrors)
    let entries = plan.enabled.enumerated().map { (entry: $0, mirror: $1) }
    policy.begin(plan: entries)
    let pipeline = try Pipeline(plan: plan, scripts: [policy], compiler: compiler)
    let sink = CopySink()
    try tape.run(pipeline, sink, batch: batch) {
      guard adoptsAnew else { return }
      pipeline.adopt(plan: plan, scripts: [policy])
      policy.begin(plan: entries)
    }
    let report = try pipeline.report()
    policy.finishLog()
    result.copies = sink.copies
    result.counters = report.mirrors.map {
      "\($0.observed) \($0.collected) \($0.unattributed) \($0.reasons) \($0.receivers) \($0.cells)"
    }
    result.script =
      lines
      + ["\(policy.counters) \(policy.gauges) \(policy.failures) \(policy.faulted)", "\(report.fragmentsWithoutPorts)"]
    statistics = plan.enabled.indices.flatMap { policy.statistics(entry: $0) }
    (mismatches, verified, caching) = (policy.mismatches, policy.verified, policy.caching)
  }
}

let fixtures = tests.appending(path: "Fixtures/captures")

/// All addresses are one VPC's; the hosts that send most are ENIs, some with their MAC.
func everywhere(_ tape: Tape) throws -> (inventory: Inventory, addresses: [String]) {
  var hosts: [(address: IPAddress, mac: UInt64)] = []
  for entry in tape.entries where hosts.count < 6 {
    let decoder = tape.interfaces[Int(entry.interface)].linkType.decoder ?? .none
    let summary = unsafe entry.bytes.withUnsafeBytes { buffer in
      unsafe PacketSummary.parse(
        buffer.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!, captured: buffer.count, decoder: decoder)
    }
    guard let source = summary.source, !source.isMulticast, !source.isUnspecified else { continue }
    let mac = hosts.contains { $0.mac == summary.sourceMAC } ? 0 : summary.sourceMAC
    if !hosts.contains(where: { $0.address == source }) { hosts.append((source, mac)) }
  }
  let enis = hosts.enumerated().map { index, host in
    let mac =
      index % 2 == 0 && host.mac != 0 && host.mac >> 40 & 1 == 0 ? #", "mac": "\#(MACAddress(value: host.mac))""# : ""
    return #"{"id": "eni-\#(index)", "subnet": "all", "addresses": ["\#(host.address)"]\#(mac)}"#
  }
  let text = """
    {"format": "moontap.inventory/1", "regions": [{"id": "r", "vpcs": [{"id": "vpc", "cidrs": ["0.0.0.0/0", "::/0"],
      "natGateways": [{"id": "nat", "addresses": []}], "routeTables": [{"id": "rtb", "routes": [
        {"destination": "192.0.2.0/24", "nextHop": {"type": "local"}},
        {"destination": "128.0.0.0/1", "nextHop": {"type": "nat", "id": "nat"}}]}],
      "subnets": [{"id": "all", "cidrs": ["0.0.0.0/0", "::/0"], "routeTable": "rtb"}],
      "enis": [\(enis.joined(separator: ","))]}]}]}
    """
  let plain = hosts.filter { $0.address.family == .v4 }.map { "\($0.address)" }
  return (try Inventory(json: Array(text.utf8), file: "all.json"), plain.isEmpty ? ["10.0.0.1"] : plain)
}

/// What is remembered never changes what comes out: not one copy, receiver, counter, line.
@Suite struct CachingTests {
  static let captures: [(name: String, frames: Int)] = [
    ("web-871.pcap", 140), ("real-4k-hosts740-cut128.pcap", 160), ("vlan-collisions.pcap", 80),
    ("ip4-fragments-icmp.pcap", 60), ("ip6-fragments.pcap", 40), ("sll-resp.pcap", 60), ("raw-ip6-http.pcap", 60),
    ("gre-various.pcap", 50), ("pcapng-two-links.pcapng", 60), ("vlan-mpls-mixed.pcap", 60),
  ]

  /// 60 policies for each capture.
  @Test(arguments: captures.indices)
  func changesNothingThatComesOut(index: Int) throws {
    let (name, frames) = Self.captures[index]
    let tape = try Tape(fixtures.appending(path: name).path, frames: frames)
    let (inventory, addresses) = try everywhere(tape)
    try withLuaStack {
      var hits: UInt64 = 0
      var calls: UInt64 = 0
      for number in 0..<60 {
        var policy = GeneratedPolicy(
          seed: UInt64(index * 1000 + number), vpc: "vpc", receivers: ["192.0.2.1", "192.0.2.2", "192.0.2.3"],
          addresses: addresses)
        let text = policy.text()
        // Half of them see their plan come into force once more.
        let adoptsAnew = number % 2 == 1
        let with = try PolicyRun(
          text, tape, inventory, remembers: true, batch: [128, 1, 17][number % 3], adoptsAnew: adoptsAnew)
        let without = try PolicyRun(text, tape, inventory, remembers: false, adoptsAnew: adoptsAnew)
        #expect(with.mismatches == 0)
        if with.result != without.result {
          Issue.record("\(name) policy \(number): \(Self.difference(with.result, without.result))\n\(text)")
          return
        }
        hits += with.statistics.reduce(0) { $0 + $1.hits }
        calls += with.statistics.reduce(0) { $0 + $1.calls }
        #expect(
          with.statistics.reduce(0) { $0 + $1.hits + $1.calls } == without.statistics.reduce(0) { $0 + $1.calls },
          "\(name) policy \(number): every answer is counted")
        #expect(without.statistics.allSatisfy { $0.hits == 0 })
      }
      // A memory that is never used would pass everything above.
      #expect(hits > calls / 4, "\(hits) of \(hits + calls)")
    }
  }

  /// What one filter changes another reads, in the same record: seldom, so that answers are remembered in between; and where
  /// the first stands behind a condition that must see each packet.
  @Test(arguments: [
    "function(packet) if packet.length > 300 then n = n + 1 end return true end",
    "filter.bpf 'ip' & function(packet) n = n + 1 return true end",
    "filter.first { packets = 3 } & function(packet) n = n + 1 return true end",
  ])
  func keepsTheOrderOfScripts(first: String) throws {
    let tape = try Tape(fixtures.appending(path: "web-871.pcap").path, frames: 200)
    let (inventory, _) = try everywhere(tape)
    let head = "vpc = 'vpc', source = source.vpc(), target = target.receivers '192.0.2.1'"
    let text = """
      local n = 0
      mirror { name = "changes", \(head), filter = \(first) }
      mirror { name = "reads", \(head), filter = function(packet) return n % 2 == 0 end }
      mirror { name = "has its own", \(head), filter = function(packet) return n % 3 == 0 and packet.protocol == "tcp" end }
      """
    try withLuaStack {
      let with = try PolicyRun(text, tape, inventory, remembers: true)
      let without = try PolicyRun(text, tape, inventory, remembers: false)
      #expect(with.result == without.result && !with.result.copies.isEmpty)
    }
  }

  /// The first mirror's function stands behind a condition that must see each packet: the second's is not asked ahead of it.
  @Test(arguments: [true, false])
  func asksInTheOrderOfMirrors(remembers: Bool) throws {
    let tape = try Tape(fixtures.appending(path: "web-871.pcap").path, frames: 200)
    let (inventory, _) = try everywhere(tape)
    let head = "vpc = 'vpc', source = source.vpc(), target = target.receivers '192.0.2.1'"
    let text = """
      local last
      mirror { name = "a", \(head), filter = filter.bpf 'ip' & function(packet) last = packet.time return true end }
      mirror { name = "b", \(head), filter = function(packet) return last == packet.time end }
      """
    try withLuaStack {
      let copies = try PolicyRun(text, tape, inventory, remembers: remembers).result.copies
      #expect(copies.filter { $0[1] == 0 }.map(\.first) == copies.filter { $0[1] == 1 }.map(\.first))
      #expect(!copies.isEmpty)
    }
  }

  private static func difference(_ with: RunResult, _ without: RunResult) -> String {
    if with.copies != without.copies {
      let first = zip(with.copies, without.copies).first { $0 != $1 }
      return
        "copies \(with.copies.count) and \(without.copies.count), the first that differ \(String(describing: first))"
    }
    let pairs = Array(zip(with.counters + with.script, without.counters + without.script))
    return pairs.first { $0 != $1 }.map { "\($0)\n\($1)" } ?? "numbers of lines"
  }
}
