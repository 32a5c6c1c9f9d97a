import Foundation
import JSONText
import Testing

/// How copies travel in a live run, and what a budget leaves of them.
@Suite(
  .serialized,
  .enabled(if: Laboratory.missing == nil, Comment(rawValue: "no laboratory here: \(Laboratory.missing ?? "")")))
struct LiveSendingTests {
  private func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// What the receiver's interface gets, behind its outer IP header.
  private func copies(
    _ encapsulation: String, receivers: String = "10.20.9.10", _ filter: [String], prepare: (Laboratory) throws -> Void
  ) throws -> (copies: [String], sent: [String]) {
    let laboratory = try Laboratory()
    try prepare(laboratory)
    let policy = try laboratory.policy(
      #"source.eni("eni-web1")"#, more: #"direction = "out", filter = filter.quintuple { protocol = "icmp" },"#,
      receivers: receivers, encapsulation: encapsulation)
    let wire = try laboratory.record(
      "eth0", in: laboratory.web(2), to: "wire.pcap", ["icmp", "and", "ether", "src", Laboratory.web1MAC])
    let copies = try laboratory.record("eth0", in: laboratory.receiver, to: "copies.pcap", filter)
    let moontap = try laboratory.moontap(policy)
    try laboratory.ping("-c 20 -i 0.01 -s 200")
    usleep(300_000)
    try LiveRunTests.checked(moontap.stop())
    usleep(200_000)
    copies.kill()
    wire.kill()
    return (try laboratory.frames("copies.pcap").map(hex), try laboratory.frames("wire.pcap").map(hex))
  }

  @Test func greCarriesTheFrame() throws {
    let (copies, sent) = try copies(#"{ type = "gre", vni = 7 }"#, ["ip", "proto", "47", "and", "greater", "100"]) {
      try $0.listenToGRE(in: $0.receiver)
    }
    #expect(copies.count == 20 && copies.map { $0.dropFirst(2 * 34) } == sent.map { "2000655800000007" + $0 })
  }

  @Test func erspanCarriesTheFrameNumbered() throws {
    let (copies, sent) = try copies(#"{ type = "erspan2", vni = 7 }"#, ["ip", "proto", "47", "and", "greater", "100"]) {
      try $0.listenToGRE(in: $0.receiver)
    }
    #expect(copies.count == 20)
    for (index, copy) in copies.enumerated() where index < sent.count {
      let behind = copy.dropFirst(2 * 34)
      #expect(behind.hasPrefix("100088be") && behind.dropFirst(16).hasPrefix("10000007"))
      #expect(behind.dropFirst(32) == sent[index])
    }
    let numbers = copies.compactMap { UInt32($0.dropFirst(2 * 38).prefix(8), radix: 16) }
    #expect(numbers == (0..<20).map { numbers[0] + $0 })
  }

