import Foundation
import JSONText
import Testing

/// Traffic of real programs; what the receivers' `vxlan` devices hand on against what is recorded at the ENI itself.
@Suite(
  .serialized,
  .enabled(if: Laboratory.missing == nil, Comment(rawValue: "no laboratory here: \(Laboratory.missing ?? "")")))
struct LiveTrafficTests {
  /// web2 serves HTTP and DNS, web1 is their client. Who speaks to whom is known beforehand, so that no ARP is needed.
  private func serve(_ laboratory: Laboratory) throws -> [Daemon] {
    try laboratory.shell(
      """
      ip -n \(laboratory.web(1)) neigh replace 10.20.1.12 lladdr 02:00:0a:14:01:02 dev eth0 nud permanent
      ip -n \(laboratory.web(2)) neigh replace 10.20.1.11 lladdr 02:00:0a:14:01:01 dev eth0 nud permanent
      """)
    let http = """
      import http.server, sys
      class H(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
          self.send_response(200); self.send_header("Content-Length", "100000"); self.end_headers()
          self.wfile.write(bytes(i % 251 for i in range(100000)))
        def log_message(self, *a): pass
      s = http.server.HTTPServer(("10.20.1.12", 80), H); print("serving", file=sys.stderr); s.serve_forever()
      """
    // In a shell: dnsmasq closes the descriptor by whose end `Process` learns of its child's, and all others would wait for it.
    let dns = """
      setpriv --pdeathsig KILL dnsmasq --no-daemon --no-resolv --no-hosts --conf-file=/dev/null --user=root --pid-file= \
        --address=/shop.test/10.20.1.99 --listen-address=10.20.1.12 --bind-interfaces --log-facility=- & wait
      """
    return [
      try Daemon(in: laboratory.web(2), ["python3", "-uc", http], ready: "serving"),
      try Daemon(in: laboratory.web(2), ["sh", "-c", dns], ready: "started"),
      try Daemon(
        in: laboratory.web(2), ["iperf3", "-s", "--logfile", "/dev/stderr", "--forceflush"], ready: "listening"),
    ]
  }

  private func speak(_ laboratory: Laboratory) throws {
    let inWeb1 = "ip netns exec \(laboratory.web(1))"
    try laboratory.shell(
      """
      test $(\(inWeb1) curl --silent http://10.20.1.12/ | wc -c) = 100000
      test $(\(inWeb1) dig +short +tries=3 @10.20.1.12 shop.test) = 10.20.1.99
      \(inWeb1) ping -q -c 10 -i 0.01 -s 1000 10.20.1.12
      \(inWeb1) iperf3 -c 10.20.1.12 -n 500K -b 40M
      \(inWeb1) iperf3 -c 10.20.1.12 -u -n 200K -l 1000 -b 20M -R
      sleep 0.3
      """)
  }

  /// What a policy collects of that traffic.
  struct Case: CustomTestStringConvertible, Sendable {
    var name: String
    /// Of the mirror, in Lua.
    var more: String
    /// The same at the ENI, for tcpdump.
    var same: String
    var receivers = 1
    var testDescription: String { name }
  }

  private static let out = "ether src \(Laboratory.web1MAC)"

