import Foundation
import JSONText
import Testing

/// `kill -9` at every write, sync and removal of a change, and at random moments: the store opens, what was acknowledged
/// is there, and nothing is half there.
///
/// `MOONTAP_KILLS=full` does all operations at all calls and 200 random moments; without it a sample.
@Suite(.serialized) struct CrashTests {
  private static let isFull = ProcessInfo.processInfo.environment["MOONTAP_KILLS"] == "full"

  /// What SQLite and the file operations around it ask the system for.
  private static let calls =
    ["pwrite64", "fdatasync", "fsync", "ftruncate", "unlink", "rename"] + (isFull ? ["openat"] : [])

  /// A change, and what tells that it is wholly done.
  struct Operation: CustomTestStringConvertible, Sendable {
    var name: String
    /// `$dir` is the scene's folder.
    var arguments: [String]
    var testDescription: String { name }
  }

  static let operations: [Operation] = {
    let create = Operation(
      name: "create",
      arguments: ["mirror", "create", "--name", "new", "--vpc", "vpc-a", "--whole-vpc", "--receivers", "10.0.9.10"])
    guard isFull else { return [create] }
    return [
      create,
      Operation(name: "modify", arguments: ["mirror", "modify", "old", "--name", "other", "--direction", "in"]),
      Operation(name: "delete", arguments: ["mirror", "delete", "old", "--yes"]),
      Operation(name: "import inventory", arguments: ["inventory", "import", "$dir/next.json"]),
      Operation(name: "restore", arguments: ["store", "restore", "$dir/copy.db", "--yes"]),
      Operation(name: "backup", arguments: ["store", "backup", "$dir/copy.db", "--force"]),
    ]
  }()

  /// A store with one mirror and a backup of it as it was before.
  private static func scene() throws -> ConsoleScene {
    let scene = try ConsoleScene()
    try #require(try scene.run("store", "backup", scene.folder.path("copy.db")).status == 0)
    try #require(try scene.create("old").status == 0)
    try scene.folder.write(
      ConsoleScene.inventory.replacingOccurrences(of: "eni-web2", with: "eni-web3"), to: "next.json")
    return scene
  }

  @Test(.enabled(if: canTrace), arguments: operations)
  func aProcessKilledAtAnyCallLeavesAllOrNothing(_ operation: Operation) throws {
    let scene = try Self.scene()
    let arguments = operation.arguments.map { $0.replacingOccurrences(of: "$dir", with: scene.folder.url.path) }
    // What it is without and with the change: the same folder each time, so that paths in the history are equal.
    let files = try Self.save(scene)
    let before = try Self.state(scene)
    try #require(try scene.run(arguments).status == 0)
    let after = try Self.state(scene)
    var kills = 0
    for call in Self.calls {
      // A sample of the writes, which are the most; all of the others.
      for count in stride(from: 1, through: 400, by: !Self.isFull && call == "pwrite64" ? 4 : 1) {
        try Self.restore(files, scene)
        let finished = try Self.run(arguments, scene, killedAt: call, count)
        let found = try Self.state(scene)
        if finished.status == 0 {
          #expect(found == after, "\(call) \(count)")
          break
        }
        kills += 1
        #expect(found == before || found == after, "\(call) \(count)")
        let check = try scene.run("store", "check")
        #expect(check.status == 0, "\(call) \(count): \(check.errors)")
      }
    }
    #expect(kills >= 5)
    print("\(operation.name): killed at \(kills) calls")
  }

  @Test func aProcessKilledAtARandomMomentKeepsWhatItAcknowledged() throws {
    let scene = try Self.scene()
    let start = ContinuousClock.now
    try #require(try scene.run("mirror", "modify", "old", "--description", "0").status == 0)
    // Some are killed before they begin, some after they have ended.
    let longest = UInt32((ContinuousClock.now - start).components.attoseconds / 1_000_000_000_000) * 5 / 4
    var (known, killed) = ("0", 0)
    for number in 1...(Self.isFull ? 200 : 12) {
      let process = Process()
      process.executableURL = URL(filePath: Shell.moontap)
      process.arguments = ["mirror", "modify", "old", "--description", "\(number)", "--store", scene.store]
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      process.standardInput = FileHandle.nullDevice
      try process.run()
      usleep(UInt32.random(in: 0...longest))
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      let found = try #require(try scene.definitions()[0]["description"]?.string)
      if process.terminationReason == .exit, process.terminationStatus == 0 {
        #expect(found == "\(number)")
      } else {
        killed += 1
        #expect(found == known || found == "\(number)")
      }
      known = found
    }
    #expect(try scene.run("store", "check").status == 0)
    print("random moments: \(killed) were killed before their end")
  }

  // MARK: Tools

  private static let canTrace =
    (try? Shell.run("strace", ["-f", "-o", "/dev/null", "true"]))?.status == 0

  private static func run(
    _ arguments: [String], _ scene: ConsoleScene, killedAt call: String, _ count: Int
  ) throws -> Finished {
    try Shell.run(
      "strace",
      ["-f", "-o", "/dev/null", "-e", "trace=\(call)", "-e", "inject=\(call):signal=KILL:when=\(count)", Shell.moontap]
        + arguments + ["--store", scene.store])
  }

  /// Everything but times and numbers of lines.
  private static func state(_ scene: ConsoleScene) throws -> [JSONValue] {
    let history = try scene.run("mirror", "history", "--json")
    try #require(history.status == 0, "\(history.errors)")
    let entries = try history.json()["entries"]?.array ?? []
    return try scene.definitions()
      + entries.map { entry in .object((entry.members ?? []).filter { $0.name != "time" }) }
  }

  private static func save(_ scene: ConsoleScene) throws -> [String: Data] {
    var files: [String: Data] = [:]
    for name in scene.folder.names { files[name] = try Data(contentsOf: URL(filePath: scene.folder.path(name))) }
    return files
  }

  private static func restore(_ files: [String: Data], _ scene: ConsoleScene) throws {
    for name in scene.folder.names { try FileManager.default.removeItem(atPath: scene.folder.path(name)) }
    for (name, data) in files { try data.write(to: URL(filePath: scene.folder.path(name))) }
  }
}
