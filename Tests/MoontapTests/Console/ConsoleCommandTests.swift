import Foundation
import JSONText
import Testing

struct ConsoleCommandTests {
  // MARK: Ways in

  @Test func receiversComeFromAFileWithLineBreaks() throws {
    let scene = try ConsoleScene()
    let file = try scene.folder.write("10.0.9.10\n\n 10.0.9.11 ,\n", to: "receivers.txt")
    #expect(try scene.create("m", ["--receivers": "@" + file]).status == 0)
    #expect(try scene.definitions()[0]["receivers"] == ["10.0.9.10", "10.0.9.11"])
    let bad = try scene.folder.write("10.0.9.10\n10.0.9.300\n", to: "bad.txt")
    let refused = try scene.create("n", ["--receivers": "@" + bad])
    #expect(refused.status == 3 && refused.errors.contains("(line 2, column 1)"), "\(refused.errors)")
    #expect(try scene.create("n", ["--receivers": "@" + file + "x"]).status == 3)
  }

  @Test func weightsNamesAndTagsOfManyLettersAreKept() throws {
    let scene = try ConsoleScene()
    let name = "流量 👩‍👩‍👧 \"quoted\" 'x' \\ ;--"
    let made = try scene.create(
      name, ["--receivers": "10.0.9.10,10.0.9.11", "--weight": "10.0.9.11=3", "--tag": "ключ=значение = 1"])
    #expect(made.status == 0, "\(made.errors)")
    let definition = try scene.definitions()[0]
    #expect(definition["name"]?.string == name)
    #expect(definition["balance"] == ["weighted": ["10.0.9.10": 1, "10.0.9.11": 3]])
    #expect(definition["tags"] == ["ключ": "значение = 1"])
    #expect(try scene.run("mirror", "show", name).text.contains(name))
  }

  @Test func descriptionsDoNotSteerTheTerminal() throws {
    let scene = try ConsoleScene()
    #expect(try scene.create("m", ["--description": "a\u{1b}[2Jb\u{202e}c"]).status == 0)
    let shown = try scene.run("mirror", "show", "m").text
    #expect(!shown.contains("\u{1b}") && !shown.contains("\u{202e}") && shown.contains("\\u{1b}[2J"))
  }

  @Test func theWizardAsksTwoStepsAndJudgesEachAnswer() throws {
    let scene = try ConsoleScene()
    #expect(try scene.create("there").status == 0)
    let answers = [
      "1",  // VPC
      "there", "web-to-ids", "",  // name, taken; another; no description
      "2", "subnet-x", "1",  // subnets; an unknown one; the first
      "in",  // direction by word
      "2", "tpc", "tcp", "10.0.0.0/33", "", "10.0.1.0/24", "", "443",  // a condition, twice wrong
      "10.0.9.300", "10.0.9.10, 10.0.9.11", "3",  // receivers, once wrong; balance
    ]
    let finished = try scene.run(
      "mirror", "create", "--interactive", input: answers.joined(separator: "\n") + "\n")
    #expect(finished.status == 0, "\(finished.errors)")
    for code in ["name.duplicate", "range.unknown", "filter.protocol", "filter.cidr", "receivers.syntax"] {
      #expect(finished.errors.contains(code), "\(code)")
    }
    for words in ["Step 1 of 2", "Step 2 of 2", "subnet-tools", "eni-hash"] { #expect(finished.errors.contains(words)) }
    let definition = try #require(try scene.definitions().first { $0["name"] == "web-to-ids" })
    #expect(definition["range"] == ["subnet": ["subnet-web"]] && definition["direction"] == "in")
    #expect(
      definition["filter"] == [
        "quintuple": [["protocol": "tcp", "destination": "10.0.1.0/24", "destinationPort": "443"]]
      ])
    #expect(definition["receivers"] == ["10.0.9.10", "10.0.9.11"] && definition["balance"] == "flow-hash")
  }

  @Test func aWizardWhoseAnswersEndMakesNothing() throws {
    let scene = try ConsoleScene()
    let finished = try scene.run("mirror", "create", "--interactive", input: "1\nm\n")
    #expect(finished.status == 3 && finished.errors.contains("answers.ended"))
    #expect(try scene.definitions().isEmpty)
  }

