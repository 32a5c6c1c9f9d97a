import Foundation
import Testing

/// The prompt, driven through a pseudo-terminal: keys in, screen out.
struct ReplTests {
  private let home: TemporaryFolder

  init() throws { home = try TemporaryFolder() }

  private func start(_ more: [String: String] = [:], columns: UInt16 = 100) throws -> PseudoTerminal {
    var environment = [
      "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": home.url.path, "TERM": "xterm",
      "LANG": "C.UTF-8", "NO_COLOR": "1", "PAGER": "",
    ]
    environment.merge(more) { $1 }
    let terminal = try PseudoTerminal(
      Shell.moontap,
      [
        "repl", "--inventory", Shell.root.appending(path: "examples/inventories/shop.json").path, "--read",
        Shell.root.appending(path: "examples/captures/campus.pcap").path,
      ], environment: environment, columns: columns)
    try terminal.wait(for: "moontap> ")
    return terminal
  }

  @Test func anExpressionIsAnsweredAndCtrlDLeaves() throws {
    let terminal = try start()
    terminal.type("6 * 7\r")
    try terminal.wait(for: "\n42\n")
    try terminal.wait(for: "moontap> ")
    terminal.type("\u{4}")
    #expect(try terminal.end() == 0)
  }

  @Test func linesGoOnUntilTheInputIsWhole() throws {
    let terminal = try start()
    terminal.type("for i = 1, 2 do\r")
    try terminal.wait(for: "... ")
    terminal.type("print('line', i)\r")
    try terminal.wait(for: "... ")
    terminal.type("end\r")
    try terminal.wait(for: "line\t1\nline\t2\n".replacingOccurrences(of: "\t", with: "\t"))
    terminal.type(":quit\r")
    #expect(try terminal.end() == 0)
  }

  @Test func tabCompletesAndLists() throws {
    let terminal = try start()
    terminal.type("packets:gro\t'protocol')\r".replacingOccurrences(of: "'protocol'", with: "('protocol'"))
    try terminal.wait(for: "tcp ")
    try terminal.wait(for: "moontap> ")
    terminal.type("inventory.eni('eni-web\t\t")
    try terminal.wait(for: "eni-web1  eni-web2  eni-web3")
    terminal.type("2').name\r")
    try terminal.wait(for: "\n\"web2\"\n")
  }

  @Test func historyIsKeptForItsOwnerOnlyAndSearched() throws {
    var terminal = try start()
    terminal.type("'first ' .. 1\r")
    try terminal.wait(for: "\n\"first 1\"\n")
    terminal.type("'second ' .. 2\r")
    try terminal.wait(for: "\n\"second 2\"\n")
    terminal.type("'second ' .. 2\r")
    try terminal.wait(for: "\n\"second 2\"\n")
    try terminal.wait(for: "moontap> ")
    terminal.type("\u{4}")
    #expect(try terminal.end() == 0)
    let file = home.path(".local/state/moontap/history")
    #expect(try String(contentsOfFile: file, encoding: .utf8) == "'first ' .. 1\n'second ' .. 2\n")
    let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
    #expect(mode == 0o600)

    terminal = try start()
    terminal.type("\u{1b}[A\u{1b}[A\r")
    try terminal.wait(for: "\n\"first 1\"\n")
    try terminal.wait(for: "moontap> ")
    terminal.type("\u{12}seco")
    terminal.type("\r")
    try terminal.wait(for: "\n\"second 2\"\n")
  }

  @Test func ctrlCStopsAScriptAndTheSessionGoesOn() throws {
    let terminal = try start()
    terminal.type("n = 0 while true do n = n + 1 if n == 1000 then print('running') end end\r")
    try terminal.wait(for: "running\n")
    terminal.type("\u{3}")
    try terminal.wait(for: "interrupted\n")
    try terminal.wait(for: "moontap> ")
    terminal.type("n >= 1000\r")
    try terminal.wait(for: "\ntrue\n")
  }

  @Test func ctrlCDropsALineAndTwiceLeaves() throws {
    let terminal = try start()
    terminal.type("this is not wanted")
    try terminal.wait(for: "not wanted")
    terminal.type("\u{3}")
    try terminal.wait(for: "^C\n")
    try terminal.wait(for: "moontap> ")
    terminal.type("\u{3}")
    try terminal.wait(for: "Ctrl-C again")
    try terminal.wait(for: "moontap> ")
    terminal.type("\u{3}")
    #expect(try terminal.end() == 130)
  }

  @Test func ctrlCEndsAnInputOfSeveralLines() throws {
    let terminal = try start()
    terminal.type("x = {\r")
    try terminal.wait(for: "... ")
    terminal.type("\u{3}")
    try terminal.wait(for: "moontap> ")
    terminal.type("1 + 1\r")
    try terminal.wait(for: "\n2\n")
  }

