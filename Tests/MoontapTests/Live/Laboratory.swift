import Capture
import DataPath
import Foundation
import Testing

/// Network namespaces: a host with a bridge and the interfaces tap-web1 and tap-web2, behind which stand web1 (10.20.1.11) and
/// web2 (10.20.1.12); a receiver (10.20.9.10) with a `vxlan` device for VNI 7. The bridge sends nothing of its own (IGMP). Gone with
/// the last reference.
final class Laboratory {
  /// Why there can be none here; nil: there can.
  static let missing: String? = {
    guard geteuid() == 0 else { return "network namespaces need root" }
    for tool in ["ip", "ping", "tcpdump", "ethtool", "iperf3", "setpriv", "curl", "dig", "dnsmasq", "strace"] {
      guard let found = try? Shell.run("sh", ["-c", "command -v \(tool)"]), found.status == 0 else {
        return "\(tool) is not installed"
      }
    }
    let probe = "mtp\(getpid())"
    let script =
      "ip netns add \(probe) && ip -n \(probe) link add vx0 type vxlan id 7 dstport 4789 && "
      + "ip -n \(probe) link add veth0 type veth peer name veth1 && ip -n \(probe) link add br0 type bridge"
    defer { _ = try? Shell.run("ip", ["netns", "del", probe]) }
    let made = try? Shell.run("sh", ["-c", script])
    return made?.status == 0 ? nil : "the kernel makes no namespaces, veth, bridge or vxlan here"
  }()

  static let web1MAC = "02:00:0a:14:01:01"
  private let prefix: String
  private var listeners: [Daemon] = []
  let folder = try! TemporaryFolder()

  init() throws {
    prefix = "mt" + String(UInt32.random(in: 0x1000_0000 ... .max), radix: 16)
    try shell(
      """
      for n in \(host) \(web(1)) \(web(2)) \(receiver); do
        ip netns add $n; ip -n $n link set lo up
        ip netns exec $n sh -c 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6'
      done
      ip -n \(host) link add br0 type bridge mcast_snooping 0; ip -n \(host) link set br0 up
      """)
    for web in [1, 2] { try plug(web) }
    try shell(
      """
      ip -n \(host) link add to-ids type veth peer name eth0 netns \(receiver)
      ip -n \(host) addr add 10.20.9.1/24 dev to-ids; ip -n \(host) link set to-ids up
      ip -n \(receiver) addr add 10.20.9.10/24 dev eth0; ip -n \(receiver) link set eth0 up
      ip -n \(receiver) link add vx0 type vxlan id 7 dstport 4789 local 10.20.9.10
      ip -n \(receiver) link set vx0 up
      """)
    try folder.write(Self.inventory, to: "inventory.json")
  }

  deinit {
    listeners = []
    for name in [host, web(1), web(2), receiver, receiver2] { _ = try? Shell.run("ip", ["netns", "del", name]) }
  }

  var host: String { prefix + "h" }
  var receiver: String { prefix + "r" }
  /// Only after `addReceiver`.
  var receiver2: String { prefix + "s" }
  func web(_ number: Int) -> String { prefix + "w\(number)" }

  /// A cable between the host's bridge and a web host.
  func plug(_ web: Int) throws {
    try shell(
      """
      ip -n \(host) link add tap-web\(web) type veth peer name eth0 netns \(self.web(web))
      ip -n \(self.web(web)) link set eth0 address 02:00:0a:14:01:0\(web)
      ip -n \(self.web(web)) addr add 10.20.1.1\(web)/24 dev eth0; ip -n \(self.web(web)) link set eth0 up
      ip -n \(host) link set tap-web\(web) master br0 up
      """)
  }

  /// Another receiver, 10.20.9.20, with the same device.
  func addReceiver() throws {
    try shell(
      """
      ip netns add \(receiver2); ip -n \(receiver2) link set lo up
      ip netns exec \(receiver2) sh -c 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6'
      ip -n \(host) link add to-ids2 type veth peer name eth0 netns \(receiver2)
      ip -n \(host) addr add 10.20.9.21/31 dev to-ids2; ip -n \(host) link set to-ids2 up
      ip -n \(receiver2) addr add 10.20.9.20/31 dev eth0; ip -n \(receiver2) link set eth0 up
      """)
    try addTunnel(receiver2, "10.20.9.20")
  }

  func addTunnel(_ namespace: String, _ address: String) throws {
    try shell(
      """
      ip -n \(namespace) link add vx0 type vxlan id 7 dstport 4789 local \(address)
      ip -n \(namespace) link set vx0 up
      """)
  }

  /// Takes GRE as a recorder does: without a listener the kernel answers that it knows no such protocol.
  func listenToGRE(in namespace: String) throws {
    let script = """
      import socket, sys
      s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 47); print("listening", file=sys.stderr)
      while True: s.recv(65536)
      """
    listeners.append(try Daemon(in: namespace, ["python3", "-uc", script], ready: "listening"))
  }

  /// One UDP packet from each of the ports 1000, 1001, ... of web1 to web2.
  func sendFlows(_ count: Int) throws {
    try shell(
      """
      ip netns exec \(web(1)) python3 -c '
      import socket
      for port in range(1000, 1000 + \(count)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
          s.bind(("10.20.1.11", port)); s.sendto(b"flow", ("10.20.1.12", 9))'
      """)
    usleep(200_000)
  }

