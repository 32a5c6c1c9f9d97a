import Foundation
import JSONText
import Testing

/// `mirrors` of a session and of policies, with a store.
struct LuaStoreTests {
  private static func typed(_ scene: ConsoleScene, _ text: String, keepsGoing: Bool = false) throws -> Finished {
    try scene.run(["repl"] + (keepsGoing ? ["--keep-going"] : []), input: text)
  }

  private static func actions(_ scene: ConsoleScene) throws -> [String] {
    let history = try scene.run("mirror", "history", "--json").json()
    return history["entries"]?.array?.compactMap { $0["action"]?.string }.filter { $0 != "import-inventory" } ?? []
  }

  // MARK: The prompt

  @Test func whatIsTypedIsInTheStoreAndInItsHistory() throws {
    let scene = try ConsoleScene()
    let finished = try Self.typed(
      scene,
      """
      m = mirrors.create { name = "web", vpc = "vpc-a", source = source.vpc(), target = target.receivers "10.0.9.10" }
      m:tag { team = "sec", ticket = "1" }
      m:untag "ticket"
      m:modify { name = "tls", filter = filter.quintuple { protocol = "tcp", source_port = "1-9" }, direction = "out" }
      m:disable()
      gone = mirrors.create { name = "gone", vpc = "vpc-b", source = source.vpc(), enabled = false }
      gone:delete()
      print(m.name, m.state, m.tags.team, gone.state, #mirrors, #m:history())
      """)
    #expect(finished.status == 0, "\(finished.errors)")
    #expect(finished.text.hasSuffix("tls\tdisabled\tsec\tdeleted\t1\t5\n"), "\(finished.text)")
    let mirror = try #require(try scene.definitions().first)
    #expect(mirror["name"]?.string == "tls" && mirror["enabled"]?.bool == false)
    #expect(mirror["filter"] == ["quintuple": [["protocol": "tcp", "sourcePort": "1-9"]]])
    #expect(
      try Self.actions(scene)
        == ["create", "tag", "untag", "modify", "disable", "create", "delete"])
    let history = try scene.run("mirror", "history", "tls").text
    #expect(history.contains(" by moontap repl  disable  tls in vpc-a"), "\(history)")
    #expect(try scene.run("store", "check").status == 0)
  }

  @Test func whatCommandsChangeIsSeenAtTheNextLine() throws {
    let scene = try ConsoleScene()
    #expect(try scene.create("web").status == 0)
    let home = try PromptWithStore(scene)
    try home.type("mirrors.web.state, #mirrors", "\"enabled\"\n1")
    #expect(try scene.run("mirror", "disable", "web").status == 0)
    #expect(try scene.create("more").status == 0)
    try home.type("mirrors.web.state, #mirrors", "\"disabled\"\n2")
    try home.type("own = mirrors.more", "")
    #expect(try scene.run("mirror", "modify", "more", "--name", "other").status == 0)
    try home.type("own.name, mirrors.more", "\"other\"\nnil")
    #expect(try scene.run("mirror", "delete", "other", "--yes").status == 0)
    try home.type("own.state", "\"deleted\"")
    try home.end()
  }

  @Test func onlyWhatIsTypedChangesTheStore() throws {
    let scene = try ConsoleScene()
    #expect(try scene.create("web").status == 0)
    // A name like an input's must not help.
    for name in ["hostile.lua", "input 1", "input 2.lua"] {
      let file = try scene.folder.write(
        "function later() mirrors.web:disable() end\nprint(pcall(later), pcall(mirrors.create, { name = 'x' }))",
        to: name)
      let finished = try Self.typed(scene, ":load \(file)\nprint(pcall(later))\nlater()\n", keepsGoing: true)
      #expect(
        finished.errors.contains("the store is changed by what is typed, not by files that are loaded"),
        "\(name): \(finished.text)\(finished.errors)")
    }
    #expect(try Self.actions(scene) == ["create"])
  }

  @Test func changesOfTheStoreAreNoPartOfASavedPolicy() throws {
    let scene = try ConsoleScene()
    let saved = scene.folder.path("hunt.lua")
    let finished = try Self.typed(
      scene,
      """
      mirror { name = "own", vpc = "vpc-a", source = source.vpc(), target = target.receivers "10.0.9.10" }
      mirrors.create { name = "web", vpc = "vpc-b", source = source.vpc(), enabled = false }
      mirrors.web:tag { a = "1" }
      mirrors:save_policy("\(saved)")
      """)
    #expect(finished.status == 0, "\(finished.errors)")
    let text = try String(contentsOfFile: saved, encoding: .utf8)
    #expect(text.contains("own") && !text.contains("web"), "\(text)")
  }

  @Test func withoutTheOptionThereIsNoStore() throws {
    let scene = try ConsoleScene()
    #expect(try scene.create("web").status == 0)
    let finished = try Shell.run(
      Shell.moontap, ["repl", "--inventory", scene.folder.path("inventory.json"), "--keep-going"],
      input: Data("#mirrors\nmirrors.create { name = 'x', vpc = 'vpc-a', source = source.vpc() }\n".utf8),
      environment: ["XDG_STATE_HOME": scene.folder.url.path])
    #expect(finished.status == 2 && finished.text == "0\n", "\(finished.text)")
    #expect(finished.errors.contains("mirrors.create: there is no store here"), "\(finished.errors)")
  }

  @Test func eightThatCreateByLuaAtOnceEndWithFive() throws {
    let scene = try ConsoleScene()
    let processes = try (1...8).map { number in
      let process = Process()
      process.executableURL = URL(filePath: Shell.moontap)
      process.arguments = ["repl", "--store", scene.store]
      let input = try scene.folder.write(
        "mirrors.create { name = 'm\(number)', vpc = 'vpc-a', source = source.vpc(), target = target.receivers '10.0.9.10' }\n",
        to: "in\(number)")
      process.standardInput = try FileHandle(forReadingFrom: URL(filePath: input))
      try scene.folder.write("", to: "err\(number)")
      process.standardError = try FileHandle(forWritingTo: URL(filePath: scene.folder.path("err\(number)")))
      process.standardOutput = FileHandle.nullDevice
      try process.run()
      return process
    }
    for process in processes { process.waitUntilExit() }
    #expect(processes.filter { $0.terminationStatus == 0 }.count == 5)
    for (number, process) in zip(1..., processes) where process.terminationStatus != 0 {
      let errors = try String(contentsOfFile: scene.folder.path("err\(number)"), encoding: .utf8)
      #expect(process.terminationStatus == 2 && errors.contains("vpc.mirror-limit"), "\(errors)")
    }
    #expect(try scene.definitions().count == 5)
    #expect(try scene.run("store", "check").status == 0)
  }

  @Test func aMirrorOfTheStoreIsTriedLikeAnOwnOne() throws {
    let file = Shell.root.appending(path: "examples/inventories/campus.json")
    let scene = try ConsoleScene(inventory: String(contentsOf: file, encoding: .utf8))
    #expect(try scene.run("mirror", "import", "examples/mirrors/campus.json").status == 0)
    let run = try scene.run("run", "--read", "examples/captures/campus.pcap", "--json").json()
    let collected = try #require(run.mirror("tls-to-ids")?["collected"]?.packets)
    let finished = try scene.run(
      ["repl", "--read", "examples/captures/campus.pcap"],
      input: """
        m = mirrors["tls-to-ids"]
        print(m:dry_run(packets)[2].packets)
        m:modify { filter = { lua = "return function(p) return p.ttl > 1 end" } }
        print(select(2, pcall(m.dry_run, m, packets)))
        """)
    #expect(finished.text.hasPrefix("\(collected)\n"), "\(finished.text)\(finished.errors)")
    #expect(finished.text.contains("its filter is a text of Lua's"), "\(finished.text)")
  }
}

/// A prompt whose answers are waited for line by line.
private final class PromptWithStore {
  private let terminal: PseudoTerminal

  init(_ scene: ConsoleScene) throws {
    terminal = try PseudoTerminal(
      Shell.moontap, ["repl", "--store", scene.store],
      environment: [
        "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": scene.folder.url.path,
        "TERM": "xterm", "LANG": "C.UTF-8", "NO_COLOR": "1", "PAGER": "",
      ], columns: 100)
    try terminal.wait(for: "moontap> ")
  }

  func type(_ line: String, _ answer: String) throws {
    terminal.type(line + "\r")
    try terminal.wait(for: "\n" + answer)
    try terminal.wait(for: "moontap> ")
  }

  func end() throws {
    terminal.type("\u{4}")
    #expect(try terminal.end() == 0)
  }
}
