import Foundation
import GRDB
import JSONText
import Testing

@testable import Store

struct StoreFileTests {
  @Test func theDefaultPathFollowsXDG() {
    let path = StoreFile.defaultPath
    #expect(path(["XDG_STATE_HOME": "/s", "HOME": "/h"]) == "/s/moontap/moontap.db")
    #expect(path(["HOME": "/h"]) == "/h/.local/state/moontap/moontap.db")
    // A relative path is to be ignored.
    #expect(path(["XDG_STATE_HOME": "s", "HOME": "/h"]) == "/h/.local/state/moontap/moontap.db")
  }

  @Test func theFileAndItsFolderAreTheOwnersAlone() throws {
    let scene = try Scene()
    let path = scene.folder.appending(path: "a/b/moontap.db").path
    let store = try MirrorStore(path: path, access: .create, actor: "tester")
    _ = try store.importInventory(try shop())
    func mode(_ path: String) throws -> Int? {
      try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }
    for file in [path, path + "-wal", path + "-shm"] { #expect(try mode(file) == 0o600, "\(file)") }
    #expect(try mode(scene.folder.appending(path: "a/b").path) == 0o700)
    try store.backup(to: path + ".copy", replacing: false)
    #expect(try mode(path + ".copy") == 0o600)
  }

  @Test func looksAndChangesNeedAFile() throws {
    let scene = try Scene()
    #expect(codes { _ = try scene.open(.read) } == ["store.missing"])
    #expect(codes { _ = try scene.open(.change) } == ["store.missing"])
    #expect(!FileManager.default.fileExists(atPath: scene.path))
  }

  // MARK: Schemas

  @Test func anOlderStoreIsMigratedWithAllItHolds() throws {
    let scene = try Scene()
    try old(scene.path)
    let store = try scene.open(.read)
    let mirror = try store.mirror(MirrorSelector(name: "old"))
    #expect(mirror.created == "2026-01-01T00:00:00.000Z" && mirror.changed == "2026-02-01T00:00:00.000Z")
    #expect(try store.history().count == 2)
    #expect(try store.read { try Int.fetchOne($0, sql: "PRAGMA user_version") } == StoreSchema.version)
  }

  /// A store of schema 1 with one mirror.
  private func old(_ path: String) throws {
    let queue = try DatabaseQueue(path: path)
    try queue.inDatabase { database in
      try StoreSchema.migrate(database, path: path, upTo: 1)
      let definition = #"{"name":"old","region":"r1","vpc":"vpc-a","encapsulation":{"type":"vxlan","vni":7}}"#
      try database.execute(sql: "INSERT INTO mirrors (id, definition) VALUES (1, ?)", arguments: [definition])
      for (time, action) in [("2026-01-01T00:00:00.000Z", "create"), ("2026-02-01T00:00:00.000Z", "modify")] {
        try database.execute(
          sql: "INSERT INTO history (time, actor, action, mirror, region, vpc) VALUES (?, 'x', ?, 1, 'r1', 'vpc-a')",
          arguments: [time, action])
      }
    }
  }

  @Test func aNewerStoreIsRefusedAndLeftAlone() throws {
    let scene = try Scene()
    _ = try scene.stocked()
    try DatabaseQueue(path: scene.path).inDatabase { try $0.execute(sql: "PRAGMA user_version = 99") }
    let before = try Data(contentsOf: URL(filePath: scene.path))
    for access in [MirrorStore.Access.read, .change, .create] {
      #expect(codes { _ = try scene.open(access) } == ["store.newer"])
    }
    #expect(try Data(contentsOf: URL(filePath: scene.path)) == before)
  }

  @Test func otherDatabasesAreRefusedAndLeftAlone() throws {
    let scene = try Scene()
    try DatabaseQueue(path: scene.path).inDatabase { try $0.execute(sql: "CREATE TABLE cookies (a)") }
    let before = try Data(contentsOf: URL(filePath: scene.path))
    #expect(codes { _ = try scene.open() } == ["store.foreign"])
    #expect(try Data(contentsOf: URL(filePath: scene.path)) == before)
    try "this is no database at all, but long enough to have a head".write(
      toFile: scene.path, atomically: false, encoding: .utf8)
    #expect(codes { _ = try scene.open() } == ["store.foreign"])
    #expect(codes { _ = try MirrorStore(path: scene.folder.path, access: .read, actor: "t") } == ["store.unusable"])
  }

  // MARK: Trouble

  @Test func damageIsSaid() throws {
    let scene = try Scene()
    do {
      let store = try scene.stocked()
      _ = try store.create([wanted("a")])
      try store.change { try $0.execute(sql: "SELECT 1") }
      try DatabaseQueue(path: scene.path).inDatabase { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
    }
    var bytes = try Data(contentsOf: URL(filePath: scene.path))
    for index in 4096..<bytes.count where index % 4096 < 200 { bytes[index] = 0xff }
    try bytes.write(to: URL(filePath: scene.path))
    let found = codes {
      let store = try scene.open(.read)
      let report = try store.check()
      if let trouble = report.troubles.first { throw StoreError.corrupt(path: "", detail: trouble.sentence) }
    }
    #expect(found == ["store.corrupt"])
  }

  @Test func whoWaitsTooLongIsTold() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    let other = try DatabaseQueue(path: scene.path)
    try other.inDatabase { database in
      try database.execute(sql: "BEGIN IMMEDIATE")
      try store.queue.inDatabase { try $0.execute(sql: "PRAGMA busy_timeout = 20") }
      #expect(codes { _ = try store.create([wanted("a")]) } == ["store.locked"])
      try database.execute(sql: "ROLLBACK")
    }
    _ = try store.create([wanted("a")])
  }

  @Test func handWrittenChangesAreFound() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    _ = try store.create([wanted("a"), wanted("b")])
    #expect(try store.check().troubles.isEmpty)
    try store.change { database in
      try database.execute(
        sql: "UPDATE mirrors SET definition = json_set(definition, '$.direction', 'in') WHERE name = 'a'")
      try database.execute(sql: "DELETE FROM mirrors WHERE name = 'b'")
    }
    #expect(try store.check().troubles.map(\.code) == ["store.history", "store.history"])
  }

