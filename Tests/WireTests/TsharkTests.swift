import Capture
import DataPath
import Foundation
import Testing
import Wire

/// What `PacketSummary` reads of every frame of every fixture, against what tshark dissects.
@Suite struct TsharkTests {
  /// One frame as tshark sees it.
  private struct Row {
    /// Protocols from the outside in: `["eth", "ethertype", "vlan", "ip", "tcp"]`.
    var layers: [Substring]
    var fields: [String: Substring]

    static let names = [
      "frame.protocols", "eth.src", "eth.dst", "vlan.id", "ip.src", "ip.dst", "ip.proto", "ipv6.src", "ipv6.dst",
      "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport",
      "sctp.srcport", "sctp.dstport", "ipv6.fraghdr.nxt", "ipv6.fraghdr.offset", "frame.time_epoch",
    ]

    init(_ line: Substring) {
      let values = line.split(separator: "\t", omittingEmptySubsequences: false)
      fields = Dictionary(uniqueKeysWithValues: zip(Self.names, values).filter { !$1.isEmpty })
      layers = fields["frame.protocols"]?.split(separator: ":") ?? []
    }

    /// First occurrences only, nothing reassembled: the outermost header, packet by packet.
    static func of(_ path: String) throws -> [Row] {
      let output = Pipe()
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      let options = ["ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE"]
      process.arguments =
        ["tshark", "-n", "-r", path, "-T", "fields", "-E", "occurrence=f"] + options.flatMap { ["-o", $0] }
        + names.flatMap { ["-e", $0] }
      process.standardOutput = output
      process.standardError = FileHandle.nullDevice
      try process.run()
      let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      return text.split(separator: "\n").map(Row.init).filter { !$0.isCustomBlock }
    }

    /// tshark counts custom blocks of pcapng as frames: bare data without time.
    private var isCustomBlock: Bool { layers == ["data"] && fields["frame.time_epoch"] == nil }

    /// Where the outermost IP header stands among the layers, unless something else than tags stands in front.
    private var network: Int? {
      guard let index = layers.firstIndex(where: { $0 == "ip" || $0 == "ipv6" }) else { return nil }
      let tagsAndLinks: Set<Substring> = ["eth", "ethertype", "vlan", "ieee8021ad", "raw", "null", "sll", "ppp"]
      return layers[..<index].allSatisfy { tagsAndLinks.contains($0) } ? index : nil
    }

    /// The layer behind the IP header and all extension headers that are walked.
    private var transport: Substring? {
      guard let network else { return nil }
      let walked: Set<Substring> = ["ipv6.hopopts", "ipv6.routing", "ipv6.dstopts", "ipv6.fraghdr", "ah"]
      return layers[(network + 1)...].first { layers[network] == "ip" || !walked.contains($0) }
    }

    private static let numbers: [Substring: UInt8] = [
      "icmp": 1, "igmp": 2, "ip": 4, "tcp": 6, "udp": 17, "ipv6": 41, "gre": 47, "esp": 50, "icmpv6": 58, "mipv6": 135,
      "ospf": 89, "pim": 103, "sctp": 132, "udplite": 136,
    ]

    /// `tcp 10.0.0.1:80 > 10.0.0.2:5000`, like `PacketSummary.quintuple`; the protocol `*` if tshark does not name it.
    var quintuple: String {
      guard let network else { return "no ip" }
      let family = layers[network]
      let isLaterFragment = fields["ipv6.fraghdr.offset"].map { $0 != "0" } ?? false
      let field = family == "ip" ? fields["ip.proto"] : isLaterFragment ? fields["ipv6.fraghdr.nxt"] : nil
      let number = field.flatMap { UInt8($0) } ?? Self.numbers[transport ?? ""]
      let name = number.map { IPProtocol(rawValue: $0).description } ?? "*"
      let (source, destination) = (fields["\(family).src"] ?? "?", fields["\(family).dst"] ?? "?")
      let ports = transport == "udplite" ? "udp" : transport ?? ""
      guard let from = fields["\(ports).srcport"], let to = fields["\(ports).dstport"] else {
        return "\(name) \(source) > \(destination)"
      }
      return "\(name) \(source):\(from) > \(destination):\(to)"
    }
  }

  /// Damaged files end before their end; libwiretap and Moontap agree on that elsewhere (CaptureTests).
  private static let names = try! FileManager.default.contentsOfDirectory(atPath: captures.path)
    .filter { $0.contains(".pcap") && $0 != "wlan-unsupported.pcap" }.sorted()

  @Test(arguments: names)
  func readsWhatTsharkDissects(_ name: String) throws {
    let rows = try Row.of(captures.appending(path: name).path)
    var row = 0
    var differences: [String] = []
    try Self.forEachFrame(of: captures.appending(path: name).path) { summary, captured in
      defer { row += 1 }
      guard row < rows.count else { return }
      differences += Self.differences(summary, rows[row], captured: captured).map { "frame \(row + 1): \($0)" }
    }
    #expect(row == rows.count && row > 0)
    #expect(differences.isEmpty, "\(differences.prefix(10).joined(separator: "\n"))")
  }

  private static func forEachFrame(of path: String, _ body: (PacketSummary, Int) -> Void) throws {
    let source = try CaptureFileSource(path: path)
    let batch = FrameBatch()
    do throws(CaptureError) {
      while try source.fill(batch) {
        for index in 0..<batch.count {
          let frame = unsafe batch.frames[index]
          let decoder = source.interfaces[Int(frame.interface)].linkType.decoder ?? .none
          let summary = unsafe PacketSummary.parse(frame.bytes, captured: Int(frame.captured), decoder: decoder)
          body(summary, Int(frame.captured))
        }
      }
    } catch {
      guard path.contains("damaged") else { throw error }
    }
  }

  private static func differences(_ summary: PacketSummary, _ row: Row, captured: Int) -> [String] {
    var found: [String] = []
    func compare(_ name: String, _ ours: String, _ theirs: Substring?) {
      if theirs.map({ ours != $0 }) ?? false { found.append("\(name): \(ours), tshark \(theirs ?? "")") }
    }
    if summary.quintuple != row.quintuple { found.append("\(summary.quintuple), tshark \(row.quintuple)") }
    if summary.flags.contains(.sourceMACKnown) {
      compare("source MAC", MACAddress(value: summary.sourceMAC).description, row.fields["eth.src"])
    }
    if summary.flags.contains(.destinationMACKnown) {
      compare("destination MAC", MACAddress(value: summary.destinationMAC).description, row.fields["eth.dst"])
    }
    if summary.flags.contains(.tagged) { compare("VLAN", "\(summary.vlan)", row.fields["vlan.id"]) }
    return found
  }
}
