import Foundation
import JSONText
import Testing

/// Live runs in a laboratory of namespaces, with real traffic and the kernel's own `vxlan` device at the receiver.
@Suite(
  .serialized,
  .enabled(if: Laboratory.missing == nil, Comment(rawValue: "no laboratory here: \(Laboratory.missing ?? "")")))
struct LiveRunTests {
  /// What must add up in every run, whatever it met.
  @discardableResult
  static func checked(_ finished: Finished) throws -> (mirror: JSONValue, live: JSONValue) {
    try #require(finished.status == 0, "\(finished.errors)")
    let summary = try finished.json()
    let mirror = try #require(summary.mirror("m"))
    let receivers = try #require(mirror["receivers"]?.array)
    for receiver in receivers {
      let reasons = ["queue-full", "send-error", "too-big", "loop", "throttled"]
      let drops = reasons.compactMap { receiver["drops"]?[$0]?.packets }.reduce(0, +)
      #expect(receiver["packets"]?.integer == (receiver["delivered"]?.packets ?? -1) + drops)
    }
    #expect(mirror["collected"]?.packets == receivers.compactMap { $0["packets"]?.integer }.reduce(0, +))
    let live = try #require(summary["live"])
    var records = 0
    for interface in try #require(live["interfaces"]?.array) {
      #expect(interface["met"]?.integer == (interface["read"]?.integer ?? -1) + (interface["lost"]?.integer ?? 0))
      records += interface["records"]?.integer ?? 0
    }
    #expect(summary["records"]?.packets == records)
    let sent = try #require(live["receivers"]?.array).compactMap { $0["sent"]?.integer }.reduce(0, +)
    #expect(receivers.compactMap { $0["delivered"]?.packets }.reduce(0, +) == sent)
    return (mirror, live)
  }

  @discardableResult
  private func checked(_ finished: Finished) throws -> (mirror: JSONValue, live: JSONValue) {
    try Self.checked(finished)
  }

  private func sum(_ live: JSONValue, _ name: String) -> Int {
    (live["interfaces"]?.array ?? []).compactMap { $0[name]?.integer }.reduce(0, +)
  }

  /// The kernel cuts the same super-frames on the way to web2, whose cable is one that cannot: what arrives there is what the
  /// receiver must get, byte for byte. Paced, so that that cable loses none, and no more frames than a busy machine's backlog of
  /// received packets holds (1,000: net.core.netdev_max_backlog).
  @Test func copiesAreTheFramesOfTheWireByteForByte() throws {
    let laboratory = try Laboratory()
    try laboratory.shell(
      "ip netns exec \(laboratory.host) ethtool -K tap-web2 tso off gso off sg off tx off tx-udp-segmentation off")
    let policy = try laboratory.policy(#"source.eni("eni-web1")"#, more: #"direction = "out","#)
    let copies = try laboratory.record("vx0", in: laboratory.receiver, to: "copies.pcap")
    let wire = try laboratory.record(
      "eth0", in: laboratory.web(2), to: "wire.pcap", ["ether", "src", Laboratory.web1MAC])
    let moontap = try laboratory.moontap(policy)
    try laboratory.ping("-c 5 -i 0.01 -s 1472")
    let server = try Daemon(
      in: laboratory.web(2), ["iperf3", "-s", "-1", "--forceflush", "--logfile", "/dev/stderr"], ready: "listening")
    try laboratory.shell("ip netns exec \(laboratory.web(1)) iperf3 -c 10.20.1.12 -n 1100K -l 60K -b 50M")
    _ = server
    usleep(300_000)
    let (mirror, live) = try checked(moontap.stop())
    usleep(300_000)
    copies.kill()
    wire.kill()
    let (got, expected) = (try laboratory.frames("copies.pcap"), try laboratory.frames("wire.pcap"))
    #expect(sum(live, "superFrames") > 0 && sum(live, "lost") == 0)
    #expect(got.count == mirror["collected"]?.packets)
    #expect(got.count > 700)
    #expect(got.count == expected.count)
    let different = zip(got, expected).enumerated().first { $0.element.0 != $0.element.1 }
    #expect(different == nil, "first different frame: \(different?.offset ?? 0)")
  }

  /// What the sender sent, the engine observed, delivered and lost, and the receiver got, adds up to the packet.
  @Test func countsAddUpFromTheSenderToTheReceiver() throws {
    let laboratory = try Laboratory()
    // No ARP at a time of its own.
    try laboratory.shell(
      """
      ip -n \(laboratory.web(1)) neigh replace 10.20.1.12 lladdr 02:00:0a:14:01:02 dev eth0 nud permanent
      ip -n \(laboratory.web(2)) neigh replace 10.20.1.11 lladdr 02:00:0a:14:01:01 dev eth0 nud permanent
      """)
    let policy = try laboratory.policy(#"source.eni("eni-web1")"#)
    func counts() throws -> (out: Int, in: Int, copies: Int) {
      (
        try laboratory.counter("tx_packets", of: "eth0", in: laboratory.web(1)),
        try laboratory.counter("rx_packets", of: "eth0", in: laboratory.web(1)),
        try laboratory.counter("rx_packets", of: "vx0", in: laboratory.receiver)
      )
    }
    // The kernel may have something to say of its own while the engine starts and ends.
    let start = try counts()
    let moontap = try laboratory.moontap(policy)
    let before = try counts()
    try laboratory.ping("-f -c 3000 -s 1472")
    usleep(200_000)
    let after = try counts()
    let (mirror, live) = try checked(moontap.stop())
    usleep(200_000)
    let end = try counts()
    let delivered = mirror["receivers"]?.array?.first?["delivered"]?.packets ?? 0
    #expect(end.copies - start.copies == delivered)
    func observed(_ direction: String) -> Int {
      let eni = mirror["enis"]?.array?.first {
        $0["eni"]?.string == "eni-web1" && $0["direction"]?.string == direction
      }
      return eni?["observed"]?.packets ?? -1
    }
    #expect(sum(live, "lost") == 0 && delivered >= 6000)
    #expect(observed("out") + observed("in") == delivered)
    #expect((after.out - before.out...end.out - start.out).contains(observed("out")))
    #expect((after.in - before.in...end.in - start.in).contains(observed("in")))
    #expect(live["receivers"]?.array?.first?["fragmented"]?.integer ?? 0 >= 6000)
  }

  /// The receiver stands behind the interface that is mirrored: a copy passes it, and must not be copied.
  @Test func aReceiverBehindTheMirroredInterfaceGetsOneCopyOfEachPacket() throws {
    let laboratory = try Laboratory()
    try laboratory.shell(
      """
      ip -n \(laboratory.host) link del to-ids
      ip -n \(laboratory.host) addr add 10.20.9.1/24 dev br0
      ip -n \(laboratory.web(1)) addr add 10.20.9.10/24 dev eth0
      ip -n \(laboratory.web(1)) link add vx0 type vxlan id 7 dstport 4789 local 10.20.9.10
      ip -n \(laboratory.web(1)) link set vx0 up
      """)
    let moontap = try laboratory.moontap(try laboratory.policy())
    try laboratory.ping("-c 100 -i 0.005 -s 1472")
    usleep(200_000)
    let (mirror, _) = try checked(moontap.stop())
    let copies = try laboratory.counter("rx_packets", of: "vx0", in: laboratory.web(1))
    // 200 of the pings; what is said besides (ARP) is said a few times.
    #expect(copies == mirror["collected"]?.packets)
    #expect(copies >= 200 && copies <= 220)
  }

  @Test func anInterfaceThatComesBackIsCapturedAgain() throws {
    let laboratory = try Laboratory()
    let moontap = try laboratory.moontap(
      try laboratory.policy(#"source.eni("eni-web1")"#, more: #"direction = "out","#))
    try laboratory.ping("-c 10 -i 0.005")
    usleep(100_000)
    try laboratory.shell("ip -n \(laboratory.host) link del tap-web1")
    try moontap.hear("live: interface tap-web1 is gone\n")
    try laboratory.plug(1)
    try moontap.hear("live: interface tap-web1 is captured\n")
    try laboratory.ping("-c 10 -i 0.005")
    usleep(100_000)
    let (mirror, _) = try checked(moontap.stop())
    #expect(mirror["collected"]?.packets ?? 0 >= 20)
  }

  /// Of an ENI whose MAC the inventory does not know only the kernel says which way ARP goes, and it means the cable's end.
  @Test func anInterfaceThatBecomesABridgesPortIsTheHostsEnd() throws {
    let laboratory = try Laboratory()
    let inventory = try String(contentsOfFile: laboratory.folder.path("inventory.json"), encoding: .utf8)
    try laboratory.folder.write(
      inventory.replacing(#""mac": "\#(Laboratory.web1MAC)", "#, with: ""), to: "inventory.json")
    try laboratory.shell("ip -n \(laboratory.host) link set tap-web1 nomaster")
    let moontap = try laboratory.moontap(try laboratory.policy(#"source.eni("eni-web1")"#))
    try laboratory.shell("ip -n \(laboratory.host) link set tap-web1 master br0")
    usleep(300_000)
    // Nobody has the address: ARP asks for it.
    try laboratory.shell("ip netns exec \(laboratory.web(1)) ping -q -c 1 -W 1 10.20.1.99 || true")
    usleep(100_000)
    let (mirror, _) = try checked(moontap.stop())
    let out = try #require(mirror["enis"]?.array).filter { $0["direction"]?.string == "out" }
    #expect(out.compactMap { $0["observed"]?.packets }.reduce(0, +) > 0)
  }

  /// A name that is misspelt, and one that two ENIs have, must not look like a quiet network.
  @Test func aMirrorWithoutAnInterfaceIsWarnedOf() throws {
    let laboratory = try Laboratory()
    let inventory = try String(contentsOfFile: laboratory.folder.path("inventory.json"), encoding: .utf8)
    try laboratory.folder.write(inventory.replacing("tap-web2", with: "tap-wbe2"), to: "inventory.json")
    let moontap = try laboratory.moontap(try laboratory.policy(#"source.eni("eni-web2")"#))
    try moontap.hear(
      #"live.interface: mirror "m" collects nothing here: of the interfaces of its range none is captured: tap-wbe2"#)
    try laboratory.folder.write(inventory.replacing("tap-web2", with: "tap-web1"), to: "inventory.json")
    moontap.signal(SIGHUP)
    try moontap.hear("in force from the next packet on")
    try moontap.hear("live: interface tap-web1 is no longer captured: no ENI has it")
    try moontap.hear("interface tap-web1 is captured for none of the ENIs that name it: eni-web1, eni-web2")
    try laboratory.folder.write(inventory, to: "inventory.json")
    moontap.signal(SIGHUP)
    try moontap.hear("live: interface tap-web2 is captured\n")
    try laboratory.ping("-c 10 -i 0.005")
    usleep(100_000)
    let (mirror, _) = try Self.checked(moontap.stop())
    #expect(mirror["collected"]?.packets ?? 0 >= 20)
  }

  @Test func aReloadChangesWhatIsCopiedAndLosesNothing() throws {
    let laboratory = try Laboratory()
    let policy = try laboratory.policy(#"source.eni("eni-web1")"#, more: #"direction = "out","#)
    let moontap = try laboratory.moontap(policy)
    try laboratory.ping("-c 10 -i 0.005")
    _ = try laboratory.policy(
      #"source.eni("eni-web1")"#, more: #"direction = "out", filter = filter.quintuple { protocol = "udp" },"#)
    moontap.signal(SIGHUP)
    try moontap.hear("in force from the next packet on")
    try laboratory.ping("-c 10 -i 0.005")
    usleep(100_000)
    let finished = try moontap.stop()
    let (mirror, _) = try checked(finished)
    #expect(try finished.json()["reloads"]?.integer == 1)
    // The second ten are no longer wanted, and the kernel leaves them out.
    #expect((10..<20).contains(mirror["collected"]?.packets ?? 0))
  }

  @Test func tagsThatTheKernelTakesOffAreInTheCopies() throws {
    let laboratory = try Laboratory()
    let copies = try laboratory.record("vx0", in: laboratory.receiver, to: "copies.pcap")
    let moontap = try laboratory.moontap(
      try laboratory.policy(#"source.eni("eni-web1")"#, more: #"direction = "out","#))
    let frame = "ffffffffffff" + "02000a140101" + "8100" + "0123" + "88b5" + String(repeating: "ab", count: 50)
    try laboratory.shell(
      """
      ip netns exec \(laboratory.web(1)) python3 -c '
      import socket
      s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("eth0", 0)); s.send(bytes.fromhex("\(frame)"))'
      """)
    usleep(200_000)
    let (_, live) = try checked(moontap.stop())
    usleep(200_000)
    copies.kill()
    let texts = try laboratory.frames("copies.pcap").map {
      $0.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
    #expect(texts.contains(frame), "\(texts)")
    #expect(sum(live, "tags") >= 1)
  }

  /// Copies of whole frames are longer than the path takes.
  @Test(arguments: ["truncate", "drop"])
  func tooLongCopiesAreTreatedAsAskedAndCounted(_ oversize: String) throws {
    let laboratory = try Laboratory()
    let copies = try laboratory.record("vx0", in: laboratory.receiver, to: "copies.pcap")
    let moontap = try laboratory.moontap(
      try laboratory.policy(#"source.eni("eni-web1")"#, more: #"direction = "out","#), ["--oversize", oversize])
    try laboratory.ping("-c 10 -i 0.005 -s 1472")
    usleep(200_000)
    let (mirror, live) = try checked(moontap.stop())
    usleep(200_000)
    copies.kill()
    let receiver = try #require(live["receivers"]?.array?.first)
    let lengths = try laboratory.frames("copies.pcap").map(\.count)
    if oversize == "truncate" {
      #expect(receiver["truncated"]?.integer ?? 0 >= 10)
      #expect(lengths.filter { $0 == 1500 - 50 + 14 }.count >= 10, "\(lengths)")
    } else {
      #expect(mirror["receivers"]?.array?.first?["drops"]?["too-big"]?.packets ?? 0 >= 10)
      #expect(lengths.allSatisfy { $0 < 1450 })
    }
  }

  @Test func keepsOnlyTheRightToOpenSockets() throws {
    let laboratory = try Laboratory()
    let moontap = try laboratory.moontap(try laboratory.policy(), ["--user", "65534"])
    let tasks = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(moontap.process.processIdentifier)/task")
    #expect(!tasks.isEmpty)
    for task in tasks {
      let path = "/proc/\(moontap.process.processIdentifier)/task/\(task)/status"
      let status = try String(contentsOfFile: path, encoding: .utf8)
      for line in [
        "CapPrm:\t0000000000002000", "CapEff:\t0000000000002000", "CapBnd:\t0000000000002000", "NoNewPrivs:\t1",
      ] {
        #expect(status.contains(line), "\(line) is not in \(status)")
      }
      #expect(status.contains("Uid:\t65534\t65534\t65534\t65534"))
    }
    try checked(moontap.stop())
  }

  @Test func needsNoMoreThanTheRightToOpenSockets() throws {
    let laboratory = try Laboratory()
    let policy = try laboratory.policy(#"source.eni("eni-web1")"#)
    try laboratory.shell("chmod -R a+rX \(laboratory.folder.url.path)")
    let person = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs"]
    let moontap = try laboratory.moontap(
      policy, as: person + ["--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw", "--bounding-set=-all,+net_raw"])
    try laboratory.ping("-c 5 -i 0.005")
    usleep(200_000)
    let (mirror, _) = try checked(moontap.stop())
    #expect(mirror["receivers"]?.array?.first?["delivered"]?.packets ?? 0 >= 10)
  }

  @Test func saysWhichRightIsMissing() throws {
    let laboratory = try Laboratory()
    let policy = try laboratory.policy()
    try laboratory.shell("chmod -R a+rX \(laboratory.folder.url.path)")
    let finished = try Shell.run(
      "ip",
      [
        "netns", "exec", laboratory.host, "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
        "--inh-caps=-all", "--bounding-set=-all", Shell.moontap, "run", policy, "--inventory",
        laboratory.folder.path("inventory.json"), "--live",
      ])
    #expect(finished.status == 2)
    #expect(finished.errors.contains("live.permission: capturing on interface tap-web1: socket(AF_PACKET)"))
    #expect(finished.errors.contains("this needs CAP_NET_RAW"))
  }

  /// As an interface that is not there: others' business. A name that no `ip netns` has is none of this host.
  @Test func aNamespaceThatIsNotThereIsNotHere() throws {
    let laboratory = try Laboratory()
    let inventory = try String(contentsOfFile: laboratory.folder.path("inventory.json"), encoding: .utf8)
    try laboratory.folder.write(
      inventory.replacing(#""tap-web2""#, with: #""mt-no-such-namespace/eth0""#), to: "inventory.json")
    let moontap = try laboratory.moontap(try laboratory.policy())
    let (_, live) = try checked(moontap.stop())
    #expect(live["interfaces"]?.array?.compactMap { $0["name"]?.string } == ["tap-web1"])
  }
}
