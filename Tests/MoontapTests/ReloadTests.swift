import Foundation
import JSONText
import Testing

/// A new configuration while a run goes on, from outside: SIGHUP, `mirrors.reload()`, scripts that change mirrors.
@Suite(.serialized) struct ReloadTests {
  private let folder: TemporaryFolder
  private let capture: Data

  init() throws {
    folder = try TemporaryFolder()
    capture = try Data(contentsOf: Shell.root.appending(path: "examples/captures/campus.pcap"))
    try FileManager.default.copyItem(
      atPath: Shell.root.path + "/examples/inventories/campus.json", toPath: folder.path("inventory.json"))
  }

  private static let tls = """
    mirror { name = "tls", vpc = "vpc-campus", source = source.vpc(), filter = filter.quintuple { protocol = "tcp",
      destination_port = 443, bidirectional = true }, target = target.receivers("10.50.9.10, 10.50.9.11",
      { encapsulation = { type = "erspan2", vni = 9 } }) }

    """

  /// Says "half" when 200 of its packets were seen.
  private static let counting = """
    local seen = counter("seen")
    mirror { name = "all", vpc = "vpc-campus", source = source.vpc(), target = target.receivers "10.50.9.20",
      filter = function(packet)
        seen:add(1)
        if shared:add("seen", 1) == 200 then log.info("half") end
        return true
      end }
    counter("loads"):add(1)

    """

  private var arguments: [String] { [folder.path("p.lua"), "--inventory", folder.path("inventory.json")] }

  /// Runs with a change in the middle of the traffic; `text` is waited for after it.
  private func run(
    _ more: [String] = [], waitingFor text: String = "reload: ", changing change: () throws -> Void
  ) throws -> Finished {
    let run = try RunningMoontap(arguments + more)
    try run.send(capture.prefix(capture.count / 2))
    try run.hear("half")
    try run.forget(text)
    try change()
    run.hangUp()
    try run.hear(text)
    try run.send(capture.suffix(from: capture.count / 2))
    return try run.finish()
  }

  /// The summary of a run without a change.
  private func plain(_ more: [String] = []) throws -> Finished {
    try Shell.run(Shell.moontap, ["run"] + arguments + more + ["--read", "-", "--json"], input: capture)
  }

  // MARK: What goes on

  @Test(arguments: ["inner", "encapsulated"])
  func aReloadInTheMiddleLosesNothing(content: String) throws {
    try folder.write(Self.tls + Self.counting, to: "p.lua")
    let write = ["--as", content, "--write"]
    let before = try plain(write + [folder.path("plain")]).json()
    let finished = try run(write + [folder.path("reloaded")]) {
      // Another order, another line, one more mirror of a receiver that the others have.
      try folder.write(
        "-- edited\n" + Self.counting
          + Self.tls.replacing("\"tls\"", with: "\"new\"").replacing("= 443", with: "= 53") + Self.tls, to: "p.lua")
    }
    #expect(finished.status == 0, "\(finished.errors)")
    let summary = try finished.json()
    #expect(summary["reloads"]?.integer == 1 && summary["records"] == before["records"])
    for name in ["tls", "all"] {
      for key in ["observed", "collected", "reasons", "receivers", "enis", "absent", "state"] {
        #expect(summary.mirror(name)?[key] == before.mirror(name)?[key], "\(name) \(key)")
      }
    }
    let new = try #require(summary.mirror("new"))
    let met = ["observed", "unattributed", "undecodable", "absent"].compactMap { new[$0]?.packets }.reduce(0, +)
    #expect(met == summary["records"]?.packets && new["absent"]?.packets ?? 0 >= 200)
    let counters = summary["policies"]?.array?.first?["counters"]
    #expect(counters?["seen"] == before["policies"]?.array?.first?["counters"]?["seen"])
    #expect(counters?["loads"]?.integer == 2)
    // The new mirror collects nothing (DNS over TCP): the files are those of the run without it.
    #expect(new["collected"]?.packets == 0)
    #expect(try Shell.run("diff", ["-r", folder.path("plain"), folder.path("reloaded")]).status == 0)
  }