  @Test func utf8IsTypedAndAnswered() throws {
    let terminal = try start()
    terminal.type("#'größe 漢字 🌒'\r")
    try terminal.wait(for: "\n19\n")
    try terminal.wait(for: "moontap> ")
    terminal.type("'größe 漢字X\u{7f}'\r")
    try terminal.wait(for: "\n\"größe 漢字\"\n")
  }

  @Test func utf8WorksInAnEnvironmentWithoutALocale() throws {
    let terminal = try start(["LANG": "C"])
    terminal.type("'größe'\r")
    try terminal.wait(for: "\n\"größe\"\n")
  }

  @Test func aNewSizeIsTakenOver() throws {
    let terminal = try start(columns: 100)
    terminal.type("inventory.vpcs['vpc-shop'].enis\r")
    let wide = try terminal.wait(for: "eni-recorder")
    #expect(wide.contains("02:00:0a:14:01:0b"))
    try terminal.wait(for: "moontap> ")
    terminal.resize(rows: 30, columns: 40)
    terminal.type("inventory.vpcs['vpc-shop'].enis\r")
    let narrow = try terminal.wait(for: "eni-recorder")
    #expect(!narrow.contains("02:00:0a:14:01:0b"))
  }

  @Test func tenThousandLinesArePasted() throws {
    let terminal = try start()
    terminal.type("sum = 0\r")
    try terminal.wait(for: "moontap> ")
    var text = ""
    for number in 1...10_000 { text += "sum = sum + \(number)\r" }
    terminal.type(text + "sum, 'pasted'\r")
    try terminal.wait(for: "50005000\n\"pasted\"\n")
  }

  @Test func longAnswersGoThroughThePager() throws {
    let terminal = try start(["PAGER": "sed 's/^/paged: /'"])
    terminal.type("t = {} for i = 1, 40 do t[i] = { x = i, y = {} } end\r")
    terminal.type("t\r")
    try terminal.wait(for: "paged: {")
    try terminal.wait(for: "paged: }")
  }

  @Test func aPagerReadsTheTerminalAndCtrlCIsItsOwn() throws {
    let terminal = try start([
      // Without a trap: a signal that a shell catches just before it reads waits for what is read.
      "PAGER": "cat >/dev/null; echo ready; read key </dev/tty; echo got $key"
    ])
    terminal.type(":help\r")
    try terminal.wait(for: "ready\n")
    terminal.type("next\r")
    try terminal.wait(for: "got next\n")
    try terminal.wait(for: "moontap> ")
    terminal.type(":help\r")
    try terminal.wait(for: "ready\n")
    terminal.type("\u{3}\u{3}")
    try terminal.wait(for: "moontap> ")
    terminal.type("6 * 7\r")
    try terminal.wait(for: "\n42\n")
  }

  @Test func coloursEndBehindThePrompt() throws {
    let terminal = try start(["NO_COLOR": ""])
    terminal.type("6 * 7\r")
    try terminal.waitForBytes("42\u{1b}[0m\r\n\u{1b}[1mmoontap>\u{1b}[0m ")
  }

  // MARK: Piped

  private func pipe(_ text: String, _ more: [String] = []) throws -> Finished {
    try Shell.run(
      Shell.moontap, ["repl", "--inventory", "examples/inventories/campus.json"] + more, input: Data(text.utf8))
  }

  @Test func pipedInputPrintsNoPromptAndStopsAtTheFirstError() throws {
    let good = try pipe("x = 41\nx + 1\n")
    #expect(good.text == "42\n")
    #expect(good.errors == "")
    #expect(good.status == 0)
    let bad = try pipe("1\nerror('no')\n2\n")
    #expect(bad.text == "1\n")
    #expect(bad.errors.hasPrefix("input 2:1: no\n"))
    #expect(bad.status == 2)
    let going = try pipe("1\nerror('no')\n2\n", ["--keep-going"])
    #expect(going.text == "1\n2\n")
    #expect(going.status == 2)
  }

  @Test func aDamagedCaptureIsSaidAndFailsInTheEnd() throws {
    let finished = try pipe("packets:count()\n", ["--read", "Tests/Fixtures/captures/damaged-cut-record.pcap"])
    #expect(finished.text.contains("warning: "))
    #expect(finished.status == 2)
  }

  @Test func whatCannotBeReadIsBadInput() throws {
    #expect(try pipe("1\n", ["--read", "nowhere.pcap"]).status == 3)
    #expect(try pipe("1\n", ["--read", "-"]).status == 64)
  }
}
