import Foundation
import JSONText
import Testing

@testable import moontap

/// The command line against files that mean it no good.
@Suite struct AttackTests {
  private static let inventory = Shell.root.path + "/examples/inventories/campus.json"
  private static let campus = Shell.root.path + "/examples/captures/campus.pcap"

  /// A policy of `campus` with one more line in its mirror.
  private func policy(_ more: String, in folder: TemporaryFolder) throws -> String {
    try folder.write(
      """
      mirror { name = "m", vpc = "vpc-campus", source = source.vpc(), target = target.receivers "10.50.104.9",
        \(more) }
      """, to: "policy.lua")
  }

  // MARK: Signals

  /// `--read -` of a pipe that stays silent, an inventory that never comes: both end at once, with 128 and the signal.
  @Test(arguments: [("TERM", 143), ("INT", 130)])
  func signalsEndEveryWait(_ signal: String, _ status: Int32) throws {
    let folder = try TemporaryFolder()
    let policy = try policy("", in: folder)
    let waits = [
      "run \(policy) --inventory \(Self.inventory) --read - < silent", "run \(policy) --inventory never --read x",
      "check \(policy) --inventory never", "test some_test.lua --inventory never",
    ]
    try folder.write("test('t', function() end)", to: "some_test.lua")
    for wait in waits {
      let command = """
        rm -f silent never; mkfifo silent never; exec 9<>silent
        \(Shell.moontap) \(wait) & pid=$!
        sleep 0.5; kill -\(signal) $pid; wait $pid
        """
      let finished = try Shell.run("bash", ["-c", command], folder: folder.url)
      #expect(finished.status == status, "\(wait): \(finished.errors)")
    }
  }

  // MARK: Output

