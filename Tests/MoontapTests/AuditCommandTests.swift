import Foundation
import JSONText
import Testing

/// `moontap audit`, as a user meets it: what it prints, and an exit code that can be trusted.
@Suite struct AuditCommandTests {
  private static let captures = Shell.root.appending(path: "examples/audits/captures")
  private static func capture(_ name: String) -> String { captures.appending(path: name + ".pcap").path }
  private static let telnet = capture("cleartext-credentials-bad")
  private static let clean = capture("arp-spoofing-good")

  private static func script(_ id: String, _ keys: String) -> String {
    #"audit { id = "\#(id)", title = "a test", severity = "low", \#(keys) }"#
  }

  private static let finds = script(
    "FIND", #"tags = { "t" }, packet = function(p) finding { message = "a packet", severity = "medium" } end"#)
  private static let passes = script("PASS", #"packet = function() end"#)
  private static let fails = script("FAIL", #"packet = function() error("oops") end"#)

  private func run(_ scripts: [String: String], _ arguments: String...) throws -> Finished {
    let folder = try TemporaryFolder()
    for (name, text) in scripts { try folder.write(text, to: name) }
    return try Shell.run(Shell.moontap, ["audit", folder.url.path] + arguments)
  }

  @Test func withoutFindingsTheExitCodeIs0() throws {
    let finished = try run(["p.lua": Self.passes], "--read", Self.clean)
    #expect(finished.status == 0, "\(finished.errors)")
    #expect(finished.text.contains("1 audit: 1 passed"))
    #expect(finished.text.contains("findings: none"))
  }

  @Test func withFindingsItIs1() throws {
    let finished = try run(["f.lua": Self.finds, "p.lua": Self.passes], "--read", Self.clean)
    #expect(finished.status == 1)
    #expect(finished.text.contains("medium    FIND  a packet"))
  }

  @Test func aScriptThatFailsMakesIt2WhateverWasFound() throws {
    let finished = try run(["a.lua": Self.fails, "f.lua": Self.finds, "p.lua": Self.passes], "--read", Self.clean)
    #expect(finished.status == 2)
    #expect(finished.text.contains("a.lua:1: oops"))
    #expect(finished.text.contains("1 passed, 1 with findings, 1 not evaluated"))
    let misspelt = try run(
      ["m.lua": Self.script("MISS", #"packet = function() findng { message = "a packet" } end"#)], "--read", Self.clean)
    #expect(misspelt.text.contains("m.lua:1: attempt to call a nil value (global 'findng'); did you mean 'finding'?"))
    for text in ["syntax error", "local x = 1", "error('at load')"] {
      #expect(try run(["x.lua": text], "--read", Self.clean).status == 2, "\(text)")
    }
  }

  @Test func aDamagedCaptureMakesIt2() throws {
    let folder = try TemporaryFolder()
    let bytes = try Data(contentsOf: URL(filePath: Self.telnet))
    try bytes.dropLast(3).write(to: URL(filePath: folder.path("cut.pcap")))
    try Data("no capture at all, but long enough".utf8).write(to: URL(filePath: folder.path("none.pcap")))
    for name in ["cut.pcap", "none.pcap"] {
      let finished = try run(["p.lua": Self.passes], "--read", folder.path(name))
      #expect(finished.status == 2)
      #expect(finished.text.contains(name))
    }
  }

  @Test func aLinkTypeThatCannotBeDecodedIsNoPass() throws {
    let finished = try run(["p.lua": Self.passes], "--read", Shell.capture("wlan-unsupported.pcap"))
    #expect(finished.status == 2)
  }

  @Test func whatTakesTooLongMakesIt2() throws {
    let endless = Self.script("LOOP", "packet = function() while true do end end")
    let finished = try run(["l.lua": endless, "p.lua": Self.passes], "--read", Self.clean, "--timeout", "1")
    #expect(finished.status == 2)
    #expect(finished.text.contains("1 passed, 1 not evaluated"))
  }

  @Test func whatIsNotThereMakesIt3() throws {
    #expect(try run(["p.lua": Self.passes], "--read", "/nowhere/x.pcap").status == 3)
    #expect(try run(["p.lua": Self.passes], "--read", Self.clean, "--inventory", "/nowhere/x.json").status == 3)
    #expect(try Shell.moontap("audit", "/nowhere/audits", "--read", Self.clean).status == 3)
    #expect(try run([:], "--read", Self.clean).status == 3)
    #expect(try run(["p.lua": Self.passes], "--read", Self.clean, "--waivers", Self.clean).status == 3)
    #expect(try run(["p.lua": Self.passes], "--read", Self.clean, "--baseline", Self.clean).status == 3)
  }

  @Test func aNameThatIsNoAuditsIsNoCleanRun() throws {
    for option in ["--only", "--skip", "--tag"] {
      let finished = try run(["f.lua": Self.finds], "--read", Self.clean, option, "FINDS")
      #expect(finished.status == 3, "\(option)")
    }
    #expect(
      try run(["f.lua": Self.finds], "--read", Self.clean, "--only", "FNID").errors.contains("did you mean FIND?"))
  }

  @Test func whenNothingWasLookedAtItIs2() throws {
    let finished = try run(["p.lua": Self.passes])
    #expect(finished.status == 2)
    #expect(finished.errors.contains("audit.none"))
  }

  @Test func argumentsReachTheScripts() throws {
    let says = Self.script("ARG", "packet = function() finding { message = policy.args.say } end")
    let finished = try run(["s.lua": says], "--read", Self.clean, "--set", "say=so it is")
    #expect(finished.text.contains("ARG  so it is"), "\(finished.text)")
    #expect(try run(["s.lua": says], "--read", Self.clean, "--set", "say").status == 64)
  }

  @Test func auditsAreChosen() throws {
    let all = ["f.lua": Self.finds, "p.lua": Self.passes, "x.lua": Self.fails]
    #expect(try run(all, "--read", Self.clean, "--only", "PASS").status == 0)
    #expect(try run(all, "--read", Self.clean, "--skip", "FAIL").status == 1)
    #expect(try run(all, "--read", Self.clean, "--tag", "t").status == 1)
    let listed = try run(all, "--list")
    #expect(listed.status == 0)
    #expect(listed.text.split(separator: "\n").map { $0.prefix(4) } == ["FAIL", "FIND", "PASS"])
  }

  @Test func findingsUnderTheBoundDoNotFail() throws {
    #expect(try run(["f.lua": Self.finds], "--read", Self.clean, "--fail-on", "medium").status == 1)
    #expect(try run(["f.lua": Self.finds], "--read", Self.clean, "--fail-on", "high").status == 0)
    #expect(try run(["x.lua": Self.fails], "--read", Self.clean, "--fail-on", "critical").status == 2)
  }

  @Test func wrongUsageIs64() throws {
    #expect(try run(["p.lua": Self.passes], "--read", Self.clean, "--report", "report.pdf").status == 64)
    #expect(try run(["p.lua": Self.passes], "--read", "x.lua").status == 64)
    #expect(try run(["p.lua": Self.passes], "--mirrors", "x.json").status == 64)
    #expect(try run(["p.lua": Self.passes], "--read", Self.clean, Self.clean).status == 64)
    #expect(try run(["p.lua": Self.passes], "--read", Self.clean, "--today", "tomorrow").status == 64)
  }

  @Test func mirrorsOfPoliciesAreLookedAt() throws {
    let inventory = "examples/audits/configurations/shop.json"
    let folder = try TemporaryFolder()
    func policy(_ name: String, _ direction: String) throws -> String {
      try folder.write(
        """
        mirror { name = "m", vpc = "vpc-shop", source = source.subnet "subnet-db", direction = "\(direction)",
          target = target.receivers "10.20.9.10" }
        """, to: name)
      return folder.path(name)
    }
    func audit(_ id: String, _ policy: String) throws -> Finished {
      try Shell.moontap("audit", "examples/audits", "--only", id, "--inventory", inventory, "--policy", policy)
    }
    #expect(try audit("MIR-001", policy("whole.lua", "all")).status == 0)
    #expect(try audit("MIR-001", policy("half.lua", "out")).text.contains("only one direction is"))
    let broken = try audit("MIR-002", policy("broken.lua", "sideways"))
    #expect(broken.status == 1, "\(broken.errors)")
    #expect(broken.text.contains("is no direction"))
    try folder.write("this is no Lua", to: "syntax.lua")
    #expect(try audit("MIR-002", folder.path("syntax.lua")).status == 3)
  }

  /// Of a tap each record is seen once, at its sender; a capture of one ENI is that ENI's.
  @Test func aCaptureIsThatOfTheENIItIsBoundTo() throws {
    let inventory = "examples/audits/configurations/shop.json"
    let sees = Self.script(
      "SEEN", "packet = function(p) finding { message = tostring(p.eni) .. ' ' .. tostring(p.direction) } end")
    let folder = try TemporaryFolder()
    try folder.write(sees, to: "s.lua")
    func seen(_ arguments: String...) throws -> [String?] {
      let finished = try Shell.moontap(
        ["audit", folder.path("s.lua"), "--inventory", inventory, "--json"] + arguments)
      #expect(finished.status == 1, "\(finished.errors)")
      let audit = try #require(try finished.json()["audits"]?.array?.first)
      return try #require(audit["findings"]?.array).map { $0["key"]?.string }
    }
    let capture = Self.capture("lateral-movement-bad")
    #expect(try seen("--read", capture) == ["eni-app1 out", "eni-db1 out", "eni-web1 out"])
    #expect(try seen("--eni", "eni-db1=\(capture)") == ["eni-db1 in", "eni-db1 out"])
    #expect(try seen("--read", capture, "--eni", "eni-web1=\(capture)") == ["eni-web1 in", "eni-web1 out"])
    let unknown = try Shell.moontap(
      "audit", folder.path("s.lua"), "--inventory", inventory, "--eni", "eni-bd1=\(capture)")
    #expect(unknown.status == 3 && unknown.errors.contains("did you mean eni-db1?"))
    #expect(try Shell.moontap("audit", folder.path("s.lua"), "--eni", "eni-db1=\(capture)").status == 64)
    #expect(try Shell.moontap("audit", folder.path("s.lua"), "--eni", "x", "--inventory", inventory).status == 64)
  }

  @Test func anExpiredWaiverIsAFinding() throws {
    let folder = try TemporaryFolder()
    try folder.write(
      #"{"format": "moontap.waivers/1", "waivers": [{"id": "FIND", "key": "*", "reason": "r", "expires": "2026-06-30"}]}"#,
      to: "w.json")
    let valid = try run(
      ["f.lua": Self.finds], "--read", Self.clean, "--waivers", folder.path("w.json"), "--today", "2026-06-30")
    #expect(valid.status == 0)
    #expect(valid.text.contains("1 waived"))
    let expired = try run(
      ["p.lua": Self.passes], "--read", Self.clean, "--waivers", folder.path("w.json"), "--today", "2026-07-01")
    #expect(expired.status == 1)
    #expect(expired.text.contains("expired waiver  FIND"))
  }

  @Test func captureAndStandardInputSayTheSame() throws {
    let folder = try TemporaryFolder()
    try folder.write(Self.finds, to: "f.lua")
    let input = try Data(contentsOf: URL(filePath: Self.telnet))
    let piped = try Shell.moontap("audit", folder.path("f.lua"), "--read", "-", "--json", input: input)
    let read = try Shell.moontap("audit", folder.path("f.lua"), "--read", Self.telnet, "--json")
    #expect(piped.status == 1, "\(piped.errors)")
    #expect(
      piped.text.replacingOccurrences(of: "standard input", with: "X")
        == read.text.replacingOccurrences(of: Self.telnet, with: "X"))
  }

  @Test func twoRunsAndAnyNumberOfWorkersSayTheSame() throws {
    let files = [
      "weak-tls-bad", "cleartext-credentials-bad", "port-scan-bad", "dns-exfiltration-bad", "nat-egress-bad",
    ]
    let arguments =
      [
        "audit", "examples/audits", "--inventory", "examples/audits/configurations/shop.json", "--mirrors",
        "examples/audits/configurations/mirrors-bad.json", "--json", "--read",
      ] + files.map(Self.capture)
    let first = try Shell.moontap(arguments + ["--jobs", "1"])
    #expect(first.status == 1)
    for jobs in ["1", "3", "16"] {
      #expect(try Shell.moontap(arguments + ["--jobs", jobs]).output == first.output, "\(jobs)")
    }
  }

  @Test func partsMergeToTheWhole() throws {
    let folder = try TemporaryFolder()
    let files = ["weak-tls-bad", "cleartext-credentials-bad", "port-scan-bad", "cleartext-credentials-good"]
    func audit(_ files: [String], _ report: String) throws {
      let finished = try Shell.moontap(
        [
          "audit", "examples/audits", "--skip", "BAL-001", "--inventory", "examples/audits/configurations/shop.json",
          "--mirrors", "examples/audits/configurations/mirrors-bad.json", "--report", folder.path(report), "--read",
        ]
          + files.map(Self.capture))
      #expect(finished.status == 1, "\(finished.errors)")
    }
    try audit(files, "whole.json")
    try audit([files[0], files[3]], "a.json")
    try audit([files[1]], "b.json")
    try audit([files[2]], "c.json")
    let merged = try Shell.moontap(
      "audit", "merge", folder.path("c.json"), folder.path("a.json"), folder.path("b.json"), "--json")
    #expect(merged.status == 1, "\(merged.errors)")
    #expect(try merged.output == Data(contentsOf: URL(filePath: folder.path("whole.json"))))
    let twice = try Shell.moontap("audit", "merge", folder.path("a.json"), folder.path("a.json"))
    #expect(twice.status == 3)
  }

  /// As docs/audits.md says it.
  @Test func gnuParallelSpreadsAnArchive() throws {
    let folder = try TemporaryFolder()
    let audit = "\(Shell.moontap) audit examples/audits --skip BAL-001 --json --read"
    let spread = "\(audit) {} > \(folder.url.path)/{#}.json; test $? -le 2"
    let names = try FileManager.default.contentsOfDirectory(atPath: Self.captures.path).sorted().prefix(6)
    let paths = names.map { Self.captures.appending(path: $0).path }
    let run = try Shell.run(
      "parallel", ["--will-cite", "--jobs", "2", spread], input: Data(paths.joined(separator: "\n").utf8))
    #expect(run.status == 0, "\(run.errors)")
    let merged = try Shell.moontap(["audit", "merge", "--json"] + (1...paths.count).map { folder.path("\($0).json") })
    let whole = try Shell.moontap(
      ["audit", "examples/audits", "--skip", "BAL-001", "--json", "--read"] + paths)
    #expect(merged.output == whole.output)
  }

  @Test func auditsOfAllCapturesTogetherAreNotMergedFromParts() throws {
    let folder = try TemporaryFolder()
    try folder.write(Self.script("TOG", #"captures = "together", packet = function() end"#), to: "t.lua")
    for (file, report) in [(Self.clean, "a.json"), (Self.telnet, "b.json")] {
      #expect(
        try Shell.moontap("audit", folder.path("t.lua"), "--read", file, "--report", folder.path(report)).status == 0)
    }
    let merged = try Shell.moontap("audit", "merge", folder.path("a.json"), folder.path("b.json"))
    #expect(merged.status == 2)
  }

  @Test func reportsAndEvidenceAreWritten() throws {
    let folder = try TemporaryFolder()
    var arguments = ["audit", "examples/audits", "--only", "CRED-001", "--read", Self.telnet]
    let names = ["r.html", "r.json", "r.jsonl", "r.xml", "r.sarif", "r.txt"]
    for name in names { arguments += ["--report", folder.path(name)] }
    let finished = try Shell.moontap(arguments + ["--evidence", folder.path("evidence")])
    #expect(finished.status == 1, "\(finished.errors)")
    for name in names { #expect(try !Data(contentsOf: URL(filePath: folder.path(name))).isEmpty) }
    let captures = try FileManager.default.contentsOfDirectory(atPath: folder.path("evidence")).sorted()
    #expect(captures == (1...6).map { "CRED-001-000\($0).pcapng" })
    let frames = try Shell.frames(
      folder.path("evidence/CRED-001-0001.pcapng"), tshark: "frame.comment contains \"FTP\"")
    #expect(frames == [1, 2, 3, 4, 5])
  }
}