  @discardableResult
  func shell(_ script: String) throws -> String {
    let finished = try Shell.run("bash", ["-ec", script])
    try #require(finished.status == 0, "\(script): \(finished.errors)")
    return finished.text
  }

  func ping(from web: Int = 1, to address: String = "10.20.1.12", _ arguments: String) throws {
    try shell("ip netns exec \(self.web(web)) ping -q \(arguments) \(address)")
  }

  /// A counter of a network device, as the kernel has it.
  func counter(_ name: String, of device: String, in namespace: String) throws -> Int {
    let text = try shell("ip netns exec \(namespace) cat /sys/class/net/\(device)/statistics/\(name)")
    return try #require(Int(text.trimmingCharacters(in: .whitespacesAndNewlines)))
  }

  /// A policy of one mirror.
  func policy(
    _ source: String = #"source.subnet("subnet-web")"#, more: String = "", receivers: String = "10.20.9.10",
    encapsulation: String = "{ vni = 7 }"
  ) throws -> String {
    try folder.write(
      """
      mirror { name = "m", vpc = "vpc-shop", source = \(source), direction = "all", \(more)
        target = target.receivers("\(receivers)", { encapsulation = \(encapsulation) }) }
      """, to: "policy.lua")
  }

  private static let inventory = """
    {"format": "moontap.inventory/1", "regions": [{"id": "r", "vpcs": [{
      "id": "vpc-shop", "cidrs": ["10.20.0.0/16"], "routeTables": [{"id": "rtb", "routes": []}],
      "subnets": [{"id": "subnet-web", "cidrs": ["10.20.1.0/24"], "routeTable": "rtb"},
                  {"id": "subnet-ids", "cidrs": ["10.20.9.0/24"], "routeTable": "rtb"}],
      "enis": [{"id": "eni-web1", "subnet": "subnet-web", "mac": "\(web1MAC)", "addresses": ["10.20.1.11"],
                "interface": "tap-web1"},
               {"id": "eni-web2", "subnet": "subnet-web", "mac": "02:00:0a:14:01:02", "addresses": ["10.20.1.12"],
                "interface": "tap-web2"}]}]}]}
    """
}

/// A program at work in a namespace, which says on standard error when it is ready.
final class Daemon {
  let process = Process()
  private let folder = try! TemporaryFolder()

  init(in namespace: String, _ command: [String], ready: String) throws {
    for name in ["out", "err"] { try folder.write("", to: name) }
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["ip", "netns", "exec", namespace] + command
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: URL(filePath: folder.path("out")))
    process.standardError = try FileHandle(forWritingTo: URL(filePath: folder.path("err")))
    try process.run()
    try hear(ready)
  }

  deinit { kill() }

  /// Programs started by a test have SIGTERM blocked, which few undo; tcpdump has written what it was given.
  func kill() {
    guard process.isRunning else { return }
    signal(SIGKILL)
    process.waitUntilExit()
  }

  var errors: String { (try? String(contentsOfFile: folder.path("err"), encoding: .utf8)) ?? "" }

  /// Waits until a text has been said so often. The limit is against hanging, it measures nothing.
  func hear(_ text: String, times: Int = 1) throws {
    for _ in 0..<3000 where process.isRunning && errors.components(separatedBy: text).count <= times { usleep(10_000) }
    try #require(errors.components(separatedBy: text).count > times, "nothing said of \(text): \(errors)")
  }

  func signal(_ number: Int32) { Foundation.kill(process.processIdentifier, number) }

  func stop(_ number: Int32 = SIGTERM) throws -> Finished {
    signal(number)
    process.waitUntilExit()
    return Finished(
      status: process.terminationStatus, output: try Data(contentsOf: URL(filePath: folder.path("out"))),
      errors: errors)
  }
}

extension Laboratory {
  func moontap(_ policy: String, _ more: [String] = [], as wrapper: [String] = []) throws -> Daemon {
    try Daemon(
      in: host,
      wrapper + [Shell.moontap, "run", policy, "--inventory", folder.path("inventory.json"), "--live", "--json"] + more,
      ready: "capturing on")
  }

  /// tcpdump at an interface, into a file of the folder.
  func record(_ device: String, in namespace: String, to file: String, _ filter: [String] = []) throws -> Daemon {
    let options = ["-Z", "root", "-i", device, "-w", folder.path(file), "-B", "16384", "-U", "--immediate-mode"]
    return try Daemon(in: namespace, ["tcpdump"] + options + filter, ready: "listening on")
  }

  /// The frames of a capture.
  func frames(_ file: String) throws -> [[UInt8]] {
    let source = try CaptureFileSource(path: folder.path(file), isCancelled: { false })
    let batch = FrameBatch()
    var frames: [[UInt8]] = []
    while try source.fill(batch) {
      for index in 0..<batch.count {
        let frame = unsafe batch.frames[index]
        unsafe frames.append(Array(UnsafeRawBufferPointer(start: frame.bytes, count: Int(frame.captured))))
      }
    }
    return frames
  }
}