  /// Whatever of the three standard streams the parent closed: no message is written into a capture.
  @Test(arguments: ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "<&- 2>&-"])
  func closedStreamsAreNobodyElsesFiles(_ closed: String) throws {
    let folder = try TemporaryFolder()
    let policy = try policy("", in: folder)
    let command = "\(Shell.moontap) run \(policy) --inventory \(Self.inventory) --write out --read"
    let finished = try Shell.run("bash", ["-c", "\(command) \(Self.campus) \(closed)"], folder: folder.url)
    #expect(finished.status == (closed.contains(" >&-") || closed.hasPrefix(">") ? 2 : 0))
    let whole = try Shell.run(
      "bash", ["-c", "\(command.replacing("out", with: "whole")) \(Self.campus)"], folder: folder.url)
    #expect(whole.status == 0)
    #expect(try Shell.run("diff", ["-r", folder.path("out"), folder.path("whole")]).status == 0)
    if closed.hasPrefix("<") {
      let silent = try Shell.run("bash", ["-c", "\(command) - <&-"], folder: folder.url)
      #expect(silent.status == 3 && silent.errors.contains("Bad file descriptor"), "\(silent.errors)")
    }
  }

  @Test func aRunOutlivesItsMessagesAndLimitsOfFilesAreErrors() throws {
    let folder = try TemporaryFolder()
    let policy = try policy("filter = function(p) log.info('seen') return true end", in: folder)
    let command = "\(Shell.moontap) run \(policy) --inventory \(Self.inventory) --read \(Self.campus) --write out"
    let unread = try Shell.run(
      "bash", ["-c", "set -o pipefail; \(command) 2> >(exec 0<&-; sleep 0) > summary"], folder: folder.url)
    #expect(unread.status == 0)
    _ = try self.policy("", in: folder)
    let limited = try Shell.run("bash", ["-c", "ulimit -f 8; \(command)2"], folder: folder.url)
    #expect(limited.status == 2 && limited.errors.contains("File too large"), "\(limited.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder.path("out2")))
  }

  @Test(arguments: ["direct", "link", "standard input", "partial"])
  func aCaptureThatIsReadIsNeverReplaced(_ way: String) throws {
    let folder = try TemporaryFolder()
    let policy = try policy("", in: folder)
    let input = folder.path("10.50.104.9.pcapng" + (way == "partial" ? ".partial" : ""))
    try FileManager.default.copyItem(atPath: Self.campus, toPath: input)
    try FileManager.default.createSymbolicLink(atPath: folder.path("link.pcap"), withDestinationPath: input)
    let arguments = ["run", policy, "--inventory", Self.inventory, "--write", folder.url.path, "--read"]
    let finished =
      switch way {
      case "link": try Shell.moontap(arguments + [folder.path("link.pcap")])
      case "standard input":
        try Shell.run(
          "bash", ["-c", ([Shell.moontap] + arguments).joined(separator: " ") + " - < \(input)"], folder: folder.url)
      default: try Shell.moontap(arguments + [input])
      }
    #expect(finished.status == 3, "\(finished.errors)")
    #expect(finished.errors.contains("would be replaced while it is read"), "\(finished.errors)")
    #expect(try Data(contentsOf: URL(filePath: input)) == Data(contentsOf: URL(filePath: Self.campus)))
  }

  @Test func theFilesOfARunAreNamedAndThoseOfOthersToo() throws {
    let folder = try TemporaryFolder()
    let policy = try policy("", in: folder)
    try folder.write("", to: "old.pcapng")
    let arguments = ["run", policy, "--inventory", Self.inventory, "--write", folder.url.path, "--read", Self.campus]
    let finished = try Shell.moontap(arguments + ["--json"])
    #expect(finished.status == 0)
    #expect(try finished.json()["files"]?.array?.compactMap(\.string) == [folder.path("10.50.104.9.pcapng")])
    #expect(finished.errors.contains("warning: capture.leftover: old.pcapng is not of this run"))
    #expect(try Shell.moontap(arguments).text.contains("wrote \(folder.path("10.50.104.9.pcapng"))\n"))
  }

  // MARK: Messages

  @Test func aHundredErrorsAreShownAndTheRestCounted() throws {
    let folder = try TemporaryFolder()
    let enis = (0..<5000).map { #"{"id": "e\#($0)", "subnet": "none\#($0)", "addresses": ["10.0.0.1"]}"# }
    let file = try folder.write(
      """
      {"format": "moontap.inventory/1", "regions": [{"id": "r", "vpcs": [{"id": "v", "cidrs": ["10.0.0.0/8"],
       "enis": [\(enis.joined(separator: ",\n"))]}]}]}
      """, to: "bad.json")
    let finished = try Shell.moontap("inventory", "check", file, "--json")
    #expect(finished.status == 3)
    #expect(finished.errors.split(separator: "\n").count < 300)
    #expect(finished.errors.hasSuffix("and 9,899 more errors\n"), "\(finished.errors.suffix(80))")
    let result = try finished.json()["inventories"]?.array?.first
    #expect(result?["problems"]?.array?.count == 100)
    #expect(result?["problemsLeftOut"]?.integer == 9899)
  }

  @Test func namesSteerNoTerminal() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(
      """
      {"format": "moontap.inventory/1", "regions": [{"id": "r", "vpcs": [{"id": "v", "name": "a\\u202eb\\nforged: line",
       "cidrs": ["10.0.0.0/8"], "tags": {"k\\u001b[2J": "\\u009b2J\\u2028"}, "routeTables": [{"id": "t", "routes": [
       {"destination": "0.0.0.0/0", "nextHop": {"type": "other", "id": "x\\u0085\\u200ey"}}]}]}]}]}
      """, to: "odd.json")
    let shown = try Shell.moontap("inventory", "show", file)
    #expect(shown.status == 0)
    #expect(shown.text.contains("a\\u{202e}b\\nforged: line"))
    #expect(Self.isPlain(shown.text), "\(shown.text)")
    let refused = try Shell.moontap("inventory", "show", file, "--vpc", "n\u{202e}\u{85}o")
    #expect(refused.status == 3 && Self.isPlain(refused.errors))
    let misused = try Shell.moontap("explain", "p.lua", "--inventory", file, "--packet", "n\u{202e}\u{1b}[2Jo")
    #expect(misused.status == 64 && Self.isPlain(misused.errors) && misused.errors.contains("\\u{202e}\\x1b[2Jo"))
  }

  private static func isPlain(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { !$0.isSteering || $0 == "\n" }
  }

  @Test func onlyLineEndsTabsAndOurMarksPassTheLastGate() {
    func passed(_ text: String) -> String { String(decoding: Terminal.clean(text), as: UTF8.self) }
    #expect(passed("a\tb\nc é 日本") == "a\tb\nc é 日本")
    #expect(passed("\u{1b}[2J\u{9b}\u{202e}\r") == "\\x1b[2J\\u{9b}\\u{202e}\\r")
  }

  @Test func unknownCommandsAreMetByTheNearOne() throws {
    for (words, expected) in [
      (["chek"], "did you mean 'check'?"), (["inventory", "shwo"], "did you mean 'show'?"),
      (["xyz"], "one of run, check"),
    ] {
      let finished = try Shell.moontap(words)
      #expect(finished.status == 64)
      #expect(finished.errors.contains(expected), "\(finished.errors)")
    }
    #expect(try Shell.moontap("mirror", "lst").errors.contains("See 'moontap mirror --help'"))
    #expect(Moontap.unknownCommand(["run", "chek"]) == nil)
    #expect(Moontap.unknownCommand(["--help"]) == nil && Moontap.unknownCommand(["help", "run"]) == nil)
  }

  /// Whatever else is missing because of it.
  @Test func unknownOptionsAreMetByTheNearOne() throws {
    for (words, sentence, command) in [
      (["run", "p.lua", "--wrokers", "2"], "there is no option '--wrokers': did you mean '--workers'?", "run"),
      (["mirror", "list", "--jsn=1"], "there is no option '--jsn': did you mean '--json'?", "mirror list"),
      (["run", "--read", "a.pcap", "--xyzzyx"], "there is no option '--xyzzyx'", "run"),
    ] {
      let finished = try Shell.moontap(words)
      #expect(finished.status == 64)
      #expect(finished.errors == "Error: \(sentence)\nSee 'moontap \(command) --help' for more information.\n")
    }
    let known = try Shell.moontap("run", "p.lua", "--read", "a.pcap")
    #expect(known.status == 64 && known.errors.contains("No inventory"))
    #expect(Moontap.unknownOption(["audit", "a.lua", "--report", "x", "--", "--what"]) == nil)
  }

  /// Help is printed 80 columns wide: what is longer is broken, and cannot be pasted.
  @Test func examplesOfTheHelpFitIntoALine() throws {
    var commands = [try #require(try Shell.moontap("--experimental-dump-help").json()["command"])]
    var examples = 0
    while let command = commands.popLast() {
      commands += command["subcommands"]?.array ?? []
      let lines = (command["discussion"]?.string ?? "").split(separator: "\n")
      for line in lines where line.hasPrefix("  ") && !line.contains(" · ") {
        #expect(line.count < 80)
        examples += 1
      }
    }
    #expect(examples > 50)
  }

  // MARK: Scripts

  @Test func aFaultedMirrorIsNamedWithItsFirstFailureAndAHint() throws {
    let folder = try TemporaryFolder()
    let policy = try policy("filter = function(packet) return packet.tcp.syn end", in: folder)
    let finished = try Shell.moontap(
      "run", policy, "--inventory", Self.inventory, "--read", Self.campus, "--json")
    #expect(finished.status == 2)
    let mirror = try finished.json().mirror("m")
    #expect(mirror?["state"]?.string == "faulted")
    #expect(mirror?["fault"]?["first"]?.string == "policy.lua:2: attempt to index a nil value (field 'tcp')")
    #expect(mirror?["fault"]?["hint"]?.string?.contains("packet.tcp and packet.tcp.syn") == true)
    #expect(finished.errors.contains("mirror m is faulted"))
    for arguments in [
      ["run", policy, "--inventory", Self.inventory, "--read", Self.campus],
      ["explain", policy, "--inventory", Self.inventory, "--read", Self.campus, "--frame", "871"],
    ] {
      let text = try Shell.moontap(arguments).text
      #expect(text.contains("  faulted    its scripts failed too often"), "\(text)")
      #expect(text.contains("policy.lua:2: attempt to index a nil value (field 'tcp')\n"))
    }
  }

  @Test func aPolicyThatTheInstalledLuaMayMiscompileIsWarnedOf() throws {
    let folder = try TemporaryFolder()
    let constants = (1...300).map { "\($0).5" }.joined(separator: ", ")
    let risky = try policy("filter = function(p) local t = {\(constants)} return p.length & 1 == #t end", in: folder)
    let warned = try Shell.moontap("check", risky, "--inventory", Self.inventory)
    #expect(warned.status == 0, "\(warned.errors)")
    let isFaulty = try luaIsFaulty()
    #expect(warned.errors.contains("policy.lua:2: warning: lua.constants: Lua 5.4.4") == isFaulty)
    let harmless = try policy(
      "filter = function(p) local t = {\(constants)} local function f(a) return a & 1 end return f(#t) == 1 end",
      in: folder)
    #expect(try !Shell.moontap("check", harmless, "--inventory", Self.inventory).errors.contains("lua.constants"))
  }

  private func luaIsFaulty() throws -> Bool {
    let release = try Shell.run("lua5.4", ["-v"]).text
    return release.contains("5.4.4")
  }

  @Test func manyConversationsWithStateFaultNothing() throws {
    let folder = try TemporaryFolder()
    let policy = try policy(
      "filter = function(packet) local s = packet.flow.state s.n = (s.n or 0) + 1 s.a, s.b = 1, 2 return true end",
      in: folder)
    let capture = folder.path("many.pcap")
    try Self.conversations(40_000).write(to: URL(filePath: capture))
    let finished = try Shell.moontap("run", policy, "--inventory", Self.inventory, "--read", capture, "--json")
    #expect(finished.status == 0, "\(finished.errors)")
    #expect(try finished.json().mirror("m")?["collected"]?.packets == 40_000)
    let forgotten = try finished.json()["policies"]?.array?.first?["flowStatesForgotten"]?.integer
    #expect(forgotten == 24_576)
    #expect(finished.errors.contains("flow.state of 24576 conversations forgotten for room"))
  }

  /// UDP datagrams on raw IP, each of a conversation of its own.
  private static func conversations(_ count: Int) -> Data {
    var data = Data([0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0])
    for number in 0..<count {
      data += [0, 0, 0, 0, 0, 0, 0, 0, 28, 0, 0, 0, 28, 0, 0, 0]
      data += [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 50, 104, 77, 192, 0, UInt8(number >> 14), 2]
      data += [UInt8(number >> 8 & 0x3f) + 64, UInt8(number & 0xff), 0, 53, 0, 8, 0, 0]
    }
    return data
  }
}
