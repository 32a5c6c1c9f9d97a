import Foundation
import JSONText
import Testing

/// What a running engine is asked, over its socket; the run reads a pipe that stays silent in between.
struct ControlCommandTests {
  private static let capture = "examples/captures/campus.pcap"

  @Test func statusIsTheSummarySoFarAndStopTheLast() throws {
    let run = try ControlledRun()
    let empty = try run.status()
    #expect(empty["engine"]?["mode"]?.string == "offline")
    #expect(empty["engine"]?["pid"]?.integer == Int(run.run.identifier))
    #expect(empty["summary"]?["records"]?.packets == 0)
    try run.send(Self.capture, packets: 871)
    let status = try #require(try run.status()["summary"])
    let text = try run.ask("status").text
    #expect(text.contains("observed   466 packets"))
    let stopped = try run.ask("stop", "--json")
    // As the run itself ends.
    #expect(stopped.status == 143)
    let finished = try run.run.finish()
    #expect(finished.status == 143)
    let last = try finished.json()
    #expect(try stopped.json() == last)
    for name in ["records", "unattributed", "mirrors"] { #expect(status[name] == last[name]) }
    #expect(last["interrupted"]?.bool == true)
    #expect(!FileManager.default.fileExists(atPath: run.control))
    let none = try run.ask("status")
    #expect(none.status == 2)
    #expect(none.errors.contains("control.none: \(run.control): no engine answers"))
  }

  @Test func reloadSaysWhatChangedOrWhatIsWrong() throws {
    let folder = try TemporaryFolder()
    let original = try String(contentsOfFile: Shell.root.path + "/" + ControlledRun.policy, encoding: .utf8)
    let policy = try folder.write(original, to: "policy.lua")
    let run = try ControlledRun([policy, "--inventory", ControlledRun.inventory])
    let same = try run.ask("reload")
    #expect(same.status == 0 && same.text == "1 mirror in force: none is new or other\n")
    let more =
      original.replacing(#"direction = "all""#, with: #"direction = "out""#)
        + #"""

        mirror { name = "second", vpc = "vpc-campus", source = source.vpc(), enabled = false,
          target = target.receivers "10.50.9.20" }
        """#
    try folder.write(more, to: "policy.lua")
    let changed = try run.ask("reload", "--json").json()
    #expect(changed["added"]?.array?.compactMap(\.string) == ["second"])
    #expect(changed["changed"]?.array?.compactMap(\.string) == ["web-to-ids"])
    #expect(changed["policies"]?.array?.compactMap(\.string) == ["policy"])
    try folder.write("mirror { name = 1 }", to: "policy.lua")
    let refused = try run.ask("reload")
    #expect(refused.status == 3)
    #expect(refused.errors.contains("policy.lua:1: "))
    #expect(refused.errors.contains("refused, everything stays as it was"))
    let mirrors = try run.ask("mirror", "list", "--json").json()["mirrors"]?.array ?? []
    #expect(mirrors.compactMap { $0["state"]?.string } == ["running", "disabled"])
    try folder.write(original, to: "policy.lua")
    let back = "1 mirror in force: gone second; changed web-to-ids; policy text changed: policy\n"
    #expect(try run.ask("reload").text == back)
    _ = try run.run.finish()
  }

  /// The definition reads as before; what its filter does is another thing.
  @Test func reloadSaysThatAScriptOrItsModuleChanged() throws {
    let folder = try TemporaryFolder()
    try folder.write("return { port = 443 }", to: "wanted.lua")
    let policy = try folder.write(
      """
      local wanted = require "wanted"
      mirror { name = "m", vpc = "vpc-campus", source = source.vpc(), target = target.receivers "10.50.9.20",
        filter = function(packet) return packet.destination_port == wanted.port end }
      """, to: "policy.lua")
    let run = try ControlledRun([policy, "--inventory", ControlledRun.inventory])
    #expect(try run.ask("reload").text == "1 mirror in force: none is new or other\n")
    try folder.write("return { port = 53 }", to: "wanted.lua")
    #expect(try run.ask("reload").text == "1 mirror in force: policy text changed: policy\n")
    _ = try run.run.finish()
  }

  @Test func switchesMirrorsOfThePolicyAndOfFiles() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(
      """
      {"format": "moontap.mirrors/1", "mirrors": [
        {"name": "plain", "vpc": "vpc-campus", "range": {"vpc": true}, "direction": "all", "receivers": ["10.50.9.20"]},
        {"name": "idle", "vpc": "vpc-campus", "range": {"vpc": true}, "direction": "all", "receivers": [], "enabled": false}]}
      """, to: "mirrors.json")
    let run = try ControlledRun([ControlledRun.policy, "--mirrors", file, "--inventory", ControlledRun.inventory])
    for name in ["plain", "web-to-ids"] {
      #expect(try run.ask("mirror", "disable", name).text.hasPrefix("disabled \(name) in vpc-campus"))
    }
    try run.send(Self.capture, packets: 871)
    for name in ["plain", "web-to-ids"] {
      let shown = try run.ask("mirror", "show", name, "--json").json()
      #expect(shown["state"]?.string == "disabled" && shown["observed"]?.packets == 0)
      #expect(try run.ask("mirror", "enable", name, "--json").json()["state"]?.string == "running")
    }
    let unknown = try run.ask("mirror", "enable", "web-to-isd")
    #expect(unknown.status == 3 && unknown.errors.contains("mirror.unknown") && unknown.errors.contains("web-to-ids?"))
    let idle = try run.ask("mirror", "enable", "idle")
    #expect(idle.status == 3 && idle.errors.contains("receivers.empty"))
    // What is changed so is gone with a reload.
    _ = try run.ask("mirror", "disable", "plain")
    // As they are declared, whatever becomes of them.
    let names = try run.status()["summary"]?["mirrors"]?.array?.compactMap { $0["name"]?.string }
    #expect(names == ["plain", "web-to-ids"])
    let text = try run.ask("status").text.split(separator: "\n").filter { !$0.hasPrefix(" ") }.dropFirst()
    #expect(text.prefix(3).map { $0.prefix { $0 != " " } } == ["plain", "idle", "web-to-ids"])
    #expect(try run.ask("reload").text.contains("changed plain"))
    #expect(try run.ask("mirror", "show", "plain").text.contains("running"))
    let both = try run.ask("mirror", "list", "--engine", "--store", "x")
    #expect(both.status == 64)
    _ = try run.run.finish()
  }

  @Test func leavesStoredMirrorsToTheirStore() throws {
    let folder = try TemporaryFolder()
    let store = folder.path("s.db")
    func moontap(_ arguments: String...) throws -> Finished { try Shell.moontap(arguments + ["--store", store]) }
    #expect(try moontap("inventory", "import", ControlledRun.inventory).status == 0)
    let made = try moontap(
      "mirror", "create", "--name", "kept", "--vpc", "vpc-campus", "--whole-vpc", "--direction", "all", "--receivers",
      "10.50.9.10")
    #expect(made.status == 0, "\(made.errors)")
    let run = try ControlledRun(["--store", store])
    let refused = try run.ask("mirror", "disable", "kept")
    #expect(refused.status == 3)
    #expect(
      refused.errors.contains("mirror.stored")
        && refused.errors.contains("moontap mirror disable kept, without --engine"))
    _ = try run.run.finish()
  }

  @Test func printsOneFrame() throws {
    let run = try ControlledRun()
    try run.send(Self.capture, packets: 871)
    let frame = try run.ask("top", "--once", "--interval", "0.1")
    #expect(frame.status == 0)
    #expect(frame.text.contains("web-to-ids  running"))
    #expect(frame.text.contains("eni-laptop"))
    #expect(!frame.text.contains("\u{1b}"))
    let live = try run.ask("top")
    #expect(live.status == 64 && live.errors.contains("--once prints one frame"))
    _ = try run.run.finish()
  }

  @Test func drawsAtATerminalAndGivesItBack() throws {
    let run = try ControlledRun()
    func terminal() throws -> PseudoTerminal {
      try PseudoTerminal(
        Shell.moontap, ["top", "--interval", "0.2", "--control", run.control],
        environment: ["PATH": "/usr/bin:/bin", "TERM": "xterm"])
    }
    let top = try terminal()
    try top.waitForBytes("\u{1b}[?1049h\u{1b}[?25l")
    try top.wait(for: "web-to-ids")
    top.resize(rows: 10, columns: 30)
    try top.wait(for: "Mirror")
    top.type("q")
    try top.waitForBytes("\u{1b}[?25h\u{1b}[?1049l")
    #expect(try top.end() == 0)
    let interrupted = try terminal()
    try interrupted.wait(for: "Mirror")
    interrupted.type("\u{3}")
    #expect(try interrupted.end() == 130)
    // The engine goes meanwhile.
    let left = try terminal()
    try left.wait(for: "Mirror")
    _ = try run.run.finish()
    try left.waitForBytes("\u{1b}[?25h\u{1b}[?1049l")
    #expect(try left.end() == 2)
  }

  /// The mode of the socket keeps others away; were it open, its other end is looked at.
  @Test(.enabled(if: geteuid() == 0, "another user is needed, hence root"))
  func answersRootAndItsOwnUserOnly() throws {
    let run = try ControlledRun()
    func asNobody() throws -> Finished {
      // Where the program stands may be closed to others: it is opened before.
      let script =
        "import os,socket,sys\nos.setgid(65534); os.setuid(65534)\ns=socket.socket(socket.AF_UNIX)\n"
        + "s.connect(sys.argv[1])\nprint(s.makefile().readline())"
      return try Shell.run("/usr/bin/python3", ["-c", script, run.control])
    }
    try #require(unsafe chmod(run.folder.url.path, 0o755) == 0)
    let closed = try asNobody()
    #expect(closed.errors.contains("Permission denied"))
    let asked = try Shell.run(
      "/usr/bin/python3",
      [
        "-c",
        "import os,sys\nprogram=os.open(sys.argv[1], os.O_RDONLY)\nos.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
          + "os.execve(program, ['moontap', 'status', '--control', sys.argv[2]], os.environ)",
        Shell.moontap, run.control,
      ])
    #expect(asked.status == 2)
    #expect(
      asked.errors
        == "control.permission: \(run.control): only root and the engine's own user may ask it\n"
        + "  hint: ask as that user, or as root (sudo)\n")
    try #require(unsafe chmod(run.control, 0o666) == 0)
    let refused = try asNobody()
    #expect(refused.text.contains("control.permission"))
    _ = try run.run.finish()
  }

  @Test func severalEnginesAreToldApartByTheirFiles() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.path("moontap"), withIntermediateDirectories: false)
    let policies = [ControlledRun.policy, "examples/policies/no-filter.lua"]
    let runs = try policies.enumerated().map { number, policy in
      try RunningMoontap(
        [policy, "--inventory", ControlledRun.inventory, "--control", folder.path("moontap/\(number).sock")])
    }
    for run in runs { try run.hear("control: ") }
    let asked = try Shell.run(Shell.moontap, ["status"], environment: ["XDG_RUNTIME_DIR": folder.url.path])
    #expect(asked.status == 64 && asked.errors.contains("control.several: "))
    for (number, policy) in policies.enumerated() {
      let engine = "\(folder.path("moontap/\(number).sock")) (\(policy) \(ControlledRun.inventory))"
      #expect(asked.errors.contains(engine), "\(asked.errors)")
    }
    for run in runs { _ = try run.finish() }
  }

  @Test func refusesAPlaceThatIsTakenAndMetricsForAll() throws {
    let run = try ControlledRun()
    let arguments = ["run", ControlledRun.policy, "--inventory", ControlledRun.inventory, "--read", Self.capture]
    let second = try Shell.moontap(arguments + ["--control", run.control])
    #expect(second.status == 2 && second.errors.contains("another engine answers there"))
    let open = try Shell.moontap(arguments + ["--metrics", "0.0.0.0:0"])
    #expect(open.status == 64 && open.errors.contains("--metrics-public"))
    let wrong = try Shell.moontap(arguments + ["--metrics", "localhost:1"])
    #expect(wrong.status == 64 && wrong.errors.contains("as in 127.0.0.1:9464"))
    // The first is still asked.
    #expect(try run.ask("status").status == 0)
    _ = try run.run.finish()
  }
}
