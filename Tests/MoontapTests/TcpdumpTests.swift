import Capture
import DataPath
import Foundation
import Testing

/// Every capture against tcpdump: what a quintuple or `filter.bpf` mirror collects is what an equivalent expression
/// selects, frame by frame.
///
/// pcap-filter(7) knows no tags unless told, steps over no extension header but the fragment header, and reads "ports"
/// beyond the end of the IP packet; section 6.1 of the semantics does otherwise. `tagged` tells tcpdump of tags; the
/// captures where the other differences show are named with their reason.
struct TcpdumpTests {
  struct Pair: Sendable, CustomTestStringConvertible {
    /// Lua's condition.
    var condition: String
    /// pcap-filter's expression for an untagged frame.
    var expression: String
    var testDescription: String { expression }
  }

  static let pairs = [
    Pair(condition: "{ protocol = 'tcp' }", expression: "tcp"),
    Pair(condition: "{ protocol = 'udp' }", expression: "udp"),
    Pair(condition: "{ protocol = 'icmp' }", expression: "icmp"),
    Pair(condition: "{ protocol = 47 }", expression: "ip proto 47 or ip6 proto 47"),
    Pair(condition: "{ source = '0.0.0.0/0' }", expression: "ip"),
    Pair(condition: "{ source = '10.0.0.0/8', bidirectional = true }", expression: "ip and net 10.0.0.0/8"),
    Pair(condition: "{ destination = '128.0.0.0/1' }", expression: "ip and dst net 128.0.0.0/1"),
    Pair(condition: "{ destination = '2000::/3' }", expression: "ip6 and dst net 2000::/3"),
    Pair(condition: "{ protocol = 'tcp', destination_port = 80 }", expression: "tcp dst port 80"),
    Pair(
      condition: "{ protocol = 'tcp', source_port = '1024-65535' }, { destination_port = '1-1023' }",
      expression: "tcp src portrange 1024-65535 and tcp dst portrange 1-1023"),
    Pair(condition: "{ destination_port = 53, bidirectional = true }", expression: "(tcp or udp or sctp) and port 53"),
  ]

  /// Captures in which the two differ, and why.
  static let excused: [String: String] = [
    "community-id.pcap.gz": "tcpdump reads no gzip",
    "pcapng-ng-blocks.pcapng": "libpcap refuses captures of several link types",
    "pcapng-sections-mixed-endian.pcapng": "libpcap refuses captures of several link types",
    "pcapng-two-links.pcapng": "libpcap refuses captures of several link types",
    "wlan-unsupported.pcap": "a link type that is not decoded",
    "damaged-caplen-4M.pcap": "damaged: tested where damage is",
    "damaged-cut-record.pcap": "damaged: tested where damage is",
    "ip6-ext-chains.pcapng": "extension headers: libpcap does not step over them",
    "ip6-ah-ospf.pcap": "authentication header in IPv6: libpcap does not step over it",
    "igmp-options-hbh.pcap": "hop-by-hop header: libpcap does not step over it",
    "ip6-only-mobility.pcap": "extension headers: libpcap does not step over them",
    "null-bsd-ip6.pcap": "address family 30: libpcap looks for Linux's 10 only",
    "ppp-quic.pcap": "compressed PPP framing: libpcap looks for the protocol field at a fixed place",
    "vlan-mpls-mixed.pcap":
      "tags below MPLS: after `vlan`, libpcap's offsets stay moved for the rest of the expression",
    "cut-fuzzed-ip.pcap": "headers that lie about their length: malformed here, taken at their word by libpcap",
  ]

