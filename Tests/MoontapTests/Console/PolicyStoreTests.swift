import Foundation
import JSONText
import Testing

/// Policies that run with a store: what their timers change, and what they may not.
struct PolicyStoreTests {
  private static let capture = "examples/captures/campus.pcap"

  /// A store with the mirror tls-to-ids, and a policy beside it.
  private struct Scene {
    let console: ConsoleScene
    let policy: String

    init(_ text: String) throws {
      let file = Shell.root.appending(path: "examples/inventories/campus.json")
      console = try ConsoleScene(inventory: String(contentsOf: file, encoding: .utf8))
      try #require(try console.run("mirror", "import", "examples/mirrors/campus.json").status == 0)
      policy = try console.folder.write(text, to: "watch.lua")
    }

    /// What others than imports did: `disable by watch.lua:3`.
    var changes: [String] {
      get throws {
        let entries = try console.run("mirror", "history", "tls-to-ids", "--json").json()["entries"]?.array ?? []
        return entries.dropFirst().map { entry in
          let actor = entry["actor"]?.string ?? ""
          return "\(entry["action"]?.string ?? "")"
            + (actor.firstRange(of: " by ").map { actor[$0.lowerBound...] } ?? "")
        }
      }
    }

    func run() throws -> RunningMoontap { try RunningMoontap([policy, "--store", console.store]) }
  }

  private static let own = """
    mirror { name = "own", vpc = "vpc-campus", source = source.eni "eni-laptop", target = target.receivers "10.50.9.20" }

    """

  private static func bytes() throws -> Data { try Data(contentsOf: Shell.root.appending(path: capture)) }

  /// The limit is against hanging, it measures nothing.
  private static func wait(for condition: () throws -> Bool) throws {
    for _ in 0..<6000 {
      if try condition() { return }
      usleep(10_000)
    }
    Issue.record("waited in vain")
  }

  // MARK: Side by side

  @Test func ownAndStoredMirrorsCountAsTheyDoAloneAndSayWhereTheyAreFrom() throws {
    let scene = try Scene(Self.own)
    let both = try scene.console.run("run", scene.policy, "--read", Self.capture, "--json").json()
    let stored = try scene.console.run("run", "--read", Self.capture, "--json").json()
    let inventory = scene.console.folder.path("inventory.json")
    let own = try Shell.moontap("run", scene.policy, "--inventory", inventory, "--read", Self.capture, "--json").json()
    for key in ["observed", "collected", "receivers", "reasons"] {
      #expect(both.mirror("own")?[key] == own.mirror("own")?[key], "\(key)")
      #expect(both.mirror("tls-to-ids")?[key] == stored.mirror("tls-to-ids")?[key], "\(key)")
    }
    #expect((both.mirror("own")?["collected"]?.packets ?? 0) > 0)
    #expect(both.mirror("own")?["origin"]?.string == "watch.lua:1")
    #expect(both.mirror("tls-to-ids")?["origin"]?.string == scene.console.store)
  }

  @Test func oneNameInTwoVPCsSaysItsOriginInTheSummary() throws {
    let scene = try ConsoleScene()
    #expect(try scene.create("web").status == 0)
    let policy = try scene.folder.write(
      """
      mirror { name = "web", vpc = "vpc-b", source = source.vpc(), target = target.receivers "10.0.9.10" }
      every(5, function() print(select(2, pcall(function() return mirrors.web end)), mirrors.find { name = "web", vpc = "vpc-a" }.origin) end)
      """, to: "web.lua")
    let finished = try scene.run("run", policy, "--read", Self.capture)
    #expect(finished.status == 0, "\(finished.errors)")
    #expect(finished.text.contains("vpc-b · whole VPC · all · no filter · from web.lua:1"), "\(finished.text)")
    #expect(finished.text.contains("from \(scene.store)"), "\(finished.text)")
    #expect(finished.errors.contains("mirror.ambiguous") && finished.errors.contains("\tstore\n"), "\(finished.errors)")
  }

