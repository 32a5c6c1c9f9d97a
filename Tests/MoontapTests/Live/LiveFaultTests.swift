import Foundation
import JSONText
import Testing

/// What goes wrong around a live run: production traffic does not notice, and everything still adds up. `scripts/faults` has the
/// same at length, with measurements.
@Suite(
  .serialized,
  .enabled(if: Laboratory.missing == nil, Comment(rawValue: "no laboratory here: \(Laboratory.missing ?? "")")))
struct LiveFaultTests {
  /// Counts UDP datagrams to web2's port 9; SIGTERM has it print how many there were.
  private func count(_ laboratory: Laboratory) throws -> Daemon {
    let script = """
      import signal, socket, sys
      signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
      n = 0
      s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.20.1.12", 9))
      s.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
      def end(*_): print(n); sys.stdout.flush(); sys.exit(0)
      signal.signal(signal.SIGTERM, end); print("counting", file=sys.stderr)
      while True: s.recv(2048); n += 1
      """
    return try Daemon(in: laboratory.web(2), ["python3", "-uc", script], ready: "counting")
  }

  private func counted(_ counter: Daemon) throws -> Int? {
    Int(try counter.stop().text.trimmingCharacters(in: .whitespacesAndNewlines))
  }

  /// Sends so many datagrams from web1, in bursts, with pauses.
  private func send(_ laboratory: Laboratory, _ packets: Int, perSecond: Int) throws -> Daemon {
    let script = """
      import socket, sys, time
      s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      print("sending", file=sys.stderr); start = time.monotonic()
      for i in range(\(packets)):
        if i % 20 == 0: time.sleep(max(0, start + i / \(perSecond) - time.monotonic()))
        s.sendto(bytes(100), ("10.20.1.12", 9))
      print("sent", file=sys.stderr)
      """
    try laboratory.shell(
      """
      ip -n \(laboratory.web(1)) neigh replace 10.20.1.12 lladdr 02:00:0a:14:01:02 dev eth0 nud permanent
      ip -n \(laboratory.web(2)) neigh replace 10.20.1.11 lladdr 02:00:0a:14:01:01 dev eth0 nud permanent
      """)
    return try Daemon(in: laboratory.web(1), ["python3", "-uc", script], ready: "sending")
  }

  private static let udp = #"direction = "out", filter = filter.quintuple { protocol = "udp" },"#

  enum Fault: String, CaseIterable, Sendable { case stopped, killed, receiverGone, routeGone, linkDown }