  static let captures: [String] = {
    let folder = Shell.root.appending(path: "Tests/Fixtures/captures").path
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.contains(".pcap") && excused[$0] == nil }.sorted()
  }()

  @Test(arguments: captures)
  func collectsWhatTcpdumpSelects(_ name: String) throws {
    let folder = try TemporaryFolder()
    let inventory = try folder.write(Self.inventory, to: "everything.json")
    for half in [Self.pairs.prefix(5), Self.pairs.dropFirst(5).prefix(5), Self.pairs.dropFirst(10)] {
      let policy = try folder.write(Self.policy(Array(half)), to: "policy.lua")
      let out = folder.path("out")
      let finished = try Shell.moontap(
        ["run", policy, "--inventory", inventory, "--read", Shell.capture(name), "--write", out])
      try #require(finished.status == 0, "\(finished.errors)")
      for (index, pair) in half.enumerated() {
        let ours = try Self.frames(out + "/100.127.255.\(index + 1).pcapng")
        // From one multicast address to another (one sanitised packet): no interface sent or receives it.
        let expression = "(\(pair.expression)) and not (src net 224.0.0.0/4 and dst net 224.0.0.0/4)"
        let theirs = try Self.frames(try Self.select(name, expression, into: folder))
        let counts = "\(ours.count) collected, \(theirs.count) selected"
        #expect(ours.elementsEqual(theirs), "\(name), \(pair.expression): \(counts)")
      }
    }
  }

  @Test(arguments: captures)
  func bpfFiltersCollectWhatTcpdumpSelects(_ name: String) throws {
    let folder = try TemporaryFolder()
    let inventory = try folder.write(Self.inventory, to: "everything.json")
    let expressions = [
      "tcp port 443 or udp port 53", "greater 200", "ip[8] < 64", "not ip", "len <= 100 and (ip or ip6)",
    ]
    let mirrors = expressions.enumerated().map { index, text in Self.mirror(index, "filter.bpf \"\(text)\"") }
    let policy = try folder.write(mirrors.joined(separator: "\n"), to: "policy.lua")
    let out = folder.path("out")
    let finished = try Shell.moontap(
      ["run", policy, "--inventory", inventory, "--read", Shell.capture(name), "--write", out])
    try #require(finished.status == 0, "\(finished.errors)")
    // What no ENI sent or receives is not observed: all IP of the capture is, and nothing else surely.
    for (index, text) in expressions.enumerated() where text != "not ip" && text != "greater 200" {
      let ours = try Self.frames(out + "/100.127.255.\(index + 1).pcapng")
      let theirs = try Self.frames(try Self.select(name, text, isTagged: false, into: folder))
      #expect(ours.elementsEqual(theirs), "\(name), \(text): \(ours.count) collected, \(theirs.count) selected")
    }
  }

  @Test func everyExcuseNamesACapture() {
    for name in Self.excused.keys { #expect(FileManager.default.fileExists(atPath: Shell.capture(name)), "\(name)") }
    #expect(Self.captures.count >= 20)
  }

  // MARK: Ours

  /// One VPC that holds every address.
  private static let inventory = """
    {"format": "moontap.inventory/1", "regions": [{"id": "r", "vpcs": [{"id": "vpc-all", "cidrs": ["0.0.0.0/0", "::/0"],
     "routeTables": [{"id": "rtb", "routes": []}],
     "subnets": [{"id": "s1", "cidrs": ["0.0.0.0/1", "::/1"], "routeTable": "rtb"},
                 {"id": "s2", "cidrs": ["128.0.0.0/1", "8000::/1"], "routeTable": "rtb"}], "enis": []}]}]}
    """

  private static func policy(_ pairs: [Pair]) -> String {
    pairs.enumerated().map { index, pair in mirror(index, "filter.quintuple(\(pair.condition))") }.joined(
      separator: "\n")
  }

  private static func mirror(_ index: Int, _ filter: String) -> String {
    """
    mirror { name = "m\(index)", vpc = "vpc-all", source = source.vpc(), filter = \(filter),
      target = target.receivers "100.127.255.\(index + 1)" }
    """
  }

  // MARK: Theirs

  private static func select(
    _ name: String, _ expression: String, isTagged: Bool = true, into folder: TemporaryFolder
  ) throws -> String {
    let file = folder.path("selected.pcap")
    let isEthernet = try Shell.run("tcpdump", ["-r", Shell.capture(name), "-d", "vlan"]).status == 0
    // Each `vlan` moves the offsets of all that follows by one more tag, across `or` too: pcap-filter(7).
    let text =
      isTagged && isEthernet
      ? "(\(expression)) or (vlan and (\(expression))) or (vlan and (\(expression)))" : expression
    let finished = try Shell.run("tcpdump", ["-Z", "root", "-r", Shell.capture(name), "-w", file, text])
    // An expression that has no meaning on the link type selects nothing.
    if finished.status != 0 { return try Self.empty(folder) }
    return file
  }

  private static func empty(_ folder: TemporaryFolder) throws -> String {
    let header: [UInt8] = [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0]
    try Data(header).write(to: URL(filePath: folder.path("selected.pcap")))
    return folder.path("selected.pcap")
  }

  // MARK: Frames

  private static func frames(_ path: String) throws -> [[UInt8]] {
    let source = try CaptureFileSource(path: path)
    let batch = FrameBatch()
    var frames: [[UInt8]] = []
    while try source.fill(batch) {
      for position in 0..<batch.count {
        let frame = unsafe batch.frames[position]
        frames.append(unsafe Array(UnsafeRawBufferPointer(start: frame.bytes, count: Int(frame.captured))))
      }
    }
    return frames
  }
}