  // MARK: Deletion asks

  @Test func deletionAsksOnATerminalAndOnlyThere() throws {
    let scene = try ConsoleScene()
    #expect(try scene.create("m").status == 0)
    let piped = try scene.run("mirror", "delete", "m", input: "y\n")
    #expect(piped.status == 64 && piped.errors.contains("--yes"), "\(piped.errors)")
    #expect(try scene.definitions().count == 1)
    for (answer, status, count) in [("n", Int32(1), 1), ("y", 0, 0)] {
      let command = "echo \(answer) | script -qec '\(Shell.moontap) mirror delete m --store \(scene.store)' /dev/null"
      let finished = try Shell.run("bash", ["-c", "set -o pipefail; " + command])
      #expect(finished.status == status, "\(finished.text)")
      #expect(finished.text.contains("Delete m in vpc-a"))
      #expect(try scene.definitions().count == count)
    }
  }

  // MARK: Lua filters

  @Test func aLuaFilterIsLoadedBeforeItIsKept() throws {
    let scene = try ConsoleScene()
    let text =
      "-- only what is no handshake\nreturn filter.quintuple { protocol = \"tcp\" } & function(packet)\n  return not packet.tcp.syn\nend\n"
    let file = try scene.folder.write(text, to: "filter.lua")
    let made = try scene.create("m", ["--lua": file])
    #expect(made.status == 0, "\(made.errors)")
    let lua = try #require(try scene.definitions()[0]["filter"]?["lua"])
    #expect(lua["text"]?.string == text)
    let digest = try Shell.lines("sha256sum", [file])[0].prefix(64)
    #expect(lua["sha256"]?.string == String(digest))
    for (wrong, words) in [
      ("\nreturn filter.quintple {}", "line 2"), ("return nil", "no filter"), ("return (", "line"),
      ("while true do end", "line 1"), ("mirror { name = 'x' }", "mirror"),
      ("return filter.quintuple { protocol = 'tpc' }", "filter.protocol"),
    ] {
      let bad = try scene.folder.write(wrong, to: "bad.lua")
      let refused = try scene.create("n", ["--lua": bad])
      #expect(refused.status == 3 && refused.errors.contains("filter.lua"), "\(wrong): \(refused.errors)")
      #expect(refused.errors.contains(words), "\(wrong): \(refused.errors)")
    }
  }

  // MARK: Files of mirrors

