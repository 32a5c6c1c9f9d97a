import Audit
import Inventory
import JSONText
import Policy
import Testing

@Suite struct AuditRunTests {
  private func telnet() throws -> Traffic {
    var traffic = Traffic()
    try traffic.tcp("10.0.0.1:40000", "10.0.0.2:23", "S", seq: 1)
    try traffic.tcp("10.0.0.2:23", "10.0.0.1:40000", "S.", seq: 100)
    try traffic.tcp("10.0.0.1:40000", "10.0.0.2:23", ".P", seq: 2, "root\r\n")
    try traffic.tcp("10.0.0.3:40001", "10.0.0.2:23", "S", seq: 1)
    return traffic
  }

  private func audit(_ keys: String, id: String = "T-1") -> String {
    #"audit { id = "\#(id)", title = "a test", severity = "low", \#(keys) }"#
  }

  @Test func findingsWithTheSameKeyAreOne() throws {
    var bench = try AuditBench()
    try bench.script(
      audit(
        """
        where = filter.quintuple { protocol = "tcp", destination_port = 23 },
        packet = function(packet) finding { message = "telnet from " .. packet.source, key = "telnet", packet = packet } end
        """))
    try bench.capture(telnet())
    let result = bench.run().audits[0]
    #expect(result.state == .findings)
    let finding = try #require(result.findings.first)
    #expect(result.findings.count == 1)
    #expect(finding.count == 3)
    #expect(finding.message == "telnet from 10.0.0.1")
    #expect(finding.severity == .low)
    #expect(finding.packets.map(\.frame) == [1, 3, 4])
    #expect(finding.firstTime == 1_700_000_000_000_000_000)
    #expect(finding.lastTime == 1_700_000_000_003_000_000)
    #expect(finding.packets[0].text.contains("10.0.0.1.40000 > 10.0.0.2.23: Flags [S]"))
  }

