import Foundation
import Testing

/// Sessions inside a running engine.
struct AttachTests {
  private static let capture = "examples/captures/campus.pcap"

  @Test func seesAndSwitchesTheEnginesMirrors() throws {
    let run = try ControlledRun()
    try run.send(Self.capture, packets: 871)
    let said = try run.attached(
      """
      mirrors
      web = mirrors["web-to-ids"]
      web:stats().observed.packets
      web:disable()
      web.state
      web:enable()
      web.state
      for name, each in pairs(mirrors) do print(name, #each.receivers) end
      :status
      """)
    #expect(said.status == 0, "\(said.errors)")
    let lines = said.text.split(separator: "\n").map(String.init)
    #expect(lines[1].hasPrefix("web-to-ids  vpc-campus  enabled"))
    #expect(lines.contains("466") && lines.contains(#""disabled""#) && lines.contains(#""enabled""#))
    #expect(lines.contains("web-to-ids\t2"))
    #expect(said.text.contains("collected  207"))
    #expect(try run.ask("mirror", "show", "web-to-ids").text.contains("running"))
    _ = try run.run.finish()
  }

  @Test func explainsByTheEnginesDefinitions() throws {
    let folder = try TemporaryFolder()
    let policy = try folder.write(
      """
      mirror { name = "tls", vpc = "vpc-campus", source = source.vpc(), filter = filter.quintuple { destination_port = 443 },
        target = target.receivers "10.50.9.10" }
      """, to: "tls.lua")
    let run = try ControlledRun([policy, "--inventory", ControlledRun.inventory])
    let packet =
      #"packet.tcp { source = "10.50.109.228", destination = "1.2.3.4", destination_port = PORT, direction = "out" }"#
    let said = try run.attached(
      ["443", "80"].map { "mirrors.tls:explain(" + packet.replacing("PORT", with: $0) + ").reason" }
        .joined(separator: "\n"))
    #expect(said.text == "\"collected\"\n\"filtered\"\n", "\(said.errors)")
    _ = try run.run.finish()
  }

  @Test func refusesWhatIsNotItsOwn() throws {
    let run = try ControlledRun()
    let said = try run.attached(
      """
      mirrors["web-to-ids"]:modify { direction = "out" }
      mirrors["web-to-ids"]:delete()
      mirror { name = "x", vpc = "vpc-campus", source = source.vpc(), target = target.receivers "10.50.9.10" }
      capture.open "/etc/passwd"
      set.load("README.md", "strings")
      require "README"
      :load /etc/passwd
      :save_policy /tmp/x
      mirrors["web-to-ids"]:dry_run()
      nonsense.x
      1 + 1
      """, keepsGoing: true)
    #expect(said.status == 2)
    #expect(said.text == "2\n")
    let errors = said.errors
    #expect(errors.components(separatedBy: "the mirror is the engine's").count == 3)
    #expect(errors.contains("an attached session declares no mirrors"))
    #expect(errors.components(separatedBy: "runs inside the engine").count == 6)
    #expect(errors.contains("its Lua functions are the engine's"))
    #expect(errors.contains("attempt to index a nil value (global 'nonsense')"))
    _ = try run.run.finish()
  }

  @Test func goesOnWhenTheEngineReloads() throws {
    let run = try ControlledRun()
    let said = try run.attached("x = 1\nmirrors:reload()\nx\n#mirrors\n", keepsGoing: true)
    #expect(said.text.contains("1 mirror in force"), "\(said.errors)")
    #expect(said.text.contains("the session begins anew"))
    #expect(said.text.hasSuffix("\n1\n"))
    #expect(said.errors.contains("'x'") || said.text.contains("nil"))
    _ = try run.run.finish()
  }

  /// Completion, colours, an endless loop, and leaving: as at home.
  @Test func isAPromptAtATerminal() throws {
    let run = try ControlledRun()
    let terminal = try PseudoTerminal(
      Shell.moontap, ["repl", "--attach", "--control", run.control],
      environment: ["PATH": "/usr/bin:/bin", "TERM": "xterm", "HOME": run.folder.url.path])
    try terminal.wait(for: "moontap>")
    terminal.type("mirrors[\"web-\t")
    try terminal.wait(for: "web-to-ids")
    terminal.type("\u{3}")
    try terminal.wait(for: "moontap>")
    terminal.type("while true do end\n")
    try terminal.wait(for: "end")
    // Packets are judged, and others are answered, while it loops.
    try run.send(Self.capture, packets: 871)
    terminal.type("\u{3}")
    try terminal.wait(for: "interrupted")
    try terminal.wait(for: "moontap>")
    terminal.type("mirrors[1]:stats().observed.packets\n")
    try terminal.wait(for: "466")
    terminal.type(":quit\n")
    #expect(try terminal.end() == 0)
    _ = try run.run.finish()
  }

  @Test func endsWithTheEngineAndLeavesNothingBehind() throws {
    let run = try ControlledRun()
    // Each client goes while its script loops; there is room for four at once.
    for _ in 0..<6 {
      let finished = try Shell.run(
        "timeout", ["--signal=KILL", "1", Shell.moontap, "repl", "--attach", "--control", run.control],
        input: Data("while true do end\n".utf8))
      #expect(finished.status != 0)
    }
    #expect(try run.attached("1 + 1\n").text == "2\n")
    let terminal = try PseudoTerminal(
      Shell.moontap, ["repl", "--attach", "--control", run.control],
      environment: ["PATH": "/usr/bin:/bin", "TERM": "xterm", "HOME": run.folder.url.path])
    try terminal.wait(for: "moontap>")
    _ = try run.run.finish()
    terminal.type("1\n")
    try terminal.wait(for: "the engine has ended")
    #expect(try terminal.end() == 2)
  }
}