  @Test(arguments: [
    Case(name: "both directions", more: "", same: ""),
    Case(name: "out", more: #"direction = "out","#, same: out),
    Case(name: "in", more: #"direction = "in","#, same: "not " + out),
    Case(
      name: "HTTP, both ways",
      more: #"filter = filter.quintuple { protocol = "tcp", destination_port = 80, bidirectional = true },"#,
      same: "tcp port 80"),
    Case(
      name: "DNS or ping", more: #"filter = filter.bpf("icmp or udp port 53"),"#, same: "icmp or udp port 53"),
    Case(
      name: "but no iperf", more: #"filter = ~filter.bpf("port 5201"), direction = "in","#,
      same: "not port 5201 and not \(out)"),
    Case(name: "two receivers", more: "balance = balance.flow_hash(),", same: "", receivers: 2),
  ])
  func receiversGetWhatTheENIsOwnCaptureShows(_ what: Case) throws {
    let laboratory = try Laboratory()
    if what.receivers == 2 { try laboratory.addReceiver() }
    let receivers = [laboratory.receiver, laboratory.receiver2].prefix(what.receivers)
    // Frames of the wire's length and with checksums, where they are recorded.
    for web in [1, 2] {
      try laboratory.shell(
        "ip netns exec \(laboratory.web(web)) ethtool -K eth0 tso off gso off gro off sg off tx off")
    }
    let daemons = try serve(laboratory)
    let copies = try receivers.map { try laboratory.record("vx0", in: $0, to: "\($0).pcap", ["-Q", "in"]) }
    let own = try laboratory.record(
      "eth0", in: laboratory.web(1), to: "own.pcap", what.same.isEmpty ? [] : [what.same])
    let policy = try laboratory.policy(
      #"source.eni("eni-web1")"#, more: what.more,
      receivers: what.receivers == 2 ? "10.20.9.10, 10.20.9.20" : "10.20.9.10")
    let moontap = try laboratory.moontap(policy)
    try speak(laboratory)
    let (mirror, live) = try LiveRunTests.checked(moontap.stop())
    usleep(300_000)
    for tcpdump in copies + [own] { tcpdump.kill() }
    _ = daemons
    let got = try receivers.map { try laboratory.frames("\($0).pcap") }
    let expected = try laboratory.frames("own.pcap")
    #expect(live["interfaces"]?.array?.first?["lost"]?.integer == 0)
    #expect(mirror["collected"]?.packets == expected.count && expected.count >= 12)
    #expect(Self.sorted(got.joined()) == Self.sorted(expected))
    if what.receivers == 2 {
      let flows = got.map { Set($0.map(Self.flow)) }
      #expect(flows[0].isDisjoint(with: flows[1]) && !flows[0].isEmpty && !flows[1].isEmpty)
    }
  }

  /// Super-frames leave web1 whole, and its own capture has them so: every byte of every connection is at the receiver once.
  @Test func segmentsOfSuperFramesAddUpToTheStreamsOfTheENIsOwnCapture() throws {
    let laboratory = try Laboratory()
    let daemons = try serve(laboratory)
    let copies = try laboratory.record("vx0", in: laboratory.receiver, to: "copies.pcap", ["-Q", "in", "tcp"])
    let own = try laboratory.record("eth0", in: laboratory.web(1), to: "own.pcap", ["tcp"])
    let moontap = try laboratory.moontap(
      try laboratory.policy(#"source.eni("eni-web1")"#, more: #"filter = filter.bpf("tcp"),"#))
    try speak(laboratory)
    let (_, live) = try LiveRunTests.checked(moontap.stop())
    usleep(300_000)
    for tcpdump in [copies, own] { tcpdump.kill() }
    _ = daemons
    #expect(live["interfaces"]?.array?.first?["superFrames"]?.integer ?? 0 > 0)
    let (got, expected) = (try laboratory.frames("copies.pcap"), try laboratory.frames("own.pcap"))
    #expect(got.allSatisfy { $0.count <= 1514 } && expected.contains { $0.count > 1514 })
    #expect(Self.streams(got) == Self.streams(expected))
  }

  /// What a receiver sends is not copied, nor what is sent to its port; what else is sent to it is.
  @Test func whatReceiversSendIsLeftOut() throws {
    let laboratory = try Laboratory()
    try laboratory.shell(
      """
      ip -n \(laboratory.host) addr add 10.20.1.1/24 dev br0
      ip netns exec \(laboratory.host) sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
      ip -n \(laboratory.web(1)) route add 10.20.9.0/24 via 10.20.1.1
      ip -n \(laboratory.receiver) route add 10.20.1.0/24 via 10.20.9.1
      ip netns exec \(laboratory.web(1)) ethtool -K eth0 tx off
      """)
    let copies = try laboratory.record("vx0", in: laboratory.receiver, to: "copies.pcap", ["-Q", "in", "icmp or udp"])
    let own = try laboratory.record(
      "eth0", in: laboratory.web(1), to: "own.pcap",
      ["(icmp or udp) and not src host 10.20.9.10 and not (udp dst port 4789 and dst host 10.20.9.10)"])
    let moontap = try laboratory.moontap(try laboratory.policy(#"source.eni("eni-web1")"#))
    try laboratory.ping(to: "10.20.9.10", "-c 20 -i 0.01")
    try laboratory.ping("-c 20 -i 0.01")
    // What looks like a copy, and an ordinary packet to another port.
    try laboratory.shell(
      """
      ip netns exec \(laboratory.web(1)) python3 -c '
      import socket
      s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      for port in (4789, 9): s.sendto(bytes([8, 0, 0, 0, 0, 0, 9, 0]) + bytes(60), ("10.20.9.10", port))'
      """)
    usleep(300_000)
    try LiveRunTests.checked(moontap.stop())
    usleep(200_000)
    for tcpdump in [copies, own] { tcpdump.kill() }
    let (got, expected) = (try laboratory.frames("copies.pcap"), try laboratory.frames("own.pcap"))
    // 20 pings without an answer, 20 with one, the packet to port 9.
    #expect(expected.count == 61)
    #expect(Self.sorted(got) == Self.sorted(expected))
  }

  // MARK: Frames: Ethernet, IPv4 without options

  private static func sorted(_ frames: some Sequence<[UInt8]>) -> [[UInt8]] {
    frames.sorted { $0.lexicographicallyPrecedes($1) }
  }

  /// Both ends in an order that does not depend on the direction.
  private static func flow(_ frame: [UInt8]) -> [UInt8] {
    guard frame.count >= 38, frame[12...13] == [8, 0] else { return Array(frame.prefix(14)) }
    let hasPorts = frame[23] == 6 || frame[23] == 17
    let ends = [
      Array(frame[26..<30]) + (hasPorts ? frame[34..<36] : []),
      Array(frame[30..<34]) + (hasPorts ? frame[36..<38] : []),
    ]
    return [frame[23]] + sorted(ends).joined()
  }

  /// Of each direction of each connection, its bytes by sequence number, and how often each was sent.
  private static func streams(_ frames: [[UInt8]]) -> [[UInt8]: [UInt32: [UInt8]]] {
    var streams: [[UInt8]: [UInt32: [UInt8]]] = [:]
    for frame in frames where frame.count >= 54 {
      let header = 34 + Int(frame[46] >> 4) * 4
      let end = 14 + Int(frame[16]) << 8 + Int(frame[17])
      let sequence = frame[38..<42].reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
      for (offset, byte) in frame[header..<max(header, min(end, frame.count))].enumerated() {
        streams[Array(frame[26..<38]), default: [:]][sequence &+ UInt32(offset), default: []].append(byte)
      }
    }
    return streams
  }
}