  @Test func mirrorsAndReceiversComeAndGo() throws {
    try folder.write(Self.tls + Self.counting, to: "p.lua")
    let whole = try plain().json().mirror("tls")?["collected"]?.packets ?? 0
    let finished = try run(["--write", folder.path("out")]) {
      let fewer = Self.tls.replacing("\"10.50.9.10, 10.50.9.11\"", with: "\"10.50.9.11, 10.50.9.21\"")
      try folder.write(fewer, to: "p.lua")
    }
    #expect(finished.status == 0, "\(finished.errors)")
    let summary = try finished.json()
    #expect(summary.mirror("all")?["state"]?.string == "removed")
    #expect(summary.mirror("all")?["collected"]?.packets ?? 0 >= 200)
    let receivers = summary.mirror("tls")?["receivers"]?.array ?? []
    #expect(receivers.compactMap { $0["address"]?.string } == ["10.50.9.11", "10.50.9.21", "10.50.9.10"])
    #expect(receivers.compactMap(\.packets).reduce(0, +) == whole)
    for receiver in receivers + (summary.mirror("all")?["receivers"]?.array ?? []) {
      let file = folder.path("out/" + (receiver["address"]?.string ?? "") + ".pcapng")
      #expect(try Shell.frames(file, tshark: "frame").count == receiver.packets, "\(file)")
    }
  }

  @Test func anotherInventoryIsAskedAgainWhoIsMeant() throws {
    let staff = """
      mirror { name = "staff", vpc = "vpc-campus", target = target.receivers "10.50.9.11",
        source = source.where(function(eni) return eni.tags.owner == "staff" end) }

      """
    try folder.write(Self.counting + staff, to: "p.lua")
    let before = try plain().json()
    let finished = try run {
      let text = try String(contentsOfFile: folder.path("inventory.json"), encoding: .utf8)
      try folder.write(text.replacing("guest", with: "staff"), to: "inventory.json")
    }
    let summary = try finished.json()
    func enis(_ summary: JSONValue) -> Set<String> {
      let all = summary.mirror("staff")?["enis"]?.array ?? []
      return Set(all.filter { $0["collected"]?.packets ?? 0 > 0 }.compactMap { $0["eni"]?.string })
    }
    #expect(enis(before) == ["eni-laptop", "eni-desk"])
    #expect(enis(summary).isSuperset(of: ["eni-laptop", "eni-desk", "eni-phone"]), "\(finished.errors)")
    #expect(summary.mirror("all")?["collected"] == before.mirror("all")?["collected"])
  }

  @Test func mirrorsFilesAreReadAgain() throws {
    try folder.write(Self.counting, to: "p.lua")
    let text = try String(contentsOf: Shell.root.appending(path: "examples/mirrors/campus.json"), encoding: .utf8)
    let file = try folder.write(text, to: "mirrors.json")
    let finished = try run(["--mirrors", file]) {
      try folder.write(text.replacing("tls-to-ids", with: "renamed"), to: "mirrors.json")
    }
    let mirrors = try #require(finished.json()["mirrors"]?.array)
    #expect(mirrors.map { $0["name"]?.string } == ["renamed", "all", "tls-to-ids"], "\(finished.errors)")
    #expect(mirrors.map { $0["state"]?.string } == ["running", "running", "removed"])
  }

  // MARK: What is refused

  struct Spoiled: CustomTestStringConvertible, Sendable {
    var file: String
    /// A command in the folder that spoils the file.
    var command: String
    var message: String
    var testDescription: String { "\(file): \(command)" }

    static let all = [
      Spoiled(file: "p.lua", command: "echo 'mirror {' > p.lua", message: "policy.syntax"),
      Spoiled(file: "p.lua", command: "echo 'mirror { name = 7 }' > p.lua", message: "value.type"),
      Spoiled(file: "p.lua", command: "echo 'while true do end' > p.lua", message: "policy.cpu"),
      Spoiled(file: "p.lua", command: "echo 'x = {} while true do x[#x + 1] = {} end' > p.lua", message: "policy."),
      Spoiled(
        file: "p.lua", command: "echo 'shared:set(\"seen\", 199) counter(\"seen\"):add(7) error(1)' > p.lua",
        message: "policy.runtime"),
      Spoiled(file: "p.lua", command: "echo 'mirrors.reload()' > p.lua", message: "it would never end"),
      Spoiled(file: "p.lua", command: "rm p.lua && mkfifo p.lua", message: "not a regular file"),
      Spoiled(file: "p.lua", command: "ln -sf /dev/zero p.lua", message: "not a regular file"),
      Spoiled(file: "p.lua", command: "truncate -s 8G p.lua", message: "at most"),
      Spoiled(file: "p.lua", command: "rm p.lua && mkdir p.lua", message: "not a regular file"),
      Spoiled(file: "p.lua", command: "rm p.lua", message: "No such file"),
      Spoiled(file: "p.lua", command: ": > p.lua", message: "mirrors.none"),
      Spoiled(
        file: "inventory.json", command: "rm inventory.json && mkfifo inventory.json", message: "not a regular file"),
      Spoiled(file: "inventory.json", command: "ln -sf /dev/zero inventory.json", message: "not a regular file"),
      Spoiled(file: "inventory.json", command: "truncate -s 8G inventory.json", message: "not an inventory"),
      Spoiled(file: "inventory.json", command: "echo '{' > inventory.json", message: "inventory.json:2"),
      Spoiled(
        file: "inventory.json", command: "sed -i s/vpc-campus/vpc-other/ inventory.json", message: "network.unknown"),
      Spoiled(
        file: "out", command: "mkdir -p out/10.50.9.12.pcapng && sed -i s/10.50.9.20/10.50.9.12/ p.lua",
        message: "is a folder"),
    ]
  }