  /// Production is what web2 gets of web1.
  @Test(arguments: Fault.allCases)
  func productionDoesNotNotice(_ fault: Fault) throws {
    let laboratory = try Laboratory()
    let counter = try count(laboratory)
    let policy = try laboratory.policy(#"source.eni("eni-web1")"#, more: Self.udp)
    var moontap = try laboratory.moontap(policy, ["--recovery", "1"])
    let sender = try send(laboratory, 4000, perSecond: 2000)
    usleep(300_000)
    switch fault {
    case .stopped:
      moontap.signal(SIGSTOP)
      usleep(1_000_000)
      moontap.signal(SIGCONT)
    case .killed:
      let line = try #require(moontap.errors.split(separator: "\n").first { $0.hasPrefix("control: ") })
      let socket = String(line.dropFirst("control: ".count))
      moontap.kill()
      moontap = try laboratory.moontap(policy)
      #expect(!FileManager.default.fileExists(atPath: socket))
    case .receiverGone: try laboratory.shell("ip netns del \(laboratory.receiver)")
    case .routeGone: try laboratory.shell("ip -n \(laboratory.host) addr del 10.20.9.1/24 dev to-ids")
    case .linkDown: try laboratory.shell("ip -n \(laboratory.receiver) link set eth0 down")
    }
    sender.process.waitUntilExit()
    usleep(300_000)
    let (mirror, live) = try LiveRunTests.checked(moontap.stop())
    #expect(try counted(counter) == 4000)
    for device in ["tap-web1", "tap-web2"] {
      for name in ["rx_dropped", "tx_dropped", "rx_errors", "tx_errors"] {
        #expect(try laboratory.counter(name, of: device, in: laboratory.host) == 0)
      }
    }
    let reached = (mirror["collected"]?.packets ?? 0) + (mirror["reasons"]?["no-receiver"]?.packets ?? 0)
    let lost = live["interfaces"]?.array?.first { $0["name"]?.string == "tap-web1" }?["lost"]?.integer ?? -1
    #expect(fault == .killed ? reached > 0 : reached + lost == 4000, "\(reached) and \(lost)")
  }

  /// What the ring has no room for meanwhile is lost and counted; what comes then, arrives.
  @Test func aStallLosesWhatIsCountedAndNothingElse() throws {
    let laboratory = try Laboratory()
    // Without it web2 would answer with ICMP errors.
    let counter = try count(laboratory)
    let moontap = try laboratory.moontap(
      try laboratory.policy(#"source.eni("eni-web1")"#, more: Self.udp), ["--ring", "1"])
    func memory() throws -> Int {
      let pages = try String(contentsOfFile: "/proc/\(moontap.process.processIdentifier)/statm", encoding: .utf8)
      return try #require(Int(pages.split(separator: " ")[1])) * 4096
    }
    try laboratory.sendFlows(200)
    let before = try memory()
    let sender = try send(laboratory, 20000, perSecond: 20000)
    moontap.signal(SIGSTOP)
    sender.process.waitUntilExit()
    moontap.signal(SIGCONT)
    // Until it has caught up.
    var arrived = 0
    repeat {
      arrived = try laboratory.counter("rx_packets", of: "vx0", in: laboratory.receiver)
      usleep(500_000)
    } while try laboratory.counter("rx_packets", of: "vx0", in: laboratory.receiver) != arrived
    let next = try send(laboratory, 1000, perSecond: 5000)
    next.process.waitUntilExit()
    usleep(300_000)
    #expect(try laboratory.counter("rx_packets", of: "vx0", in: laboratory.receiver) == arrived + 1000)
    #expect(try memory() < before + 8 << 20)
    let (mirror, live) = try LiveRunTests.checked(moontap.stop())
    let lost = try #require(live["interfaces"]?.array?.first?["lost"]?.integer)
    #expect(lost > 0)
    #expect(try #require(mirror["collected"]?.packets) + lost == 21200)
    #expect(try counted(counter) == 21200)
  }

  @Test func reloadsUnderTrafficLoseNothing() throws {
    let laboratory = try Laboratory()
    let moontap = try laboratory.moontap(try laboratory.policy(#"source.eni("eni-web1")"#, more: Self.udp))
    let sender = try send(laboratory, 20000, perSecond: 2500)
    for number in 1...30 {
      moontap.signal(SIGHUP)
      try moontap.hear("in force from the next packet on", times: number)
    }
    sender.process.waitUntilExit()
    usleep(300_000)
    let finished = try moontap.stop()
    let (mirror, _) = try LiveRunTests.checked(finished)
    #expect(try finished.json()["reloads"]?.integer ?? 0 > 0)
    #expect(mirror["receivers"]?.array?.first?["delivered"]?.packets == 20000)
    #expect(try laboratory.counter("rx_packets", of: "vx0", in: laboratory.receiver) == 20000)
  }

  /// What was read of the interface of an ENI that leaves the inventory is nobody's then, and not once more that of who sent it.
  @Test func reloadsWithoutAnENICopyNothingTwice() throws {
    let laboratory = try Laboratory()
    let counter = try count(laboratory)
    let inventory = try String(contentsOfFile: laboratory.folder.path("inventory.json"), encoding: .utf8)
    let without = inventory.replacing(#""interface": "tap-web2""#, with: #""interface": "elsewhere""#)
    try #require(without != inventory)
    let moontap = try laboratory.moontap(
      try laboratory.policy(more: #"filter = filter.quintuple { protocol = "udp" },"#), ["--workers", "2"])
    let sender = try send(laboratory, 8000, perSecond: 4000)
    for number in 1...16 {
      try laboratory.folder.write(number % 2 == 0 ? inventory : without, to: "inventory.json")
      moontap.signal(SIGHUP)
      try moontap.hear("in force from the next packet on", times: number)
    }
    sender.process.waitUntilExit()
    usleep(300_000)
    let (mirror, _) = try LiveRunTests.checked(moontap.stop())
    #expect(mirror["collected"]?.packets == 8000)
    #expect(try counted(counter) == 8000)
  }

  /// What waits in its ring goes with it, and is counted.
  @Test func anInterfaceThatGoesUnderTrafficAddsUp() throws {
    let laboratory = try Laboratory()
    let policy = try laboratory.policy(#"source.eni("eni-web2")"#, more: #"direction = "in","#)
    let moontap = try laboratory.moontap(policy, ["--capture-wait", "200"])
    for _ in 0..<3 {
      let sender = try send(laboratory, 2000, perSecond: 5000)
      usleep(150_000)
      try laboratory.shell("ip -n \(laboratory.host) link del tap-web2")
      sender.process.waitUntilExit()
      try laboratory.plug(2)
      usleep(300_000)
    }
    let (mirror, live) = try LiveRunTests.checked(moontap.stop())
    let interface = live["interfaces"]?.array?.first { $0["name"]?.string == "tap-web2" }
    #expect(interface?["met"]?.integer ?? 0 > 500 && mirror["collected"]?.packets ?? 0 > 0)
  }

  /// A sample of the system calls of an offline run and of a live one that `scripts/faults --inject` has fail.
  @Test func aSystemCallThatFailsIsToldOrCounted() throws {
    let finished = try Shell.run(
      "python3", ["scripts/faults", "--inject", "--sample", "20", "--binary", Shell.moontap])
    #expect(finished.status == 0, "\(finished.text) \(finished.errors)")
    #expect(finished.text.contains("faults injected, 0 not well met"))
  }
}
