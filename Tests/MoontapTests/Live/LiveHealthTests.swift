import Foundation
import JSONText
import Testing

/// Receivers that go and come back while a live run sends to them.
@Suite(
  .serialized,
  .enabled(if: Laboratory.missing == nil, Comment(rawValue: "no laboratory here: \(Laboratory.missing ?? "")")))
struct LiveHealthTests {
  private let flows =
    #"direction = "out", balance = balance.flow_hash(), filter = filter.quintuple { protocol = "udp" },"#

  private func received(_ laboratory: Laboratory) throws -> [Int] {
    try [laboratory.receiver, laboratory.receiver2].map { try laboratory.counter("rx_packets", of: "vx0", in: $0) }
  }

  @Test func theShareOfAReceiverThatIsGoneMovesAndComesBack() throws {
    let laboratory = try Laboratory()
    try laboratory.addReceiver()
    let policy = try laboratory.policy(
      #"source.eni("eni-web1")"#, more: flows, receivers: "10.20.9.10, 10.20.9.20")
    let moontap = try laboratory.moontap(policy, ["--recovery", "1"])
    try laboratory.sendFlows(64)
    let first = try received(laboratory)
    #expect(first[0] + first[1] == 64 && first[0] > 0 && first[1] > 0)
    // Nobody listens at the port any more.
    try laboratory.shell("ip -n \(laboratory.receiver2) link del vx0")
    try laboratory.sendFlows(64)
    try moontap.hear("receiver 10.20.9.20 (vxlan, port 4789) is down: port unreachable")
    let before = try laboratory.counter("rx_packets", of: "vx0", in: laboratory.receiver)
    try laboratory.sendFlows(64)
    #expect(try laboratory.counter("rx_packets", of: "vx0", in: laboratory.receiver) == before + 64)
    try laboratory.addTunnel(laboratory.receiver2, "10.20.9.20")
    try moontap.hear("receiver 10.20.9.20 (vxlan, port 4789) is back")
    let again = try received(laboratory)
    try laboratory.sendFlows(64)
    #expect(try zip(received(laboratory), again).map { $0 - $1 } == first)
    let (mirror, live) = try LiveRunTests.checked(moontap.stop())
    #expect(mirror["state"]?.string == "running" && mirror["collected"]?.packets == 256)
    let receiver = try #require(live["receivers"]?.array?.last)
    #expect(receiver["downs"]?.integer == 1 && receiver["state"]?.string == "up")
  }

  /// Each in its own way out of reach, and found again.
  @Test(arguments: [
    ("no route", "ip -n HOST addr del 10.20.9.1/24 dev to-ids", "ip -n HOST addr add 10.20.9.1/24 dev to-ids"),
    ("link down", "ip -n RECEIVER link set eth0 down", "ip -n RECEIVER link set eth0 up"),
    (
      "next hop does not answer",
      "ip -n HOST neigh replace 10.20.9.10 dev to-ids nud failed", "ip -n HOST neigh flush dev to-ids"
    ),
  ])
  func aMirrorWithoutAReceiverIsDegradedAndSaysSo(_ reason: String, _ ends: String, _ mends: String) throws {
    let laboratory = try Laboratory()
    func carryOut(_ command: String) throws {
      let inHost = command.replacingOccurrences(of: "HOST", with: laboratory.host)
      try laboratory.shell(inHost.replacingOccurrences(of: "RECEIVER", with: laboratory.receiver))
    }
    let policy = try laboratory.policy(#"source.eni("eni-web1")"#)
    let moontap = try laboratory.moontap(policy, ["--recovery", "1"])
    try laboratory.ping("-c 20 -i 0.005")
    usleep(200_000)
    try carryOut(ends)
    try moontap.hear("is down: \(reason)")
    try moontap.hear("mirror m: no receiver is left")
    try laboratory.ping("-c 20 -i 0.005")
    usleep(200_000)
    try carryOut(mends)
    try moontap.hear("is back")
    try laboratory.ping("-c 20 -i 0.005")
    usleep(200_000)
    let (mirror, _) = try LiveRunTests.checked(moontap.stop())
    #expect(mirror["reasons"]?["no-receiver"]?.packets ?? 0 >= 40 || reason == "next hop does not answer")
    #expect(mirror["reasons"]?["no-receiver"]?.packets ?? 0 >= 1)
    #expect(mirror["receivers"]?.array?.first?["delivered"]?.packets ?? 0 >= 80)
  }

  /// A probe that fails three times.
  @Test(arguments: [("icmp", "probe unanswered"), ("tcp:443", "probe refused")])
  func aReceiverThatDoesNotAnswerItsProbeIsDown(_ probe: String, _ reason: String) throws {
    let laboratory = try Laboratory()
    try laboratory.shell(
      "ip netns exec \(laboratory.receiver) sh -c 'echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all'")
    let moontap = try laboratory.moontap(
      try laboratory.policy(#"source.eni("eni-web1")"#), ["--recovery", "1", "--probe", probe, "--user", "65534"])
    try moontap.hear("is down: \(reason)")
    try laboratory.ping("-c 5 -i 0.005")
    usleep(200_000)
    let (mirror, live) = try LiveRunTests.checked(moontap.stop())
    #expect(mirror["state"]?.string == "degraded" && mirror["reasons"]?["no-receiver"]?.packets ?? 0 >= 10)
    let receiver = try #require(live["receivers"]?.array?.first)
    #expect(receiver["state"]?.string == "down" && receiver["reason"]?.string == reason)
    #expect(receiver["since"]?.string?.count == 19)
  }
}