  @Test(arguments: Spoiled.all)
  func whatIsWrongIsRefusedAndEverythingStays(spoiled: Spoiled) throws {
    try folder.write(Self.tls + Self.counting, to: "p.lua")
    let before = try plain(["--write", folder.path("plain")]).json()
    let finished = try run(["--write", folder.path("out")], waitingFor: "refused") {
      let spoil = try Shell.run("sh", ["-c", spoiled.command], folder: folder.url)
      try #require(spoil.status == 0, "\(spoil.errors)")
    }
    #expect(finished.status == 0 && finished.errors.contains("reload: refused, everything stays as it was"))
    #expect(finished.errors.contains(spoiled.message), "\(finished.errors)")
    let members = { (summary: JSONValue) in
      JSONValue.object(summary.members!.filter { !["seconds", "files"].contains($0.name) })
    }
    #expect(try members(finished.json()) == members(before))
    try? FileManager.default.removeItem(atPath: folder.path("out/10.50.9.12.pcapng"))
    #expect(try Shell.run("diff", ["-r", folder.path("plain"), folder.path("out")]).status == 0)
  }

  // MARK: Storms

  @Test func aStormOfSignalsIsWeatheredInConstantMemory() throws {
    try folder.write(Self.tls + Self.counting, to: "p.lua")
    let before = try plain(["--write", folder.path("plain")]).json()
    let run = try RunningMoontap(arguments + ["--write", folder.path("out")])
    let half = capture.count / 2
    try run.send(capture.prefix(half))
    try run.hear("half")
    // Each in force before the next: the traffic goes on between them, a few bytes at a time.
    try run.forget("reload: ")
    var sizes: [Int] = []
    for turn in 0..<60 {
      for _ in 0..<17 { run.hangUp() }
      try run.hear("reload: ")
      try run.send(capture[(half + turn * 1000)..<(half + (turn + 1) * 1000)])
      sizes.append(try run.residentSize)
    }
    try run.send(capture.suffix(from: half + 60 * 1000))
    let finished = try run.finish()
    let summary = try finished.json()
    #expect(finished.status == 0 && summary["reloads"]?.integer ?? 0 >= 20, "\(summary["reloads"]!)")
    #expect(summary.mirror("all")?["collected"] == before.mirror("all")?["collected"])
    #expect(summary.mirror("tls")?["receivers"] == before.mirror("tls")?["receivers"])
    #expect(try Shell.run("diff", ["-r", folder.path("plain"), folder.path("out")]).status == 0)
    #expect(sizes.last! < sizes[10] + 8 << 10, "kilobytes: \(sizes)")
  }

  @Test func aSignalBeforeTheFirstPacketCounts() throws {
    try folder.write(Self.counting + "log.info('loaded')", to: "p.lua")
    let run = try RunningMoontap(arguments)
    try run.send(capture.prefix(24))
    try run.hear("loaded")
    try run.forget("reload: ")
    run.hangUp()
    try run.hear("reload: ")
    try run.send(capture.suffix(from: 24))
    let summary = try run.finish().json()
    #expect(summary["reloads"]?.integer == 1)
    #expect(summary["policies"]?.array?.first?["counters"]?["loads"]?.integer == 2)
  }

  // MARK: Scripts

