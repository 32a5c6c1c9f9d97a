import Foundation
import JSONText
import Testing

/// Several workers judge as one does, and all of it adds up.
@Suite(
  .serialized,
  .enabled(if: Laboratory.missing == nil, Comment(rawValue: "no laboratory here: \(Laboratory.missing ?? "")")))
struct LiveWorkersTests {
  /// Datagrams of these sizes each way in every one of so many conversations between web1 and web2.
  private func converse(_ laboratory: Laboratory, _ conversations: Int, _ sizes: [Int]) throws {
    try laboratory.shell(
      """
      ip -n \(laboratory.web(1)) neigh replace 10.20.1.12 lladdr 02:00:0a:14:01:02 dev eth0 nud permanent
      ip -n \(laboratory.web(2)) neigh replace 10.20.1.11 lladdr 02:00:0a:14:01:01 dev eth0 nud permanent
      """)
    let echo = """
      import socket, sys
      s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.20.1.12", 9)); print("here", file=sys.stderr)
      while True: d, a = s.recvfrom(9000); s.sendto(d, a)
      """
    let server = try Daemon(in: laboratory.web(2), ["python3", "-uc", echo], ready: "here")
    try laboratory.shell(
      """
      ip netns exec \(laboratory.web(1)) python3 -c '
      import socket
      for port in range(2000, 2000 + \(conversations)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
          s.bind(("10.20.1.11", port)); s.settimeout(5)
          for size in \(sizes):
            s.sendto(bytes(size), ("10.20.1.12", 9)); s.recv(9000)'
      """)
    server.kill()
    usleep(300_000)
  }

  /// `states` counts the Lua states that have seen a packet; `most` is how many packets one has seen of a conversation.
  private static let script = """
    local mine = false
    local udp = filter.quintuple { protocol = "udp" }
    local states = counter("states")
    local watched = filter.when("watched", function(packet)
      if not mine then mine = true; states:add(1); shared:add("states", 1) end
      return true
    end)
    mirror { name = "m", vpc = "vpc-shop", source = source.eni("eni-web1"), direction = "all", filter = udp & watched,
      target = target.receivers("10.20.9.10", { encapsulation = { vni = 7 } }) }
    mirror { name = "three", vpc = "vpc-shop", source = source.eni("eni-web1"), direction = "all",
      filter = udp & filter.first { packets = 3 },
      target = target.receivers("10.20.9.10", { encapsulation = { vni = 8 } }) }
    mirror { name = "both", vpc = "vpc-shop", source = source.subnet("subnet-web"), direction = "all",
      filter = udp & filter.first { packets = 5 },
      target = target.receivers("10.20.9.10", { encapsulation = { vni = 9 } }) }
    """

