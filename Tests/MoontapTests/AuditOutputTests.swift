import Foundation
import Testing

/// What `moontap audit` writes: whole or not at all, never over what it reads, never through a link.
@Suite struct AuditOutputTests {
  private static let telnet = Shell.root.appending(path: "examples/audits/captures/cleartext-credentials-bad.pcap").path
  private static let evidence = "CRED-001-0001.pcapng"

  private func audit(_ arguments: String...) throws -> Finished {
    try Shell.moontap(["audit", "examples/audits", "--only", "CRED-001"] + arguments)
  }

  private func isLink(_ path: String) throws -> Bool {
    try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType == .typeSymbolicLink
  }

  @Test func noInputIsReplacedByAReport() throws {
    let folder = try TemporaryFolder()
    let inventory = Shell.root.appending(path: "examples/audits/configurations/shop.json")
    let bytes = try Data(contentsOf: inventory)
    try bytes.write(to: URL(filePath: folder.path("shop.json")))
    try FileManager.default.createSymbolicLink(atPath: folder.path("link.json"), withDestinationPath: "shop.json")
    try FileManager.default.linkItem(atPath: folder.path("shop.json"), toPath: folder.path("hard.json"))
    for report in ["shop.json", "link.json", "hard.json"] {
      let finished = try audit(
        "--read", Self.telnet, "--inventory", folder.path("shop.json"), "--report", folder.path(report))
      #expect(finished.status == 3)
      #expect(finished.errors.contains("\(report): output: would be replaced, and is an input"), "\(finished.errors)")
      #expect(finished.text.isEmpty)
      #expect(try Data(contentsOf: URL(filePath: folder.path("shop.json"))) == bytes)
    }
  }

  @Test func noWaiversBaselineOrPartIsReplaced() throws {
    let folder = try TemporaryFolder()
    try folder.write(#"{"format": "moontap.waivers/1", "waivers": []}"#, to: "w.json")
    #expect(try audit("--read", Self.telnet, "--report", folder.path("old.json")).status == 1)
    for (option, name) in [("--waivers", "w.json"), ("--baseline", "old.json")] {
      let before = try Data(contentsOf: URL(filePath: folder.path(name)))
      #expect(
        try audit("--read", Self.telnet, option, folder.path(name), "--report", folder.path(name)).status == 3)
      #expect(try Data(contentsOf: URL(filePath: folder.path(name))) == before)
    }
    let merged = try Shell.moontap("audit", "merge", folder.path("old.json"), "--report", folder.path("old.json"))
    #expect(merged.status == 3)
  }

  @Test func noCaptureIsReplacedByEvidence() throws {
    let folder = try TemporaryFolder()
    let bytes = try Data(contentsOf: URL(filePath: Self.telnet))
    try bytes.write(to: URL(filePath: folder.path(Self.evidence)))
    let finished = try audit("--read", folder.path(Self.evidence), "--evidence", folder.url.path)
    #expect(finished.status == 3)
    #expect(finished.errors.contains("is an input of this command"))
    #expect(try Data(contentsOf: URL(filePath: folder.path(Self.evidence))) == bytes)
    // A capture of another name may lie beside its evidence.
    try FileManager.default.moveItem(atPath: folder.path(Self.evidence), toPath: folder.path("day.pcap"))
    #expect(try audit("--read", folder.path("day.pcap"), "--evidence", folder.url.path).status == 1)
  }