  // MARK: Backups

  @Test func aBackupIsRestoredWhole() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    let copy = scene.folder.appending(path: "copy.db").path
    _ = try store.create([wanted("a")])
    try store.backup(to: copy, replacing: false)
    #expect(codes { try store.backup(to: copy, replacing: false) } == ["store.unusable"])
    _ = try store.delete(MirrorSelector(name: "a"))
    _ = try store.create([wanted("b")])
    let before = try Data(contentsOf: URL(filePath: copy))
    try store.restore(from: copy)
    #expect(try store.mirrors().map(\.name) == ["a"])
    #expect(try store.history().map(\.action).suffix(2) == ["create", "restore"])
    #expect(try store.check().troubles.isEmpty)
    #expect(try Data(contentsOf: URL(filePath: copy)) == before)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: scene.folder.path).filter { $0.hasSuffix(".part") } == [])
  }

  @Test func anOlderBackupIsMigratedAndWhatIsNoneRefused() throws {
    let scene = try Scene()
    let store = try scene.stocked()
    let copy = scene.folder.appending(path: "copy.db").path
    try old(copy)
    try store.restore(from: copy)
    #expect(try store.mirrors().map(\.name) == ["old"])
    try Data("no database".utf8).write(to: URL(filePath: copy))
    #expect(codes { try store.restore(from: copy) } == ["store.foreign"])
    #expect(codes { try store.restore(from: copy + "x") } == ["store.missing"])
    #expect(try store.mirrors().map(\.name) == ["old"])
  }
}
