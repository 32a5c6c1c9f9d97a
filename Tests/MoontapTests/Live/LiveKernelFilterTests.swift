import Foundation
import JSONText
import Testing

/// What no filter wants does not leave the kernel, and receivers get what they got before.
@Suite(
  .serialized,
  .enabled(if: Laboratory.missing == nil, Comment(rawValue: "no laboratory here: \(Laboratory.missing ?? "")")))
struct LiveKernelFilterTests {
  private func interface(_ live: JSONValue, _ name: String) -> JSONValue? {
    live["interfaces"]?.array?.first { $0["name"]?.string == name }
  }

  /// Super-frames of the wanted connection, cut, beside a flood that is not wanted; and the cable of an ENI that nobody mirrors.
  @Test func onlyWantedFramesAreReadAndAllOfThemCopied() throws {
    let laboratory = try Laboratory()
    try laboratory.shell(
      "ip netns exec \(laboratory.host) ethtool -K tap-web2 tso off gso off sg off tx off tx-udp-segmentation off")
    let policy = try laboratory.policy(
      #"source.eni("eni-web1")"#,
      more: #"direction = "out", filter = filter.quintuple { protocol = "tcp", destination_port = 5201 },"#)
    let copies = try laboratory.record("vx0", in: laboratory.receiver, to: "copies.pcap")
    let wire = try laboratory.record(
      "eth0", in: laboratory.web(2), to: "wire.pcap", ["ether src \(Laboratory.web1MAC) and tcp dst port 5201"])
    let moontap = try laboratory.moontap(policy)
    let server = try Daemon(
      in: laboratory.web(2), ["iperf3", "-s", "-1", "--forceflush", "--logfile", "/dev/stderr"], ready: "listening")
    try laboratory.ping("-f -c 2000 -s 500")
    try laboratory.sendFlows(100)
    try laboratory.shell("ip netns exec \(laboratory.web(1)) iperf3 -c 10.20.1.12 -n 2M -l 60K -b 50M")
    _ = server
    usleep(300_000)
    let finished = try moontap.stop()
    let (mirror, live) = try LiveRunTests.checked(finished)
    usleep(300_000)
    copies.kill()
    wire.kill()
    let (got, expected) = (try laboratory.frames("copies.pcap"), try laboratory.frames("wire.pcap"))
    #expect(got.count > 1000 && got == expected, "\(got.count) copies, \(expected.count) frames")
    // Neither the flood nor the answers were read, and nothing at web2.
    #expect(mirror["observed"]?.packets == got.count && mirror["collected"]?.packets == got.count)
    #expect(try finished.json()["records"]?.packets == got.count)
    #expect(interface(live, "tap-web1")?["superFrames"]?.integer ?? 0 > 0)
    #expect(interface(live, "tap-web2")?["met"]?.integer == 0)
  }

  /// The kernel takes a tag off before its filter looks: to libpcap's words the frame is another one then.
  @Test func aTagIsSeenThoughTheKernelTookItOff() throws {
    let laboratory = try Laboratory()
    let copies = try laboratory.record("vx0", in: laboratory.receiver, to: "copies.pcap")
    let moontap = try laboratory.moontap(
      try laboratory.policy(#"source.eni("eni-web1")"#, more: #"direction = "out", filter = ~filter.bpf("udp"),"#))
    let udp = "4500002c00004000401124830a14010b0a14010c" + "00090009001800000102030405060708090a0b0c0d0e0f10"
    let addresses = "02000a140102" + "02000a140101"
    let tagged = addresses + "8100" + "0123" + "0800" + udp
    try laboratory.shell(
      """
      ip netns exec \(laboratory.web(1)) python3 -c '
      import socket
      s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("eth0", 0))
      for frame in ("\(tagged)", "\(addresses)0800\(udp)"): s.send(bytes.fromhex(frame))'
      """)
    usleep(200_000)
    try LiveRunTests.checked(moontap.stop())
    usleep(200_000)
    copies.kill()
    let texts = try laboratory.frames("copies.pcap").map {
      $0.map { String(Int($0) + 256, radix: 16).suffix(2) }.joined()
    }
    #expect(texts.contains(tagged), "\(texts)")
    #expect(!texts.contains(addresses + "0800" + udp))
  }

  /// Fragments have no ports: the pipeline knows them from the first.
  @Test func fragmentsOfAWantedDatagramAreCopied() throws {
    let laboratory = try Laboratory()
    let moontap = try laboratory.moontap(
      try laboratory.policy(
        #"source.eni("eni-web1")"#,
        more: #"direction = "out", filter = filter.quintuple { protocol = "udp", destination_port = 9 },"#),
      ["--fragments", "track"])
    try laboratory.shell(
      """
      ip netns exec \(laboratory.web(1)) python3 -c '
      import socket
      s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      for port in (9, 10): s.sendto(bytes(4000), ("10.20.1.12", port))'
      """)
    usleep(200_000)
    let (mirror, live) = try LiveRunTests.checked(moontap.stop())
    // Three pieces each; those of the other port are read and left out.
    #expect(mirror["collected"]?.packets == 3)
    #expect(mirror["reasons"]?["filtered"]?.packets == 3)
    #expect(interface(live, "tap-web1")?["read"]?.integer == 6)
  }

  /// A reload that wants more has the kernel let more through.
  @Test func aReloadChangesWhatTheKernelLetsThrough() throws {
    let laboratory = try Laboratory()
    func policy(_ port: Int) throws -> String {
      try laboratory.policy(
        #"source.eni("eni-web1")"#,
        more: #"direction = "out", filter = filter.quintuple { protocol = "udp", destination_port = \#(port) },"#)
    }
    let moontap = try laboratory.moontap(try policy(10))
    try laboratory.sendFlows(20)
    _ = try policy(9)
    moontap.signal(SIGHUP)
    try moontap.hear("in force from the next packet on")
    try laboratory.sendFlows(30)
    let (mirror, live) = try LiveRunTests.checked(moontap.stop())
    #expect(mirror["collected"]?.packets == 30)
    #expect(interface(live, "tap-web1")?["met"]?.integer == 30)
  }
}
