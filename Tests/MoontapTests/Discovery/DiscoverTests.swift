import Foundation
import JSONText
import Testing

/// `inventory discover` in a network namespace of its own, with a laboratory in it.
struct DiscoverTests {
  /// A bridge with two guests and a silent tap, a routed guest, a way out with masquerading, and a second bridge with the
  /// same addresses as the first.
  private static let laboratory = """
    set -e
    mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns
    ip link set lo up
    ip link add br0 type bridge; ip addr add 10.99.1.1/24 dev br0; ip addr add 2001:db8:99::1/64 dev br0
    ip link set br0 address 02:00:00:00:01:00 up
    for n in 1 2; do
      ip netns add guest$n
      ip link add veth$n type veth peer name eth0 netns guest$n
      ip link set veth$n master br0 up
      ip -n guest$n addr add 10.99.1.1$n/24 dev eth0
      ip -n guest$n link set eth0 address 02:00:00:00:00:0$n up
    done
    ip netns add routed
    ip link add veth9 type veth peer name eth0 netns routed
    ip addr add 10.99.9.1/30 dev veth9; ip link set veth9 up
    ip -n routed addr add 10.99.9.2/30 dev eth0; ip -n routed link set eth0 up
    ip tuntap add tap0 mode tap; ip link set tap0 master br0 up
    ip link add up0 type veth peer name up0peer; ip link set up0peer up
    ip addr add 198.51.100.7/24 dev up0; ip link set up0 up
    ip route add default via 198.51.100.1
    ip link add br1 type bridge; ip addr add 10.99.1.1/24 dev br1; ip link set br1 up
    nft add table ip nat
    nft add chain ip nat post '{ type nat hook postrouting priority 100; }'
    nft add rule ip nat post oifname up0 ip saddr 10.99.1.0/24 masquerade
    """

  private static func discover(_ arguments: String, after more: String = "") throws -> Finished? {
    // Not the last command: bash would be replaced by it, and with bash its coprocess would go.
    let script =
      laboratory + "\n" + more + "\n\(Shell.moontap) inventory discover --region lab \(arguments)\nexit $?"
    let probe = try Shell.run("unshare", ["--net", "--mount", "ip", "link", "add", "br0", "type", "bridge"])
    guard probe.status == 0, try Shell.run("nft", ["--version"]).status == 0 else {
      print("skipped: DiscoverTests need root, bridges and nftables")
      return nil
    }
    return try Shell.run("unshare", ["--net", "--mount", "bash", "-c", script])
  }

  @Test func aHostBecomesAnInventoryThatPassesCheck() throws {
    let folder = try TemporaryFolder()
    let file = folder.path("host.json")
    guard let finished = try Self.discover("--write \(file)") else { return }
    #expect(finished.status == 0, "\(finished.errors)")
    #expect(try Shell.moontap("inventory", "check", file).status == 0)
    let document = try JSONValue(json: Array(Data(contentsOf: URL(filePath: file))), file: file)
    let vpcs = try #require(document["regions"]?.array?[0]["vpcs"]?.array)
    #expect(vpcs.count == 2)
    #expect(vpcs[1]["id"] == "vpc-br1" && vpcs[1]["cidrs"] == ["10.99.1.0/24"])

    func eni(_ id: String) -> JSONValue? { vpcs[0]["enis"]?.array?.first { $0["id"]?.string == id } }
    let guest = try #require(eni("eni-guest1-eth0"))
    #expect(guest["mac"] == "02:00:00:00:00:01" && guest["addresses"] == ["10.99.1.11"])
    #expect(guest["interface"] == "veth1" && guest["subnet"] == "subnet-br0")
    let own = try #require(eni("eni-br0"))
    #expect(own["addresses"] == ["10.99.1.1", "2001:db8:99::1"] && own["interface"] == "br0")
    #expect(eni("eni-routed-eth0")?["interface"] == "veth9" && eni("eni-routed-eth0")?["subnet"] == "subnet-veth9")
    #expect(eni("eni-veth9-host")?["interface"] == nil)
    #expect(eni("eni-up0")?["addresses"] == ["198.51.100.7"])
  }