  /// Conversations are whole at their worker, with both directions and at both of its ENIs: what counts by conversation is the same.
  @Test func judgeAsOneDoes() throws {
    var found: [[[Int?]]] = []
    for workers in [1, 3] {
      let laboratory = try Laboratory()
      let policy = try laboratory.folder.write(Self.script, to: "policy.lua")
      let moontap = try laboratory.moontap(policy, ["--workers", String(workers)])
      try converse(laboratory, 60, [10, 20, 30])
      let summary = try sound(moontap.stop(), laboratory)
      let shares = (summary["live"]?["workers"]?.array ?? []).compactMap(\.packets)
      #expect(shares.count == workers && shares.reduce(0, +) == summary["records"]?.packets)
      let states = summary["policies"]?.array?.first?["counters"]?["states"]?.integer
      #expect(workers == 1 ? states == 1 : (2...3).contains(states ?? 0), "\(states ?? -1) states saw packets")
      found.append(
        try #require(summary["mirrors"]?.array).map { mirror in
          [mirror["observed"]?.packets, mirror["collected"]?.packets, mirror["collected"]?["bytes"]?.integer]
        })
    }
    #expect(found[0] == found[1])
    #expect(found[0].map { $0[1] } == [60 * 6, 60 * 3, 60 * 5])
  }

  /// All fragments of a datagram are at one worker, and so have its ports.
  @Test func fragmentsAreTogether() throws {
    let laboratory = try Laboratory()
    let policy = try laboratory.policy(
      #"source.eni("eni-web1")"#,
      more: #"filter = filter.quintuple { protocol = "udp", source_port = "2000-3000" }, direction = "out","#)
    let moontap = try laboratory.moontap(policy, ["--workers", "4", "--fragments", "track"])
    try converse(laboratory, 50, [3000])
    let summary = try sound(moontap.stop(), laboratory)
    #expect(summary.mirror("m")?["collected"]?.packets == 50 * 3)
    #expect(summary["fragmentsWithoutPorts"]?.integer == 0)
  }

  /// What must add up in every run; the receiver has got what was delivered with VNI 7.
  private func sound(_ finished: Finished, _ laboratory: Laboratory) throws -> JSONValue {
    try #require(finished.status == 0, "\(finished.errors)")
    let summary = try finished.json()
    var delivered = 0
    for mirror in try #require(summary["mirrors"]?.array) {
      let reasons = (mirror["reasons"]?.members ?? []).compactMap(\.value.packets).reduce(0, +)
      #expect(mirror["observed"]?.packets == (mirror["collected"]?.packets ?? -1) + reasons)
      for receiver in mirror["receivers"]?.array ?? [] {
        let drops = (receiver["drops"]?.members ?? []).compactMap(\.value.packets).reduce(0, +)
        #expect(receiver["packets"]?.integer == (receiver["delivered"]?.packets ?? -1) + drops)
        delivered += receiver["delivered"]?.packets ?? 0
      }
    }
    let live = try #require(summary["live"])
    var records = 0
    for interface in try #require(live["interfaces"]?.array) {
      #expect(interface["met"]?.integer == (interface["read"]?.integer ?? -1) + (interface["lost"]?.integer ?? 0))
      #expect(interface["lost"]?.integer == 0)
      records += interface["records"]?.integer ?? 0
    }
    #expect(summary["records"]?.packets == records)
    #expect(live["receivers"]?.array?.compactMap { $0["sent"]?.integer }.reduce(0, +) == delivered)
    let got = try laboratory.counter("rx_packets", of: "vx0", in: laboratory.receiver)
    #expect(got == summary.mirror("m")?["receivers"]?.array?.first?["delivered"]?.packets)
    return summary
  }

  /// Whatever happens meanwhile, no packet is counted twice, nor lost: reloads, a mirror that is disabled and enabled by a timer and
  /// from outside, an interface that goes and comes back.
  @Test func changesHoldForAll() throws {
    let laboratory = try Laboratory()
    let policy = try laboratory.folder.write(
      Self.script + """

        local observed = gauge("observed")
        every(0.5, function()
          local three = mirrors.three
          if three.state == "enabled" then three:disable() else three:enable() end
          observed:set(mirrors.m:stats().observed.packets)
        end)
        """, to: "policy.lua")
    let moontap = try laboratory.moontap(policy, ["--workers", "3"])
    let line = try #require(moontap.errors.split(separator: "\n").first { $0.hasPrefix("control: ") })
    let control = ["--control", String(line.dropFirst("control: ".count))]
    for number in 1...4 {
      try converse(laboratory, 40, [10, 20])
      moontap.signal(SIGHUP)
      try moontap.hear("in force from the next packet on", times: number)
      if number == 2 {
        try laboratory.shell("ip -n \(laboratory.host) link del tap-web1")
        usleep(100_000)
        try laboratory.plug(1)
        try moontap.hear("tap-web1", times: 1)
        usleep(1_200_000)
      }
      for verb in ["disable", "enable"] {
        let switched = try Shell.moontap(["mirror", verb, "both", "--engine"] + control)
        #expect(switched.status == 0, "\(switched.errors)")
      }
    }
    let status = try #require(try Shell.moontap(["status", "--json"] + control).json()["summary"])
    #expect(status["live"]?["interfaces"]?.array?.first?["open"]?.bool == true)
    let summary = try sound(moontap.stop(), laboratory)
    #expect(summary["reloads"]?.integer == 4)
    #expect(summary.mirror("m")?["collected"]?.packets == 4 * 40 * 4)
    // What one worker's state says of the mirror is what all have counted.
    #expect(summary["policies"]?.array?.first?["gauges"]?["observed"]?.integer ?? 0 > 3 * 40 * 4)
    let lines = moontap.errors.split(separator: "\n")
    let disabled = lines.count { $0.contains("\"three\" disabled") }
    let enabled = lines.count { $0.contains("\"three\" enabled") }
    #expect(abs(disabled - enabled) <= 5 && disabled > 1, "\(moontap.errors)")
  }
}