  /// The clock is the capture's: the latest time that the audit was shown.
  @Test func theClockIsTheCapturesOwn() throws {
    var bench = try AuditBench()
    try bench.script(
      audit(
        """
        packet = function(p)
          finding { message = p.source, key = os.date() .. " " .. os.time() .. " " .. ("%.3f"):format(os.clock()) }
        end,
        conversation = function(c) finding { message = "c", key = ("conversation %.3f"):format(os.clock()) } end,
        every = { 0.0025, function() finding { message = "t", key = ("timer %.3f"):format(os.clock()) } end },
        finish = function()
          finding { message = "f", key = ("finish %.3f "):format(os.clock()) .. os.date("%H:%M", 60) .. os.date("!%Y", 0) }
        end
        """))
    var traffic = Traffic()
    try traffic.tcp("10.0.0.1:40000", "10.0.0.2:23", "S", seq: 1)
    try traffic.tcp("10.0.0.1:40000", "10.0.0.2:23", ".", seq: 1)
    traffic.time += 1_000_000_000
    try traffic.tcp("10.0.0.1:40000", "10.0.0.2:23", ".", seq: 1)
    try bench.capture(traffic)
    let result = bench.run().audits[0]
    #expect(result.failures == [])
    #expect(
      result.findings.map(\.key) == [
        "2023-11-14 22:13:20 1700000000 0.000", "2023-11-14 22:13:20 1700000000 0.001",
        "2023-11-14 22:13:21 1700000001 1.002", "conversation 1.002", "finish 1.002 00:01!1970", "timer 1.002",
      ])
    #expect(bench.run().json == bench.run().json)
  }

  @Test func withoutTrafficThereIsNoClock() throws {
    for name in ["time", "clock", "date"] {
      var bench = try AuditBench()
      try bench.script(audit("config = function() print(os.\(name)()) end"))
      bench.setup.inventory = .init()
      bench.setup.configuration.hasMirrors = true
      let result = bench.run().audits[0]
      #expect(result.failures.first?.message.contains("os.\(name): the clock of an audit is its capture's") == true)
    }
  }

  @Test func aConversationTellsBothSides() throws {
    var bench = try AuditBench()
    try bench.script(
      audit(
        """
        conversation = function(c)
          if not c.established then return end
          finding {
            message = c.client.address .. ">" .. c.server.address .. ":" .. c.server.port .. " " .. c.client.payload:sub(1, 4),
            details = { client = c.client.packets, server = c.server.packets, payload = c.client.payload_bytes, ending = c.ending },
          }
        end
        """))
    try bench.capture(telnet())
    let finding = try #require(bench.run().audits[0].findings.first)
    #expect(finding.message == "10.0.0.1>10.0.0.2:23 root")
    #expect(
      finding.details == [
        .init("client", .integer(2)), .init("ending", .text("open")), .init("payload", .integer(6)),
        .init("server", .integer(1)),
      ])
    #expect(finding.packets.map(\.frame) == [1, 2, 3])
  }

  @Test func aScriptThatFailsIsAnErrorAndTheOthersGoOn() throws {
    var bench = try AuditBench()
    try bench.script(audit("packet = function(packet) error('oops') end", id: "BAD"), name: "bad")
    try bench.script(audit("packet = function() end", id: "GOOD"), name: "good")
    try bench.script("this is not Lua", name: "syntax")
    try bench.script("local x = 1", name: "nothing")
    try bench.capture(telnet())
    let report = bench.run()
    let states = Dictionary(uniqueKeysWithValues: report.audits.map { ($0.id, $0.state) })
    #expect(states == ["BAD": .error, "GOOD": .pass, "syntax": .error, "nothing": .error])
    #expect(report.isIncomplete)
    let failure = try #require(report.audits.first { $0.id == "BAD" }?.failures.first)
    #expect(failure.message.contains("oops"))
    #expect(failure.place.hasSuffix("bad.lua:1"))
    #expect(failure.capture == "traffic")
  }

  @Test func whatWasFoundBeforeAFailureStaysAndTheAuditIsAnError() throws {
    var bench = try AuditBench()
    try bench.script(
      audit(
        """
        packet = function(packet)
          finding { message = "seen" }
          if packet.tcp.ack then error("oops") end
        end
        """))
    try bench.capture(telnet())
    let result = bench.run().audits[0]
    #expect(result.state == .error)
    #expect(result.findings.map(\.count) == [1])
  }

  @Test func anEndlessScriptIsAnError() throws {
    var bench = try AuditBench()
    bench.setup.timeout = 50_000_000
    try bench.script(audit("packet = function() while true do end end"))
    try bench.capture(telnet())
    #expect(bench.run().audits[0].state == .error)
  }

  @Test func anAuditWithoutWhatItNeedsIsSkippedAndDoesNotPass() throws {
    var bench = try AuditBench()
    try bench.script(audit("config = function() end", id: "C"), name: "config")
    try bench.script(audit("packet = function() end", id: "P"), name: "packet")
    try bench.script(audit("packet = function() end, needs = { 'mirrors' }", id: "M"), name: "mirrors")
    let report = bench.run()
    #expect(report.audits.map(\.state) == [.skipped, .skipped, .skipped])
    #expect(report.audits.map(\.skipped).allSatisfy { $0 != nil })
  }

  @Test func twoScriptsOfOneIdAreErrors() throws {
    var bench = try AuditBench()
    try bench.script(audit("packet = function() end"), name: "a")
    try bench.script(audit("packet = function() end"), name: "b")
    try bench.capture(telnet())
    #expect(bench.run().audits.map(\.state) == [.error, .error])
  }

  @Test func aDamagedCaptureIsNoPass() throws {
    var bench = try AuditBench()
    try bench.script(audit("packet = function() end"))
    let whole = try telnet()
    var cut = whole
    cut.cut(10)
    try bench.capture(cut)
    let report = bench.run()
    #expect(report.audits[0].state == .error)
    #expect(report.captures[0].problem?.contains("damaged") == true)
    #expect(report.captures[0].packets == 3)
  }

  @Test func eachCaptureBeginsAnewUnlessTogether() throws {
    for (keys, count) in [("", 2), (#"captures = "together","#, 1)] {
      var bench = try AuditBench()
      try bench.script(
        """
        local seen = {}
        \(audit("""
          \(keys) packet = function(packet)
            if packet.destination_port ~= 23 or seen[packet.destination] then return end
            seen[packet.destination] = true
            finding { message = "first" }
          end
          """))
        """)
      try bench.capture(telnet(), name: "a")
      try bench.capture(telnet(), name: "b")
      #expect(bench.run().audits[0].findings.map(\.count) == [count])
    }
  }

  @Test func timersRunInPacketTimeAndFinishLast() throws {
    var bench = try AuditBench()
    try bench.script(
      audit(
        """
        packet = function() end,
        every = { 10, function() finding { message = "tick" } end },
        finish = function() finding { message = "over" } end
        """))
    var traffic = try telnet()
    traffic.time += 25_000_000_000
    try traffic.tcp("10.0.0.3:40001", "10.0.0.2:23", ".", seq: 1)
    try bench.capture(traffic)
    let findings = bench.run().audits[0].findings
    #expect(findings.map(\.message) == ["over", "tick"])
    #expect(findings.map(\.count) == [1, 1])
    #expect(findings.allSatisfy { $0.packets.isEmpty })
  }

  @Test func theSameWhateverTheWorkersAndMergedFromParts() throws {
    func bench(_ names: [String]) throws -> AuditBench {
      var bench = try AuditBench()
      for id in ["A", "B", "C"] {
        try bench.script(
          audit(
            """
            packet = function(packet)
              finding { message = packet.source .. " at " .. packet.time, key = packet.source, packet = packet }
            end
            """, id: id), name: id)
      }
      for name in names {
        var traffic = try telnet()
        if name == "c" { try traffic.udp("10.0.0.9:5", "10.0.0.2:53", Array("x".utf8)) }
        try bench.capture(traffic, name: name)
      }
      return bench
    }
    func anonymous(_ report: AuditReport) -> AuditReport {
      var report = report
      for index in report.audits.indices { report.audits[index].script = "" }
      return report
    }
    let whole = anonymous(try bench(["c", "a", "b"]).run(jobs: 1))
    #expect(anonymous(try bench(["a", "b", "c"]).run(jobs: 7)) == whole)
    let parts = [anonymous(try bench(["b"]).run()), anonymous(try bench(["a", "c"]).run())]
    let merged = try AuditReport.merging(parts.map { try AuditReport($0.json) })
    #expect(merged.json.text() == whole.json.text())
    #expect(throws: AuditReportError.self) { try AuditReport.merging([whole, whole]) }
  }

  @Test func refusesWhatMakesNoAudit() throws {
    let wrong: [(String, String)] = [
      (#"audit { title = "x", severity = "low", packet = print }"#, "id is missing"),
      (audit("packets = function() end"), "did you mean packet?"),
      (audit(""), "nothing to look at"),
      (#"audit { id = "A", title = "x", severity = "grave", packet = function() end }"#, "severity"),
      (audit("packet = function() end, where = function() end"), "a function goes into packet"),
      (audit(#"packet = function() end, where = filter.first { packets = 1 }"#), "filter.first"),
      (audit(#"packet = function() end, where = filter.bpf "tcp prot 1""#), "where"),
      (audit("packet = function() end") + "\n" + audit("packet = function() end", id: "B"), "declares one audit"),
      (#"mirror {}"#, "mirror"),
      (#"audit { id = "A B", title = "x", severity = "low", packet = function() end }"#, "letters, digits"),
      (#"finding { message = "x" }"#, "only inside the functions"),
    ]
    for (text, message) in wrong {
      var bench = try AuditBench()
      try bench.script(text)
      let failure = try #require(bench.run().audits[0].failures.first, "\(text)")
      #expect(failure.message.contains(message), "\(failure.message)")
    }
  }
}