  @Test func plantedLinksAreNotFollowed() throws {
    let folder = try TemporaryFolder()
    try folder.write("precious", to: "victim")
    try FileManager.default.createDirectory(atPath: folder.path("ev"), withIntermediateDirectories: false)
    let planted = ["ev/" + Self.evidence, "r.json"]
    for name in planted {
      try FileManager.default.createSymbolicLink(
        atPath: folder.path(name), withDestinationPath: folder.path("victim"))
    }
    let finished = try audit(
      "--read", Self.telnet, "--evidence", folder.path("ev"), "--report", folder.path("r.json"))
    #expect(finished.status == 1, "\(finished.errors)")
    #expect(try String(contentsOfFile: folder.path("victim"), encoding: .utf8) == "precious")
    for name in planted { #expect(try !isLink(folder.path(name))) }
  }

  /// The limit of file sizes (setrlimit(2)) stands for a full disk: write(2) fails after some bytes.
  @Test func whatCannotBeWrittenLeavesTheOldReport() throws {
    let folder = try TemporaryFolder()
    try folder.write("the old one", to: "r.json")
    try folder.write("{}", to: "small.txt")
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: folder.path("r.json"))
    let command = [
      Shell.moontap, "audit", "examples/audits", "--only", "CRED-001", "--read", Self.telnet, "--report",
      folder.path("r.json"), "--report", folder.path("small.txt"), "--report", "/nowhere/r.html",
    ]
    let limited = try Shell.run("sh", ["-c", "ulimit -f 16; exec \"$@\"", "sh"] + command)
    #expect(limited.errors.contains("r.json: output: cannot be written: File too large"), "\(limited.errors)")
    #expect(limited.errors.contains("/nowhere/r.html: output: cannot be written: No such file"), "\(limited.errors)")
    #expect(try String(contentsOfFile: folder.path("r.json"), encoding: .utf8) == "the old one")
    #expect(folder.names == ["r.json", "small.txt"])
    // The others were written, and the result was printed.
    #expect(try String(contentsOfFile: folder.path("small.txt"), encoding: .utf8).contains("CRED-001"))
    #expect(limited.text.contains("CRED-001"))
    let failed = try audit("--read", Self.telnet, "--report", "/nowhere/r.html")
    #expect(failed.status == 2)
    // With room again it is replaced, and is read by whom the old one was.
    #expect(try audit("--read", Self.telnet, "--report", folder.path("r.json")).status == 1)
    let mode = try FileManager.default.attributesOfItem(atPath: folder.path("r.json"))[.posixPermissions] as? Int
    #expect(mode == 0o640)
  }

  @Test func descriptorsAreWrittenTo() throws {
    let script = "\"$@\" --junit /dev/stdout > \"$0\""
    let folder = try TemporaryFolder()
    let command = [Shell.moontap, "test", "examples/policies/web-to-ids_test.lua"]
    let finished = try Shell.run("sh", ["-c", script, folder.path("out")] + command)
    #expect(finished.status == 0, "\(finished.errors)")
    #expect(try String(contentsOfFile: folder.path("out"), encoding: .utf8).contains("<testsuites"))
    #expect(try isLink("/dev/stdout"))
  }

  /// A line with what is done, how fast, and what is left, for work longer than a second; nothing of it stays.
  @Test func aTerminalSeesHowFarItIs() throws {
    let folder = try TemporaryFolder()
    try folder.write(
      """
      audit { id = "SLOW", title = "slow", severity = "low",
        packet = function() for _ = 1, tonumber(policy.args.turns) do end end }
      """, to: "slow.lua")
    // Captures are read in pieces of 256 KiB, which are what the bar counts: one of several pieces.
    let small = try Data(contentsOf: Shell.root.appending(path: "examples/audits/captures/balance-skew-bad.pcap"))
    let capture = folder.path("large.pcap")
    try (small + (1...7).map { _ in small.dropFirst(24) }.joined()).write(to: URL(filePath: capture))
    let terminal = try PseudoTerminal(
      Shell.moontap, ["audit", folder.path("slow.lua"), "--read", capture, "--set", "turns=80000"],
      environment: ["TERM": "xterm", "PATH": "/usr/bin:/bin"])
    let seen = try terminal.wait(for: " left")
    #expect(seen.contains("packets/s") && seen.contains("%"), "\(seen)")
    #expect(try terminal.end() == 0)
    let piped = try Shell.moontap(
      "audit", folder.path("slow.lua"), "--read", capture, "--set", "turns=1")
    #expect(piped.status == 0 && piped.errors.isEmpty)
  }
}