  @Test func aTimerEnablesAMirrorWhenACounterIsHigh() throws {
    try folder.write(
      Self.counting + Self.tls
        + """
        mirrors.tls:disable()
        every(1, function()
          if seen:value() > 100 and not mirrors.tls.enabled then mirrors.tls:enable() end
        end)
        """.replacing("seen:value()", with: "seen.value"), to: "p.lua")
    let first = try plain()
    let summary = try first.json()
    #expect(first.status == 0 && first.errors.contains("info: mirror \"tls\" enabled"), "\(first.errors)")
    let tls = try #require(summary.mirror("tls"))
    #expect(tls["state"]?.string == "running" && tls["absent"]?.packets ?? 0 > 100)
    #expect(tls["collected"]?.packets ?? 0 > 0)
    #expect(summary.mirror("all")?["absent"]?.packets == 0)
    #expect(try plain().json().mirror("tls") == tls, "the same traffic, the same answer")
  }

  @Test func aStormOfChangesIsWeathered() throws {
    try folder.write(
      Self.counting + Self.tls
        + """
        every(0.001, function()
          if mirrors.tls.enabled then mirrors.tls:disable() else mirrors.tls:enable() end
          mirrors.all:modify { name = "all" .. math.random(1, 1000), tags = { turn = tostring(math.random(1, 1000)) } }
        end)
        """.replacing("mirrors.all", with: "mirrors[1]"), to: "p.lua")
    let finished = try plain(["--write", folder.path("out")])
    #expect(finished.status == 0, "\(finished.errors)")
    let mirrors = try #require(finished.json()["mirrors"]?.array)
    #expect(mirrors.count == 2 && mirrors.contains { $0["name"]?.string?.hasPrefix("all") == true }, "\(mirrors)")
    #expect(mirrors.first { $0["name"]?.string != "tls" }?["collected"]?.packets == 466)
    #expect(finished.errors.contains("more lines"), "the log is limited")
  }

  @Test func aTimerDeletesItsMirror() throws {
    try folder.write(
      Self.counting + Self.tls + "every(1, function() if mirrors.tls then mirrors.tls:delete() end end)", to: "p.lua")
    let finished = try plain(["--write", folder.path("out")])
    #expect(finished.status == 0, "\(finished.errors)")
    #expect(try finished.json().mirror("tls")?["state"]?.string == "removed")
    #expect(folder.names.contains("out"))
  }

  @Test func aChangeThatCannotBeServedIsRefused() throws {
    try FileManager.default.createDirectory(
      atPath: folder.path("out/10.50.9.12.pcapng"), withIntermediateDirectories: true)
    try folder.write(
      Self.counting + """
        local other = target.receivers "10.50.9.12"
        every(1, function() if not shared:get("done") then shared:set("done", true) mirrors.all:modify { target = other } end end)
        """, to: "p.lua")
    let finished = try plain(["--write", folder.path("out")])
    #expect(finished.errors.contains("change of mirrors: refused, everything stays as it was"), "\(finished.errors)")
    #expect(finished.status == 0)
    #expect(try finished.json().mirror("all")?["receivers"]?.array?.map { $0["address"]?.string } == ["10.50.9.20"])
  }

  @Test func aTimerReloadsTheSameWayEveryTime() throws {
    try folder.write(
      Self.counting + Self.tls + "every(1, function() mirrors.reload() end)", to: "p.lua")
    let finished = try plain(["--write", folder.path("a")])
    let summary = try finished.json()
    let reloads = try #require(summary["reloads"]?.integer)
    // At most one in ten seconds of the capture.
    #expect(reloads > 1 && reloads < 100, "\(reloads)")
    #expect(summary["policies"]?.array?.first?["counters"]?["loads"]?.integer == reloads + 1)
    #expect(summary["policies"]?.array?.first?["counters"]?["seen"]?.integer == 466)
    #expect(try plain(["--write", folder.path("b")]).json()["reloads"]?.integer == reloads)
    #expect(try Shell.run("diff", ["-r", folder.path("a"), folder.path("b")]).status == 0)
  }

  @Test func failuresBeforeAReloadStillCountAndFaultsAreCleared() throws {
    let failing = Self.tls.replacing("filter =", with: "filter = function() error('x') end, x_ =")
    try folder.write(failing.replacing("x_", with: "['x-old']") + Self.counting, to: "p.lua")
    let finished = try run { try folder.write(Self.tls + Self.counting, to: "p.lua") }
    let summary = try finished.json()
    #expect(finished.status == 2 && finished.errors.contains("faulted"))
    #expect(summary["failures"]?.array?.first?["count"]?.integer == 10)
    #expect(summary.mirror("tls")?["state"]?.string == "running")
    #expect(summary.mirror("tls")?["collected"]?.packets ?? 0 > 0)
  }
}
