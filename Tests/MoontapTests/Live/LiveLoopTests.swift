import Foundation
import JSONText
import Testing

/// What could go round: two engines that mirror each other's copies, a receiver that reflects, ICMP errors about copies.
@Suite(
  .serialized,
  .enabled(if: Laboratory.missing == nil, Comment(rawValue: "no laboratory here: \(Laboratory.missing ?? "")")))
struct LiveLoopTests {
  /// The laboratory's host with a second engine: the first captures web1 and the way to the second receiver, the second engine the
  /// way to the first one. Neither knows the other's receiver.
  private func twoEngines(_ encapsulation: String) throws -> (Laboratory, first: Daemon, second: Daemon) {
    let laboratory = try Laboratory()
    try laboratory.addReceiver()
    for namespace in [laboratory.receiver, laboratory.receiver2] { try laboratory.listenToGRE(in: namespace) }
    try laboratory.shell(
      """
      ip -n \(laboratory.host) link set to-ids address 02:00:0a:14:09:01
      ip -n \(laboratory.host) link set to-ids2 address 02:00:0a:14:09:02
      """)
    func inventory(_ enis: [(String, mac: String, address: String)]) -> String {
      let list = enis.map { name, mac, address in
        let subnet = address.hasPrefix("10.20.1.") ? "subnet-web" : "subnet-ids"
        return """
          {"id": "eni-\(name)", "subnet": "\(subnet)", "mac": "\(mac)", "addresses": ["\(address)"], "interface": "\(name)"}
          """
      }
      return """
        {"format": "moontap.inventory/1", "regions": [{"id": "r", "vpcs": [{
          "id": "vpc-shop", "cidrs": ["10.20.0.0/16"], "routeTables": [{"id": "rtb", "routes": []}],
          "subnets": [{"id": "subnet-web", "cidrs": ["10.20.1.0/24"], "routeTable": "rtb"},
                      {"id": "subnet-ids", "cidrs": ["10.20.9.0/24"], "routeTable": "rtb"}],
          "enis": [\(list.joined(separator: ", "))]}]}]}
        """
    }
    func engine(_ name: String, receiver: String, _ enis: [(String, mac: String, address: String)]) throws -> Daemon {
      try laboratory.folder.write(inventory(enis), to: name + ".json")
      let policy = try laboratory.folder.write(
        """
        mirror { name = "m", vpc = "vpc-shop", source = source.vpc(), direction = "all",
          target = target.receivers("\(receiver)", { encapsulation = \(encapsulation) }) }
        """, to: name + ".lua")
      return try Daemon(
        in: laboratory.host,
        [
          Shell.moontap, "run", policy, "--inventory", laboratory.folder.path(name + ".json"), "--live", "--json",
          "--capture-wait", "1",
        ], ready: "capturing on")
    }
    let first = try engine(
      "a", receiver: "10.20.9.10",
      [
        ("tap-web1", Laboratory.web1MAC, "10.20.1.11"), ("to-ids2", "02:00:0a:14:09:02", "10.20.9.21"),
      ])
    let second = try engine("b", receiver: "10.20.9.20", [("to-ids", "02:00:0a:14:09:01", "10.20.9.1")])
    return (laboratory, first, second)
  }

  @Test func twoEnginesDoNotCopyEachOthersCopies() throws {
    let (laboratory, first, second) = try twoEngines("{ vni = 7 }")
    // Long ones leave in fragments, which are copies too.
    try laboratory.ping("-c 50 -i 0.005 -s 1472")
    try laboratory.ping("-c 50 -i 0.005")
    usleep(500_000)
    let (mirror, _) = try LiveRunTests.checked(first.stop())
    let (other, _) = try LiveRunTests.checked(second.stop())
    // 200 packets of the pings, and what is said besides (ARP) a few times.
    #expect((200...240).contains(mirror["collected"]?.packets ?? 0), "\(mirror)")
    #expect(other["reasons"]?["copy"]?.packets ?? 0 >= 200)
    #expect(other["collected"]?.packets ?? 1000 <= 20, "\(other)")
  }