  @Test func aDisabledMirrorOfTheStoreCountsForTheLimitOfOwnOnes() throws {
    let scene = try ConsoleScene()
    for number in 1...5 { #expect(try scene.create("m\(number)", flags: ["--whole-vpc", "--disabled"]).status == 0) }
    let policy = try scene.folder.write(
      "mirror { name = 'own', vpc = 'vpc-a', source = source.vpc(), target = target.receivers '10.0.9.10' }",
      to: "p.lua")
    let finished = try scene.run("check", policy)
    #expect(finished.status == 3 && finished.errors.contains("p.lua:1: vpc.mirror-limit"), "\(finished.errors)")
  }

  // MARK: Timers

  @Test func whatATimerChangesIsInForceWhileTheRunGoesOn() throws {
    let scene = try Scene(
      Self.own + """
        local tools = { name = "tools", vpc = "vpc-campus", source = source.subnet "subnet-wlan", target = target.receivers "10.50.9.20" }
        every(20, function()
          local tls = mirrors["tls-to-ids"]
          if not tls.enabled then return end
          assert(tls:stats().observed.packets > 0)
          tls:disable()
          assert(tls.state == "disabled" and mirrors.create(tools).origin == "store" and #mirrors == 3)
        end)
        """)
    let whole = try scene.console.run("run", scene.policy, "--read", Self.capture, "--json").json()
    #expect(try scene.console.run("mirror", "delete", "tools", "--yes").status == 0)
    #expect(try scene.console.run("mirror", "enable", "tls-to-ids").status == 0)
    let bytes = try Self.bytes()
    let run = try scene.run()
    try run.send(bytes.prefix(bytes.count / 2))
    // Two lines of history: one reload, or two.
    try run.hear("in force from the next packet on")
    // Both changes are in the store when the plan has two mirrors again.
    try Self.wait { try run.errors.contains("reload: 2 mirrors") }
    #expect(try scene.console.definitions().count == 2)
    try run.send(bytes.suffix(from: bytes.count / 2))
    let finished = try run.finish()
    #expect(finished.status == 0, "\(finished.errors)")
    let summary = try finished.json()
    #expect(summary["records"] == whole["records"])
    // The one that was there all the time lost no packet and saw none twice.
    for key in ["observed", "collected", "reasons", "receivers"] {
      #expect(summary.mirror("own")?[key] == whole.mirror("own")?[key], "\(key)")
    }
    let tls = try #require(summary.mirror("tls-to-ids"))
    #expect(tls["state"]?.string == "removed")
    let (before, after) = (tls["observed"]?.packets ?? 0, summary.mirror("tools")?["observed"]?.packets ?? 0)
    #expect(before > 0 && after > 0, "\(before) \(after)")
    #expect(before + after <= whole.mirror("own")?["observed"]?.packets ?? 0)
    #expect(
      try scene.changes == ["disable by watch.lua:7", "enable", "disable by watch.lua:7"], "\(finished.errors)")
  }

  @Test func aTimerIsRefusedByTheRulesAtOnce() throws {
    let scene = try Scene(
      """
      local there = { name = "tls-to-ids", vpc = "vpc-campus", source = { subnet = { "subnet-x" } }, direction = "up" }
      every(30, function() mirrors.create(there) end)
      """)
    let finished = try scene.console.run("run", scene.policy, "--read", Self.capture)
    #expect(finished.status == 2)
    for code in ["name.duplicate", "range.unknown", "direction.unknown"] {
      #expect(finished.errors.contains(code), "\(finished.errors)")
    }
    #expect(try scene.console.definitions().count == 1)
  }

  @Test func aLockOfAnotherProcessStallsNoPacket() throws {
    let scene = try Scene(
      Self.own + """
        local ticks = 0
        every(10, function()
          ticks = ticks + 1
          if ticks == 1 then mirrors["tls-to-ids"]:disable() end
          if ticks == 5 then log.info("the fifth tick") end
        end)
        """)
    let (lock, held, release) = (Process(), Pipe(), Pipe())
    lock.executableURL = URL(filePath: "/usr/bin/env")
    lock.arguments = [
      "python3", "-c",
      "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read(); c.execute('ROLLBACK')",
      scene.console.store,
    ]
    (lock.standardOutput, lock.standardInput) = (held, release)
    try lock.run()
    #expect(!held.fileHandleForReading.availableData.isEmpty)
    let run = try scene.run()
    try run.send(Self.bytes())
    // All traffic is judged while the store is held.
    try run.hear("the fifth tick")
    #expect(try scene.changes.isEmpty)
    try release.fileHandleForWriting.close()
    lock.waitUntilExit()
    let finished = try run.finish()
    // A machine that took longer than the desk's patience is told.
    let isLate = finished.errors.contains("watch.lua:5: store.locked: ")
    #expect(finished.status == (isLate ? 2 : 0), "\(finished.errors)")
    #expect(try scene.changes == (isLate ? [] : ["disable by watch.lua:5"]))
  }

  @Test func whatCannotBeCarriedOutIsToldWithItsLineAndInTheEnd() throws {
    let scene = try Scene(
      Self.own + """
        every(10, function() log.info("a tick") end)
        every(30, function()
          if mirrors["tls-to-ids"].enabled then mirrors["tls-to-ids"]:disable() end
        end)
        """)
    let bytes = try Self.bytes()
    let run = try scene.run()
    // Ten seconds of it, not yet thirty.
    try run.send(bytes.prefix(bytes.count / 4))
    try run.hear("a tick")
    let (store, away) = (scene.console.store, scene.console.folder.path("away.db"))
    try FileManager.default.moveItem(atPath: store, toPath: away)
    try run.forget("store.missing")
    try run.send(bytes.suffix(from: bytes.count / 4))
    try run.hear("watch.lua:4: store.missing: mirror \"tls-to-ids\": disable")
    let finished = try run.finish()
    try FileManager.default.moveItem(atPath: away, toPath: store)
    #expect(finished.status == 2)
    #expect(finished.errors.contains("could not be carried out; the first:"), "\(finished.errors)")
    #expect(try finished.json().mirror("own")?["collected"]?.packets == 237)
    #expect(try scene.changes.isEmpty)
  }