  @Test func masqueradingIsANextHopOfTheNetworksItServes() throws {
    guard let finished = try Self.discover("--json") else { return }
    let vpc = try #require(finished.json()["regions"]?.array?[0]["vpcs"]?.array?[0])
    #expect(vpc["natGateways"] == [["id": "nat-up0", "addresses": ["198.51.100.7"]]])
    func hop(_ table: String) -> JSONValue? {
      vpc["routeTables"]?.array?.first { $0["id"]?.string == table }?["routes"]?.array?
        .first { $0["destination"] == "0.0.0.0/0" }?["nextHop"]
    }
    #expect(hop("rtb-br0") == ["type": "nat", "id": "nat-up0"])
    #expect(hop("rtb-veth9") == ["type": "other", "id": "198.51.100.1"])
    #expect(hop("rtb-up0") == ["type": "other", "id": "198.51.100.1"])
  }

  @Test func namespacesThatAreClosedAreNamedTogether() throws {
    let asNobody = """
      python3 - <<'END' "$moontap"
      import os, sys
      program = os.open(sys.argv[1], os.O_RDONLY)
      os.setgroups([]); os.setgid(65534); os.setuid(65534)
      os.execve(program, ["moontap", "inventory", "discover"], os.environ)
      END
      """
    guard let finished = try Self.discover("", after: "moontap=\(Shell.moontap)\n" + asNobody + "\nexit $?") else {
      return
    }
    #expect(finished.status == 0, "\(finished.errors)")
    let said = finished.errors.split(separator: "\n").filter { $0.contains("discover.namespace") }
    #expect(said.count == 1, "\(finished.errors)")
    for name in ["guest1", "guest2", "routed"] { #expect(said.first?.contains("\"\(name)\"") == true) }
    #expect(said.first?.contains("namespaces ") == true)
  }

  @Test func aSilentGuestIsNamedAndATableShown() throws {
    guard let finished = try Self.discover("") else { return }
    #expect(finished.errors.contains("warning: discover.silent: the guest behind tap0"))
    let lines = finished.text.split(separator: "\n")
    #expect(
      lines[0].hasPrefix("ENI") && lines.contains { $0.contains("eni-guest2-eth0") && $0.contains("guest2: eth0") })
    #expect(lines.contains { $0.hasPrefix("NAT gateway nat-up0") })
  }

  @Test func aGuestBehindATapIsKnownOnceItWasHeard() throws {
    // It asks for the host's address (RFC 826), as a guest does when it starts.
    let heard = """
      coproc python3 -c '
      import fcntl, os, struct, sys, time
      tap = os.open("/dev/net/tun", os.O_RDWR)
      fcntl.ioctl(tap, 0x400454ca, struct.pack("16sH", b"tap0", 0x1002))
      os.system("ip link set tap0 up")
      mac = bytes.fromhex("020000000077")
      question = b"\\xff" * 6 + mac + bytes.fromhex("08060001080006040001") + mac + bytes([10, 99, 1, 77])
      question += bytes(6) + bytes([10, 99, 1, 1])
      def known():
          return "lladdr" in os.popen("ip neighbour").read() and ":77" in os.popen("bridge fdb show dev tap0").read()
      while not known():
          os.write(tap, question)
          time.sleep(0.05)
      print("heard", flush=True)
      sys.stdin.read()'
      read -r -u "${COPROC[0]}" heard
      """
    guard let finished = try Self.discover("--json", after: heard) else { return }
    let enis = try #require(finished.json()["regions"]?.array?[0]["vpcs"]?.array?[0]["enis"]?.array)
    let tap = try #require(enis.first { $0["id"] == "eni-tap0" }, "\(finished.errors)")
    #expect(tap["mac"] == "02:00:00:00:00:77" && tap["addresses"] == ["10.99.1.77"] && tap["interface"] == "tap0")
  }
}