  @Test func receiversHaveIPv6Addresses() throws {
    let (copies, sent) = try copies("{ vni = 7 }", receivers: "2001:db8::9", ["ip6", "and", "udp", "port", "4789"]) {
      for (namespace, device, address) in [($0.host, "to-ids", "2001:db8::1"), ($0.receiver, "eth0", "2001:db8::9")] {
        try $0.shell(
          """
          ip netns exec \(namespace) sh -c 'echo 0 > /proc/sys/net/ipv6/conf/\(device)/disable_ipv6'
          ip -n \(namespace) addr add \(address)/64 dev \(device) nodad
          """)
      }
      try $0.shell("ip -n \($0.receiver) link add vx6 type vxlan id 7 dstport 4789 local 2001:db8::9")
      try $0.shell("ip -n \($0.receiver) link set vx6 up")
      let file = $0.folder.path("inventory.json")
      let text = try String(contentsOfFile: file, encoding: .utf8)
        .replacingOccurrences(of: #""10.20.0.0/16"]"#, with: #""10.20.0.0/16", "2001:db8::/64"]"#)
        .replacingOccurrences(of: #"["10.20.9.0/24"]"#, with: #"["10.20.9.0/24", "2001:db8::/64"]"#)
      try $0.folder.write(text, to: "inventory.json")
    }
    #expect(copies.count == 20 && copies.map { $0.dropFirst(2 * 70) } == sent.map { $0[...] })
    // RFC 768: not zero over IPv6.
    #expect(copies.allSatisfy { $0.dropFirst(2 * 60).prefix(4) != "0000" })
  }

  @Test func anIDSOnTheHostGetsTheFramesAsTheyAre() throws {
    let laboratory = try Laboratory()
    try laboratory.shell(
      """
      ip -n \(laboratory.host) link add ids0 mtu 1400 type veth peer name ids1 mtu 1400
      ip -n \(laboratory.host) link set ids0 up; ip -n \(laboratory.host) link set ids1 up
      """)
    let policy = try laboratory.policy(
      #"source.eni("eni-web1")"#, more: #"direction = "out", filter = filter.quintuple { protocol = "icmp" },"#,
      encapsulation: #"{ type = "none" }"#)
    let wire = try laboratory.record(
      "eth0", in: laboratory.web(2), to: "wire.pcap", ["icmp", "and", "ether", "src", Laboratory.web1MAC])
    let copies = try laboratory.record("ids1", in: laboratory.host, to: "copies.pcap", ["icmp"])
    let moontap = try laboratory.moontap(policy, ["--inject", "ids0"])
    try laboratory.ping("-c 10 -i 0.01 -s 1000")
    try laboratory.ping("-c 5 -i 0.01 -s 1472")
    usleep(300_000)
    let (mirror, live) = try LiveRunTests.checked(moontap.stop())
    usleep(200_000)
    copies.kill()
    wire.kill()
    let (got, sent) = (try laboratory.frames("copies.pcap"), try laboratory.frames("wire.pcap"))
    #expect(sent.count == 15 && got == Array(sent.prefix(10)))
    #expect(mirror["receivers"]?.array?.first?["drops"]?["too-big"]?.packets == 5)
    #expect(live["receivers"]?.array?.first?["encapsulation"]?.string == "none")
  }

  @Test(arguments: [
    ([], "copies without encapsulation need an interface to leave by"),
    (["--inject", "nowhere0"], "interface nowhere0, which copies without encapsulation leave by, is not on this host"),
    (["--inject", "tap-web1"], "--inject tap-web1: the interface is that of eni-web1, which is captured"),
  ])
  func saysWhichInterfaceIsMissing(_ options: [String], _ words: String) throws {
    let laboratory = try Laboratory()
    let policy = try laboratory.policy(encapsulation: #"{ type = "none" }"#)
    let finished = try Shell.run(
      "ip",
      [
        "netns", "exec", laboratory.host, Shell.moontap, "run", policy, "--inventory",
        laboratory.folder.path("inventory.json"), "--live",
      ] + options)
    #expect(finished.status == 3 && finished.errors.contains("live.inject: " + words), "\(finished.errors)")
  }

  /// The kernel marks them since 6.2; before, they are judged in one piece and counted as not cut.
  @Test func superFramesOfUDPAreCut() throws {
    let laboratory = try Laboratory()
    let copies = try laboratory.record("vx0", in: laboratory.receiver, to: "copies.pcap", ["udp"])
    let moontap = try laboratory.moontap(
      try laboratory.policy(#"source.eni("eni-web1")"#, more: #"direction = "out","#))
    // SOL_UDP, UDP_SEGMENT of udp(7)
    try laboratory.shell(
      """
      ip netns exec \(laboratory.web(1)) python3 -c '
      import socket
      s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(17, 103, 1000)
      s.sendto(bytes(i // 1000 for i in range(4500)), ("10.20.1.12", 9))'
      """)
    usleep(300_000)
    let (_, live) = try LiveRunTests.checked(moontap.stop())
    usleep(200_000)
    copies.kill()
    let interface = live["interfaces"]?.array?.first { $0["name"]?.string == "tap-web1" }
    guard interface?["superFrames"]?.integer ?? 0 > 0 else {
      #expect(interface?["uncut"]?.integer == 1, "neither cut nor counted")
      return
    }
    let payloads = try laboratory.frames("copies.pcap").map { Array($0.dropFirst(42)) }
    #expect(payloads == (0..<5).map { [UInt8](repeating: $0, count: $0 < 4 ? 1000 : 500) })
  }

  @Test func twoReceiversGetEvenShares() throws {
    let laboratory = try Laboratory()
    try laboratory.addReceiver()
    let policy = try laboratory.policy(
      #"source.eni("eni-web1")"#, more: #"direction = "out", filter = filter.quintuple { protocol = "udp" },"#,
      receivers: "10.20.9.10, 10.20.9.20")
    let moontap = try laboratory.moontap(policy)
    try laboratory.sendFlows(400)
    try LiveRunTests.checked(moontap.stop())
    let got = try [laboratory.receiver, laboratory.receiver2].map {
      try laboratory.counter("rx_packets", of: "vx0", in: $0)
    }
    #expect(got == [200, 200])
  }

  /// A mirror of web1's pings for each name, with fields of its own.
  private func pingPolicy(_ laboratory: Laboratory, _ mirrors: [(name: String, fields: String)]) throws -> String {
    let texts = mirrors.map {
      """
      mirror { name = "\($0.name)", vpc = "vpc-shop", source = source.eni("eni-web1"), direction = "out", \($0.fields)
        filter = filter.quintuple { protocol = "icmp" },
        target = target.receivers("10.20.9.10", { encapsulation = { vni = 7 } }) }
      """
    }
    return try laboratory.folder.write(texts.joined(separator: "\n"), to: "policy.lua")
  }

  /// Each mirror as it says, the engine's answer for those that do not.
  @Test func eachMirrorSaysWhatBecomesOfCopiesTooLong() throws {
    let laboratory = try Laboratory()
    let policy = try pingPolicy(
      laboratory, [("m", ""), ("cut", #"oversize = "truncate","#), ("drop", #"oversize = "drop","#)])
    let moontap = try laboratory.moontap(policy)
    try laboratory.ping("-c 10 -i 0.005 -s 1472")
    usleep(200_000)
    let finished = try moontap.stop()
    let summary = try finished.json()
    func tooBig(_ name: String) -> Int? {
      summary.mirror(name)?["receivers"]?.array?.first?["drops"]?["too-big"]?.packets
    }
    #expect(tooBig("m") == 0 && tooBig("cut") == 0 && tooBig("drop") == 10)
    let receiver = try #require(summary["live"]?["receivers"]?.array?.first)
    #expect(receiver["fragmented"]?.integer == 10 && receiver["truncated"]?.integer == 10)
  }

  @Test func whatABudgetHasNoRoomForIsCountedAndSaid() throws {
    let laboratory = try Laboratory()
    let policy = try laboratory.policy(
      #"source.eni("eni-web1")"#, more: #"direction = "out", budget = { packets = 100, bits = 10000000 },"#)
    let moontap = try laboratory.moontap(policy)
    try laboratory.ping("-f -c 3000 -s 1000")
    try laboratory.ping("-i 0.002 -c 1000 -s 1000")
    try moontap.hear("mirror m: over a budget")
    let (mirror, live) = try LiveRunTests.checked(moontap.stop())
    let throttled = mirror["receivers"]?.array?.first?["drops"]?["throttled"]?.packets ?? 0
    #expect(throttled > 0)
    let shed = try #require(live["mirrors"]?.array?.first)
    let reasons = ["sampled", "byPriority", "overBudget"].compactMap { shed[$0]?.integer }
    #expect(reasons.reduce(0, +) == throttled && mirror["collected"]?.packets ?? 0 >= 3000)
  }

  @Test func workersKeepABudgetTogether() throws {
    let laboratory = try Laboratory()
    let policy = try laboratory.policy(
      #"source.eni("eni-web1")"#,
      more: #"direction = "out", filter = filter.quintuple { protocol = "udp" }, budget = { packets = 100 },"#)
    let moontap = try laboratory.moontap(policy, ["--workers", "3"])
    let start = ContinuousClock.now
    try laboratory.shell(
      """
      ip netns exec \(laboratory.web(1)) python3 -c '
      import socket, time
      sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(60)]
      for round in range(100):
        for s in sockets: s.sendto(round.to_bytes(4, "big"), ("10.20.1.12", 9))
        time.sleep(0.02)'
      """)
    usleep(200_000)
    let (mirror, _) = try LiveRunTests.checked(moontap.stop())
    let windows = Int((ContinuousClock.now - start) / .milliseconds(100)) + 1
    let receiver = try #require(mirror["receivers"]?.array?.first)
    let throttled = receiver["drops"]?["throttled"]?.packets ?? 0
    // Each for itself would send up to three times as much.
    let sent = (receiver["packets"]?.integer ?? 0) - throttled
    #expect(sent <= 10 * windows && sent >= 10 && throttled > 3000, "\(sent) in \(windows) windows")
  }

  @Test func aMirrorOverItsShareOfAProcessorShedsAndNoOther() throws {
    let laboratory = try Laboratory()
    let policy = try pingPolicy(laboratory, [("m", "budget = { cpu = 1 },"), ("free", "")])
    let moontap = try laboratory.moontap(policy)
    try laboratory.ping("-f -c 20000")
    try moontap.hear("mirror m: over a budget")
    let summary = try moontap.stop().json()
    func throttled(_ name: String) -> Int? {
      summary.mirror(name)?["receivers"]?.array?.first?["drops"]?["throttled"]?.packets
    }
    #expect(throttled("m") ?? 0 > 5000 && throttled("free") == 0)
    let states = summary["live"]?["mirrors"]?.array?.compactMap { $0["overBudget"]?.integer }
    #expect(states?.count == 2 && states?.last == 0)
  }
}