  @Test func whatAPolicyWritesIsBoundedInRateAndSize() throws {
    // `shared` outlives the reloads that come of the changes.
    let scene = try Scene(
      """
      local long = { lua = "--" .. string.rep("x", 70000) .. "\\nreturn filter.any()" }
      every(1, function()
        local tls = mirrors["tls-to-ids"]
        print(select(2, pcall(tls.modify, tls, { filter = long })))
        tls:tag { n = tostring(shared:add("n", 1)) }
      end)
      """)
    let start = ContinuousClock.now
    let finished = try scene.console.run("run", scene.policy, "--read", Self.capture)
    let periods = (ContinuousClock.now - start) / .seconds(10)
    #expect(finished.status == 2 && finished.errors.contains("store.rate: "), "\(finished.errors)")
    #expect(finished.errors.contains("store.too-large: "), "\(finished.errors)")
    let changes = try scene.changes
    #expect(changes.count >= 16 && Double(changes.count) <= 17 + periods, "\(changes.count)")
    #expect(try scene.console.run("store", "check").status == 0)
  }

  // MARK: Commands that only look

  @Test func commandsThatOnlyLookNeverWrite() throws {
    let scene = try Scene(
      Self.own + """
        print(pcall(mirrors.create, { name = "x", vpc = "vpc-campus", source = source.vpc() }))
        print(pcall(function() mirrors["tls-to-ids"]:delete() end))
        every(1, function() mirrors["tls-to-ids"]:delete() end)
        """)
    let check = try scene.console.run("check", scene.policy)
    #expect(check.status == 0 && check.errors.contains("not while the policy loads"), "\(check.errors)")
    let explain = try scene.console.run("explain", scene.policy, "--read", Self.capture, "--frame", "800")
    #expect(
      explain.errors.contains("watch.lua:4: warning: store.untouched: mirror \"tls-to-ids\""), "\(explain.errors)")
    #expect(try scene.console.definitions().count == 1)
    #expect(try scene.changes.isEmpty)
  }

  @Test func withoutTheOptionAPolicyHasNoStoreHoweverItTries() throws {
    let scene = try Scene(
      Self.own + """
        local x = { name = "x", vpc = "vpc-campus", source = source.vpc(), target = target.receivers "10.50.9.20" }
        every(10, function() print(#mirrors, pcall(mirrors.create, x)) end)
        """)
    let test = try scene.console.folder.write(
      """
      test("there is no store in tests", function()
        expect(select(2, pcall(mirrors.create, { name = "x" }))):contains("there is no store here")
      end)
      """, to: "watch_test.lua")
    let inventory = scene.console.folder.path("inventory.json")
    // As the user whose store it is.
    let home = ["XDG_STATE_HOME": scene.console.folder.url.path]
    try FileManager.default.createDirectory(
      at: scene.console.folder.url.appending(path: "moontap"), withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      atPath: scene.console.store, toPath: scene.console.folder.path("moontap/moontap.db"))
    let run = try Shell.run(
      Shell.moontap, ["run", scene.policy, "--inventory", inventory, "--read", Self.capture], environment: home)
    #expect(run.status == 0 && run.errors.contains("1\tfalse\t"), "\(run.errors)")
    #expect(run.errors.contains("there is no store here"), "\(run.errors)")
    let tested = try Shell.run(Shell.moontap, ["test", test, "--inventory", inventory], environment: home)
    #expect(tested.status == 0, "\(tested.text)\(tested.errors)")
    #expect(try scene.changes.isEmpty)
  }

  /// The text of a stored filter is a policy as well, and has no store.
  @Test func aStoredFilterHasNoStore() throws {
    let scene = try Scene("")
    let filter = try scene.console.folder.write(
      "return function(packet) return #mirrors == 0 and not pcall(mirrors.create, {}) end", to: "filter.lua")
    let made = try scene.console.run(
      "mirror", "create", "--name", "sly", "--vpc", "vpc-campus", "--subnet", "subnet-wlan", "--receivers",
      "10.50.9.20",
      "--lua", filter)
    #expect(made.status == 0, "\(made.errors)")
    let finished = try scene.console.run("run", "--read", Self.capture, "--json")
    #expect(finished.status == 0, "\(finished.errors)")
    #expect(try scene.console.definitions().count == 2)
  }
}
