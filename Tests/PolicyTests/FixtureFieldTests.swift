import Capture
import DataPath
import Foundation
import LuaRuntime
import Mirroring
import Policy
import Testing
import Wire

/// The fields that scripts read, against tshark, for every packet of the fixtures that both can read.
@Suite struct FixtureFieldTests {
  /// What a filter prints of a packet, and the tshark fields that say the same.
  private static let script = """
    local function show(x) return x == nil and "" or x == true and "1" or x == false and "0" or tostring(x) end
    mirror { name = "m", vpc = "vpc-shop", source = source.vpc(), target = target.receivers "10.20.9.10",
      filter = function(p)
        local t, i = p.tcp, p.icmp
        print(table.concat({ show(p.length), show(p.captured_length), show(p.source_mac), show(p.destination_mac),
          show(p.vlan), show(p.source), show(p.destination), show(p.ip_version), show(p.ttl), show(p.dscp),
          show(p.source_port), show(p.destination_port), show(t and t.syn), show(t and t.ack), show(t and t.fin),
          show(t and t.rst), show(t and t.psh), show(t and t.urg), show(t and t.seq), show(t and t.window),
          show(i and i.type), show(i and i.code) }, "|"))
        return true
      end }
    """

  private static let fields = [
    "frame.len", "frame.cap_len", "eth.src", "eth.dst", "vlan.id", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst",
    "ip.version", "ipv6.version", "ip.ttl", "ipv6.hlim", "ip.dsfield.dscp", "ipv6.tclass.dscp", "tcp.srcport",
    "udp.srcport", "sctp.srcport", "tcp.dstport", "udp.dstport", "sctp.dstport", "tcp.flags.syn", "tcp.flags.ack",
    "tcp.flags.fin", "tcp.flags.reset", "tcp.flags.push", "tcp.flags.urg", "tcp.seq_raw", "tcp.window_size_value",
    "icmp.type", "icmpv6.type", "icmp.code", "icmpv6.code", "sll.src.eth",
  ]

  /// Columns of `fields` that are one value of ours: the first that is not empty.
  private static let groups: [[Int]] = [
    [0], [1], [2, 33], [3], [4], [5, 6], [7, 8], [9, 10], [11, 12], [13, 14], [15, 16, 17], [18, 19, 20], [21], [22],
    [23],
    [24], [25], [26], [27], [28], [29, 30], [31, 32],
  ]

  /// Captures of whole, plain packets: no tunnels, whose inner headers tshark mixes with the outer ones, no damage, no
  /// fragments, which tshark puts together.
  @Test(arguments: [
    "web-871.pcap", "raw-ip6-http.pcap", "link-ipv4-mqtt.pcap", "vlan-collisions.pcap", "sll-resp.pcap",
    "nanosecond-be.pcap", "nanosecond-le-sll.pcap", "null-bsd-ip6.pcap", "pcapng-two-links.pcapng", "ppp-quic.pcap",
    "community-id.pcap.gz", "sll2-mixed.pcap", "pcapng-two-tsresol.pcapng",
  ])
  func fieldsAreTsharks(name: String) throws {
    let path = tests.appending(path: "Fixtures/captures/\(name)").path
    let ours = try withLuaStack { try Self.printed(path) }
    let theirs = try Self.tshark(path)
    #expect(ours.count == theirs.count && !ours.isEmpty)
    for (number, (mine, other)) in zip(ours, theirs).enumerated() {
      #expect(mine == other, "\(name) frame \(number + 1)")
      if mine != other { break }
    }
  }

  private static func printed(_ path: String) throws -> [String] {
    let bench = try Bench(script)
    let source = try CaptureFileSource(path: path)
    let batch = FrameBatch()
    while try source.fill(batch) {
      for position in 0..<batch.count {
        let frame = unsafe batch.frames[position]
        let bytes = unsafe Array(UnsafeRawBufferPointer(start: frame.bytes, count: Int(frame.captured)))
        var packet = TestPacket(
          bytes: bytes, decoder: source.interfaces[Int(frame.interface)].linkType.decoder ?? .none)
        packet.original = Int(frame.original)
        packet.time = frame.time
        guard bench.judge(packet) == .yes else { throw Unexpected(text: "\(bench.policy.failures)") }
      }
    }
    return bench.output.printed
  }

  private static func tshark(_ path: String) throws -> [String] {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments =
      ["tshark", "-n", "-r", path, "-T", "fields", "-E", "separator=|", "-E", "occurrence=f"]
      + ["-o", "tcp.desegment_tcp_streams:false"] + fields.flatMap { ["-e", $0] }
    let out = Pipe()
    process.standardOutput = out
    process.standardError = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: out.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return text.split(separator: "\n").map { line in
      var columns = line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
      // ICMP errors quote a packet, whose ports tshark lists too.
      if !columns[29].isEmpty || !columns[30].isEmpty { for field in 15...28 { columns[field] = "" } }
      // Zeros in a cooked capture are nobody's address.
      if columns[33] == "00:00:00:00:00:00" { columns[33] = "" }
      return groups.map { group in group.map { columns[$0] }.first { !$0.isEmpty } ?? "" }.joined(separator: "|")
    }
  }
}

struct Unexpected: Error, CustomStringConvertible {
  var text: String
  var description: String { text }
}
