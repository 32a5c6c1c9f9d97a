import Foundation
import JSONText
import Testing

/// `moontap run`, `check` and `explain` over the store's mirrors.
struct StoredRunTests {
  private static func campus() throws -> ConsoleScene {
    let file = Shell.root.appending(path: "examples/inventories/campus.json")
    return try ConsoleScene(inventory: String(contentsOf: file, encoding: .utf8))
  }

  private static let capture = "examples/captures/campus.pcap"

  private static func summary(_ finished: Finished) throws -> JSONValue {
    try #require(finished.status == 0, "\(finished.errors)")
    return .object(try #require(finished.json().members).filter { $0.name != "seconds" })
  }

  @Test func withoutAPolicyTheStoresMirrorsRun() throws {
    let scene = try Self.campus()
    #expect(try scene.run("mirror", "import", "examples/mirrors/campus.json").status == 0)
    let stored = try Self.summary(try scene.run("run", "--read", Self.capture, "--json"))
    let plain = try Self.summary(
      try Shell.moontap(
        "run", "--mirrors", "examples/mirrors/campus.json", "--inventory", "examples/inventories/campus.json", "--read",
        Self.capture, "--json"))
    #expect(stored.mirror("tls-to-ids")?["collected"] == plain.mirror("tls-to-ids")?["collected"])
    #expect((stored.mirror("tls-to-ids")?["collected"]?.packets ?? 0) > 0)
  }

  @Test func disabledMirrorsDoNotRun() throws {
    let scene = try Self.campus()
    #expect(try scene.run("mirror", "import", "examples/mirrors/campus.json").status == 0)
    #expect(try scene.run("mirror", "disable", "tls-to-ids").status == 0)
    let finished = try scene.run("run", "--read", Self.capture)
    #expect(finished.status == 3 && finished.errors.contains("mirrors.none"), "\(finished.errors)")
  }

  @Test func aStoredLuaFilterCollectsWhatThePolicyDoes() throws {
    let scene = try Self.campus()
    let filter = try scene.folder.write(
      """
      local https = filter.quintuple { protocol = "tcp", destination_port = 443, bidirectional = true }
      return https & function(packet) return not (packet.tcp and packet.tcp.syn) end
      """, to: "filter.lua")
    let made = try scene.run(
      "mirror", "create", "--name", "web-to-ids", "--vpc", "vpc-campus", "--subnet", "subnet-wlan", "--lua", filter,
      "--receivers", "10.50.9.10, 10.50.9.11")
    #expect(made.status == 0, "\(made.errors)")
    let stored = try Self.summary(try scene.run("run", "--read", Self.capture, "--json"))
    let policy = try ExampleTests.run("web-to-ids", "campus", "campus.pcap")
    #expect(stored.mirror("web-to-ids")?["collected"] == policy.mirror("web-to-ids")?["collected"])
    #expect(stored.mirror("web-to-ids")?["reasons"] == policy.mirror("web-to-ids")?["reasons"])
  }

  @Test func policiesAndStoredMirrorsLiveSideBySide() throws {
    let scene = try Self.campus()
    #expect(try scene.run("mirror", "import", "examples/mirrors/campus.json").status == 0)
    let both = try scene.run("check", "examples/policies/no-filter.lua", "--json")
    #expect(both.status == 0, "\(both.errors)")
    let mirrors = try both.json()["mirrors"]?.array ?? []
    #expect(mirrors.compactMap { $0["name"]?.string } == ["tls-to-ids", "laptop-recorder"])
    #expect(mirrors[0]["origin"]?.string == scene.store)
    #expect(mirrors[1]["origin"]?.string?.hasPrefix("no-filter.lua:") == true)
    let twice = try scene.run("check", "--mirrors", "examples/mirrors/campus.json")
    #expect(twice.status == 3 && twice.errors.contains("name.duplicate"), "\(twice.errors)")
  }

  @Test func whatTheInventoryMadeInvalidDoesNotRunUnnoticed() throws {
    let scene = try Self.campus()
    #expect(try scene.run("mirror", "import", "examples/mirrors/campus.json").status == 0)
    let text = try String(
      contentsOf: Shell.root.appending(path: "examples/inventories/campus.json"), encoding: .utf8)
    let file = try scene.folder.write(text.replacingOccurrences(of: "subnet-wlan", with: "subnet-air"), to: "next.json")
    #expect(try scene.run("inventory", "import", file).status == 1)
    let finished = try scene.run("run", "--read", Self.capture)
    #expect(finished.status == 3 && finished.errors.contains("range.unknown"), "\(finished.errors)")
    #expect(finished.output.isEmpty)
  }

  // MARK: A run follows the store

  /// Half of the traffic, a change of the store, the other half.
  private static func run(_ scene: ConsoleScene, changing change: () throws -> Void) throws -> Finished {
    let capture = try Data(contentsOf: Shell.root.appending(path: Self.capture))
    let run = try RunningMoontap(["--store", scene.store])
    try run.send(capture.prefix(capture.count / 2))
    // The run has read its configuration when it can be told to read it again.
    run.hangUp()
    try run.hear("reload: ")
    try run.forget("reload: ")
    try change()
    try run.hear("reload: ")
    try run.send(capture.suffix(from: capture.count / 2))
    return try run.finish()
  }

  private static func campusWithMirror() throws -> (ConsoleScene, whole: JSONValue) {
    let scene = try campus()
    try #require(try scene.run("mirror", "import", "examples/mirrors/campus.json").status == 0)
    let whole = try #require(try scene.run("run", "--read", capture, "--json").json().mirror("tls-to-ids"))
    return (scene, whole)
  }

  @Test func aRunFollowsWhatIsDisabledAndTellsWhatWasCounted() throws {
    let (scene, whole) = try Self.campusWithMirror()
    let finished = try Self.run(scene) { () throws in
      #expect(try scene.run("mirror", "disable", "tls-to-ids").status == 0)
    }
    let mirror = try #require(try finished.json().mirror("tls-to-ids"))
    #expect(finished.status == 0 && finished.errors.contains("reload: 0 mirrors"), "\(finished.errors)")
    let collected = try #require(mirror["collected"]?.packets)
    #expect(collected > 0 && collected < (whole["collected"]?.packets ?? 0))
    #expect(mirror["state"]?.string == "removed")
  }

  @Test func aMirrorThatIsRenamedWhileItRunsGoesOn() throws {
    let (scene, whole) = try Self.campusWithMirror()
    let finished = try Self.run(scene) { () throws in
      #expect(try scene.run("mirror", "modify", "tls-to-ids", "--name", "tls").status == 0)
    }
    let summary = try finished.json()
    #expect(summary.mirror("tls-to-ids") == nil, "\(finished.errors)")
    for key in ["observed", "collected", "reasons", "receivers", "state"] {
      #expect(summary.mirror("tls")?[key] == whole[key], "\(key)")
    }
  }

  @Test func aMirrorThatIsMadeWhileAnotherRunsCollectsFromThenOn() throws {
    let (scene, whole) = try Self.campusWithMirror()
    let filter = try scene.folder.write("return function(packet) return packet.length > 100 end", to: "filter.lua")
    let finished = try Self.run(scene) {
      let made = try scene.run(
        "mirror", "create", "--name", "long", "--vpc", "vpc-campus", "--subnet", "subnet-wlan", "--lua", filter,
        "--receivers", "10.50.9.20")
      #expect(made.status == 0, "\(made.errors)")
    }
    let summary = try finished.json()
    #expect(finished.status == 0, "\(finished.errors)")
    #expect(summary.mirror("tls-to-ids")?["collected"] == whole["collected"])
    let made = try #require(summary.mirror("long"))
    #expect((made["collected"]?.packets ?? 0) > 0 && (made["absent"]?.packets ?? 0) > 0)
  }

  @Test func aStoreThatWasRestoredIsReadAgain() throws {
    let (scene, whole) = try Self.campusWithMirror()
    let backup = scene.folder.path("backup.db")
    #expect(try scene.run("store", "backup", backup).status == 0)
    #expect(try scene.run("mirror", "disable", "tls-to-ids").status == 0)
    #expect(
      try scene.run(
        "mirror", "create", "--name", "other", "--vpc", "vpc-campus", "--subnet", "subnet-tools", "--receivers",
        "10.50.9.20"
      ).status == 0)
    let finished = try Self.run(scene) {
      let restored = try scene.run("store", "restore", backup, "--yes")
      #expect(restored.status == 0, "\(restored.errors)")
    }
    let summary = try finished.json()
    let collected = try #require(summary.mirror("tls-to-ids")?["collected"]?.packets, "\(finished.errors)")
    #expect(collected > 0 && collected < (whole["collected"]?.packets ?? 0))
    #expect(summary.mirror("other")?["state"]?.string == "removed")
  }
}