  /// GRE has no room for a mark.
  @Test func aLoopThatNothingElseExcludesIsFoundAndPaused() throws {
    let (laboratory, first, second) = try twoEngines(#"{ type = "gre", vni = 7 }"#)
    // Not all at once, and each different: what goes round is stopped packet by packet.
    try laboratory.ping("-c 40 -i 0.1")
    usleep(1_500_000)
    let (errors, others) = (first.errors, second.errors)
    let (mirror, live) = try LiveRunTests.checked(first.stop())
    let (other, _) = try LiveRunTests.checked(second.stop())
    let said = "mirror m: its copies come back as packets that go out of eni-to-ids"
    #expect((errors + others).contains(said), "\(errors) \(others)")
    #expect(mirror["state"]?.string == "faulted" || other["state"]?.string == "faulted")
    let collected = (mirror["collected"]?.packets ?? 0) + (other["collected"]?.packets ?? 0)
    #expect(collected < 4000, "\(collected)")
    _ = live
  }

  /// The receiver sends back what it gets, port for port.
  @Test func aReceiverThatReflectsGetsNothingTwice() throws {
    let laboratory = try Laboratory()
    try laboratory.shell(
      """
      ip -n \(laboratory.receiver) link del vx0
      ip -n \(laboratory.host) link set to-ids master br0
      ip -n \(laboratory.host) addr del 10.20.9.1/24 dev to-ids; ip -n \(laboratory.host) addr add 10.20.9.1/24 dev br0
      ip -n \(laboratory.receiver) addr add 10.20.1.99/24 dev eth0
      """)
    // To its sender, and to web2, whose interface is mirrored.
    let reflector = try Daemon(
      in: laboratory.receiver,
      [
        "python3", "-uc",
        """
        import socket, sys
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.20.9.10", 4789))
        print("reflecting", file=sys.stderr)
        while True:
          data, sender = s.recvfrom(65536)
          s.sendto(data, sender); s.sendto(data, ("10.20.1.12", 4789))
        """,
      ], ready: "reflecting")
    let moontap = try laboratory.moontap(try laboratory.policy())
    try laboratory.ping("-c 100 -i 0.005")
    usleep(300_000)
    let (mirror, _) = try LiveRunTests.checked(moontap.stop())
    reflector.kill()
    // 200 packets of the pings, besides ARP; ICMP errors of web2 about what it was sent go to the receiver.
    #expect((200...340).contains(mirror["collected"]?.packets ?? 0), "\(mirror)")
  }

  /// A router behind the mirrored interface says of copies that it knows no way: its errors quote copies.
  @Test func icmpErrorsAboutCopiesAreNotCopied() throws {
    let laboratory = try Laboratory()
    try laboratory.shell(
      """
      ip -n \(laboratory.host) link del to-ids
      ip -n \(laboratory.host) addr add 10.20.1.1/24 dev br0
      ip -n \(laboratory.host) route add 10.20.9.10 via 10.20.1.11
      ip -n \(laboratory.web(1)) route add 10.20.1.1 dev eth0
      ip -n \(laboratory.web(1)) route add unreachable 10.20.9.10
      ip netns exec \(laboratory.web(1)) sh -c '
        echo 1 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/icmp_ratelimit'
      """)
    let own = try laboratory.record("eth0", in: laboratory.web(1), to: "own.pcap", ["icmp[0] == 3"])
    let moontap = try laboratory.moontap(try laboratory.policy(#"source.eni("eni-web1")"#))
    try laboratory.ping("-c 100 -i 0.005")
    usleep(300_000)
    let (mirror, _) = try LiveRunTests.checked(moontap.stop())
    own.kill()
    let errors = try laboratory.frames("own.pcap").count
    let reached = (mirror["collected"]?.packets ?? 0) + (mirror["reasons"]?["no-receiver"]?.packets ?? 0)
    // 200 packets of the pings, and what is said besides (ARP) a few times.
    // One may come after the end: a receiver that is down is sent something each second.
    #expect(errors > 1 && (errors - 1...errors).contains(mirror["reasons"]?["copy"]?.packets ?? -1), "\(errors)")
    #expect((200...220).contains(reached))
  }
}