  @Test func whatIsExportedComesBackTheSame() throws {
    let (scene, other) = (try ConsoleScene(), try ConsoleScene())
    let lua = try scene.folder.write("return filter.bpf 'icmp'", to: "f.lua")
    #expect(try scene.create("a", ["--nat": "nat-a", "--tag": "k=v"]).status == 0)
    #expect(try scene.create("b", ["--lua": lua, "--balance": "round-robin"]).status == 0)
    #expect(
      try scene.create("c", ["--encapsulation": "erspan2", "--vni": "7"], flags: ["--whole-vpc", "--disabled"]).status
        == 0)
    let burden = try scene.folder.write(
      #"{"format": "moontap.mirrors/1", "mirrors": [{"budget": {"bits": 1000000, "cpu": 15}}]}"#, to: "burden.json")
    #expect(try scene.run("mirror", "modify", "c", "--from", burden).status == 0)
    let exported = try scene.run("mirror", "export")
    let file = try scene.folder.write(exported.text, to: "mirrors.json")
    #expect(try other.run("mirror", "import", file).status == 0)
    #expect(try other.definitions() == scene.definitions())
    let shown = try other.run("mirror", "show", "c").text
    #expect(shown.contains("budget            1,000,000 bit/s, 15 % of a processor\n"), "\(shown)")
    let refused = try other.run("mirror", "import", file)
    #expect(refused.status == 3)
    #expect(refused.errors.contains("name.duplicate") && !refused.errors.contains("range.overlap"), "\(refused.errors)")
    let again = try other.run("mirror", "import", file, "--replace")
    #expect(
      again.status == 0 && again.text.split(separator: "\n").allSatisfy { $0.hasPrefix("unchanged ") }, "\(again.text)")
    let one = try scene.run("mirror", "export", "b").json()
    #expect(one["mirrors"]?.array?.count == 1)
  }

  @Test func modifyingFromAFileReplacesWhatItNames() throws {
    let scene = try ConsoleScene()
    #expect(try scene.create("m", ["--nat": "nat-a"]).status == 0)
    let file = try scene.folder.write(
      #"{"format": "moontap.mirrors/1", "mirrors": [{"filter": null, "direction": "in", "encapsulation": {"port": 5000}}]}"#,
      to: "m.json")
    let before = try scene.definitions()[0]
    let finished = try scene.run("mirror", "modify", "m", "--from", file)
    #expect(finished.status == 0, "\(finished.errors)")
    let after = try scene.definitions()[0]
    #expect(after["filter"] == .null && after["direction"] == "in" && after["name"] == "m")
    #expect(after["encapsulation"]?["vni"] == before["encapsulation"]?["vni"])
    #expect(after["encapsulation"]?["port"] == 5000)
    #expect(try scene.run("mirror", "modify", "m", "--nat", "nat-a", "--no-filter").status == 64)
    #expect(try scene.run("mirror", "modify", "m").status == 64)
  }

  @Test func whatAMirrorMaySendIsSetLimitByLimit() throws {
    let scene = try ConsoleScene()
    let made = try scene.create(
      "m", ["--oversize": "truncate", "--budget-bits": "100000000", "--priority": "20"])
    #expect(made.status == 0, "\(made.errors)")
    let shown = try scene.run("mirror", "show", "m").text
    for line in ["oversize          truncate", "budget            100,000,000 bit/s", "priority          20"] {
      #expect(shown.contains(line + "\n"), "\(shown)")
    }
    #expect(try scene.run("mirror", "modify", "m", "--budget-packets", "5000", "--priority", "50").status == 0)
    var definition = try scene.definitions()[0]
    #expect(definition["budget"] == ["bits": 100_000_000, "packets": 5000])
    #expect(definition["oversize"] == "truncate" && definition["priority"]?.integer ?? 50 == 50)
    #expect(try scene.run("mirror", "modify", "m", "--budget-bits", "20").status == 0)
    #expect(try scene.definitions()[0]["budget"] == ["bits": 20, "packets": 5000])
    // A file says all of it.
    let file = try scene.folder.write(
      #"{"format": "moontap.mirrors/1", "mirrors": [{"budget": {"packets": 70}}]}"#, to: "m.json")
    #expect(try scene.run("mirror", "modify", "m", "--from", file).status == 0)
    #expect(try scene.definitions()[0]["budget"] == ["packets": 70])
    #expect(try scene.run("mirror", "modify", "m", "--no-budget").status == 0)
    definition = try scene.definitions()[0]
    #expect(definition["budget"]?.isNull ?? true)
    #expect(try !scene.run("mirror", "show", "m").text.contains("budget"))
    let both = try scene.run("mirror", "modify", "m", "--no-budget", "--budget-bits", "20")
    #expect(both.status == 64 && both.errors.contains("--no-budget excludes"))
  }

  // MARK: Inventory

  @Test func anImportSaysWhatChangesAndWhichMirrorsBreak() throws {
    let scene = try ConsoleScene()
    #expect(try scene.create("m", ["--eni": "eni-web2"], flags: []).status == 0)
    let next = ConsoleScene.inventory.replacingOccurrences(of: "eni-web2", with: "eni-web3")
    let file = try scene.folder.write(next, to: "next.json")
    let said = try scene.run("inventory", "import", file, "--dry-run")
    #expect(said.status == 1 && said.text.contains("- ENI eni-web2 (vpc-a)\n"), "\(said.text)")
    #expect(try scene.run("mirror", "list").status == 0)
    let done = try scene.run("inventory", "import", file)
    #expect(done.status == 1 && done.text.contains("+ ENI eni-web3 (vpc-a)\n"))
    #expect(done.errors.contains("range.unknown") && done.errors.contains("stays as it is"), "\(done.errors)")
    #expect(try scene.run("mirror", "list").text.contains("on (invalid)"))
    #expect(try scene.run("store", "check").status == 1)
    let mended = try scene.run("mirror", "modify", "m", "--eni", "eni-web3")
    #expect(mended.status == 0)
    #expect(try !scene.run("mirror", "list").text.contains("invalid"))
  }

  @Test func aUsedGatewayDoesNotVanishSilently() throws {
    let scene = try ConsoleScene()
    #expect(try scene.create("m", ["--nat": "nat-a"]).status == 0)
    let file = try scene.folder.write(
      ConsoleScene.inventory.replacingOccurrences(of: "nat-a", with: "nat-c"), to: "n.json")
    let refused = try scene.run("inventory", "import", file)
    #expect(refused.status == 3 && refused.errors.contains("inventory.nat-in-use"), "\(refused.errors)")
    #expect(try scene.run("inventory", "import", file, "--force").status == 1)
    #expect(try scene.run("mirror", "disable", "m").status == 0)
  }

  // MARK: Failures

  @Test(arguments: [
    ("mirror list", Int32(3), "store.missing"), ("mirror show m", 3, "store.missing"),
    ("mirror delete m --yes", 3, "store.missing"), ("store check", 3, "store.missing"),
    ("mirror create --name m", 3, "inventory.none"), ("mirror create --interactive", 3, "inventory.none"),
    ("mirror create --interactive --name m", 64, "exclude"), ("mirror frobnicate", 64, "Error"),
    ("mirror tag m novalue", 64, "KEY=VALUE"), ("inventory import missing.json", 3, "missing.json"),
  ])
  func endingsSayWhatHappened(command: String, status: Int32, words: String) throws {
    let scene = try ConsoleScene(inventory: nil)
    let finished = try scene.run(command.split(separator: " ").map(String.init))
    #expect(finished.status == status, "\(finished.errors)")
    #expect(finished.errors.contains(words), "\(finished.errors)")
  }

  @Test func anUnknownNameIsNotGuessedButSuggested() throws {
    let scene = try ConsoleScene()
    #expect(try scene.create("web-to-ids").status == 0)
    let finished = try scene.run("mirror", "disable", "web-to-idz")
    #expect(finished.status == 3 && finished.errors.contains(#"did you mean "web-to-ids"?"#))
  }

  @Test func aFullDiskIsSaidAndNothingIsLost() throws {
    let scene = try ConsoleScene(inventory: nil)
    let mount = scene.folder.path("small")
    try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: false)
    guard try Shell.run("mount", ["-t", "tmpfs", "-o", "size=512k", "tmpfs", mount]).status == 0 else {
      print("skipped: aFullDiskIsSaidAndNothingIsLost needs root to mount a small tmpfs")
      return
    }
    defer { _ = try? Shell.run("umount", [mount]) }
    let file = try scene.folder.write(ConsoleScene.inventory, to: "inventory.json")
    func moontap(_ arguments: String...) throws -> Finished {
      try Shell.run(Shell.moontap, arguments + ["--store", mount + "/moontap.db"])
    }
    #expect(try moontap("inventory", "import", file).status == 0)
    _ = try Shell.run("bash", ["-c", "cat /dev/zero > \(mount)/filler 2>/dev/null"])
    let full = try moontap(
      "mirror", "create", "--name", "m", "--vpc", "vpc-a", "--whole-vpc", "--receivers", "10.0.9.10")
    #expect(full.status == 2, "\(full.status) \(full.errors)")
    #expect(full.errors.contains("store.full"), "\(full.errors)")
    try FileManager.default.removeItem(atPath: mount + "/filler")
    #expect(try moontap("store", "check").status == 0)
    #expect(try moontap("mirror", "list").text == "no mirror\n")
    _ = try Shell.run("mount", ["-o", "remount,ro", mount])
    let readOnly = try moontap(
      "mirror", "create", "--name", "m", "--vpc", "vpc-a", "--whole-vpc", "--receivers", "10.0.9.10")
    #expect(readOnly.status == 2 && readOnly.errors.contains("store.read-only"), "\(readOnly.errors)")
    #expect(try moontap("mirror", "list").text == "no mirror\n")
  }
}
