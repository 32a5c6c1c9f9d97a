import Audit
import Policy
import Testing

/// How packets become conversations.
@Suite struct ConversationTests {
  private static let script = """
    audit { id = "C", title = "conversations", severity = "info", conversation = function(c)
      local function text(e) return e.payload:sub(1, -1) end
      finding {
        message = string.format("%s:%s %d/%d %s | %s:%s %d/%d %s | %s", c.client.address, c.client.port or "-", c.client.packets,
          c.client.payload_bytes, text(c.client), c.server.address, c.server.port or "-", c.server.packets,
          c.server.payload_bytes, text(c.server), c.ending),
        key = c.first_time .. " " .. c.client.address .. ":" .. (c.client.port or 0) .. " " .. c.server.address,
      }
    end }
    """

  private func conversations(_ traffic: Traffic) throws -> [String] {
    var bench = try AuditBench()
    try bench.script(Self.script)
    try bench.capture(traffic)
    let result = bench.run().audits[0]
    #expect(result.failures.isEmpty, "\(result.failures)")
    return result.findings.map(\.message)
  }

  private let client = "10.0.0.1:40000"
  private let server = "10.0.0.2:80"

  @Test func payloadIsPutTogetherInOrderAndOnce() throws {
    var traffic = Traffic()
    try traffic.tcp(client, server, "S", seq: 10)
    try traffic.tcp(server, client, "S.", seq: 20)
    try traffic.tcp(client, server, ".P", seq: 11, "abc")
    try traffic.tcp(client, server, ".P", seq: 11, "abc")  // sent again
    try traffic.tcp(client, server, ".P", seq: 12, "bcde")  // overlaps
    try traffic.tcp(server, client, ".P", seq: 21, "xyz")
    try traffic.tcp(client, server, ".P", seq: 20, "gap")  // a byte is missing before it
    try traffic.tcp(client, server, ".P", seq: 16, "late")
    try traffic.tcp(client, server, ".F", seq: 23)
    try traffic.tcp(server, client, ".F", seq: 24)
    #expect(try conversations(traffic) == ["10.0.0.1:40000 7/17 abcde | 10.0.0.2:80 3/3 xyz | closed"])
  }

  @Test func sequenceNumbersWrapAround() throws {
    var traffic = Traffic()
    try traffic.tcp(client, server, "S", seq: .max - 1)
    try traffic.tcp(client, server, ".P", seq: .max, "ab")
    try traffic.tcp(client, server, ".P", seq: 1, "cd")
    #expect(try conversations(traffic)[0].contains("abcd"))
  }

  @Test(arguments: [0x7fff_ffff, 0x8000_0000, 0x8000_0001] as [UInt32])
  func aSequenceNumberFromTheOtherEndOfTheWorldEndsNothing(distance: UInt32) throws {
    var traffic = Traffic()
    try traffic.tcp(client, server, ".P", seq: 1, "ab")
    try traffic.tcp(client, server, ".P", seq: 3 &+ distance, "cd")
    #expect(try conversations(traffic)[0].contains("10.0.0.1:40000 2/4 ab |"))
  }

  @Test func aSYNSaysWhoIsTheClientElseTheWellKnownPort() throws {
    var synAck = Traffic()
    try synAck.tcp("10.0.0.2:5000", "10.0.0.1:6000", "S.", seq: 1)
    #expect(try conversations(synAck)[0].hasPrefix("10.0.0.1:6000 0/0"))
    var answer = Traffic()
    try answer.udp("10.0.0.2:53", "10.0.0.1:6000", [1])
    #expect(try conversations(answer)[0].hasPrefix("10.0.0.1:6000 0/0"))
    var first = Traffic()
    try first.udp("10.0.0.2:7000", "10.0.0.1:6000", [1])
    #expect(try conversations(first)[0].hasPrefix("10.0.0.2:7000 1/1"))
  }

  @Test func portsThatAreUsedAgainAreAnotherConversation() throws {
    var traffic = Traffic()
    for seq in [100, 5000] as [UInt32] {
      try traffic.tcp(client, server, "S", seq: seq)
      try traffic.tcp(client, server, ".P", seq: seq + 1, "hello")
    }
    #expect(try conversations(traffic).count == 2)
    var reset = Traffic()
    try reset.tcp(client, server, "S", seq: 1)
    try reset.tcp(server, client, "R", seq: 1)
    try reset.tcp(client, server, "S", seq: 1)
    let found = try conversations(reset)
    #expect(found.count == 2)
    #expect(found.filter { $0.hasSuffix("reset") }.count == 1)
  }

  @Test func aLongSilenceEndsAConversation() throws {
    for (seconds, count) in [(299, 1), (301, 2)] as [(Int64, Int)] {
      var traffic = Traffic()
      try traffic.udp(client, server, [65])
      traffic.time += seconds * 1_000_000_000
      try traffic.udp(client, server, [66])
      #expect(try conversations(traffic).count == count, "\(seconds)")
    }
  }

  @Test func conversationsAreToldWhileTheCaptureGoesOn() throws {
    var bench = try AuditBench()
    try bench.script(
      """
      local over = 0
      audit { id = "C", title = "x", severity = "info",
        conversation = function() over = over + 1 end,
        packet = function(packet) finding { message = over .. " over" } end,
      }
      """)
    var traffic = Traffic()
    try traffic.udp(client, server, [65])
    traffic.time += 400_000_000_000
    try traffic.udp("10.0.0.3:1", "10.0.0.4:2", [66])
    try bench.capture(traffic)
    #expect(bench.run().audits[0].findings.map(\.message) == ["0 over", "1 over"])
  }

  @Test func packetsKnowTheirConversation() throws {
    var bench = try AuditBench()
    try bench.script(
      """
      audit { id = "C", title = "x", severity = "info", packet = function(packet)
        local flow = packet.flow
        flow.state.n = (flow.state.n or 0) + 1
        finding { message = flow.packets .. " " .. flow.state.n .. " " .. tostring(packet.eni) .. " " .. tostring(packet.direction) }
      end }
      """)
    var traffic = Traffic()
    for _ in 0..<3 { try traffic.udp(client, server, [65]) }
    try traffic.udp("10.0.0.3:1", "10.0.0.4:2", [66])
    try bench.capture(traffic)
    let findings = bench.run().audits[0].findings
    #expect(findings.map(\.message) == ["1 1 nil nil", "2 2 nil nil", "3 3 nil nil"])
    #expect(findings.map(\.count) == [2, 1, 1])
  }
}
