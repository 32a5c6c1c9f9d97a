internal import GRDB
internal import JSONText
internal import Mirroring

/// What `check` found.
public struct StoreReport: Sendable {
  public struct Trouble: Sendable {
    public var code: String
    public var sentence: String
    public var hint: String?
  }

  public var schemaVersion = 0
  public var vpcs = 0
  public var mirrors = 0
  public var historyEntries = 0
  /// The file itself, or what its parts say of each other.
  public var troubles: [Trouble] = []
  /// Mirrors that break a rule now.
  public var invalid: [StoredMirror] = []
  /// Others than its owner may read the file.
  public var isOpenToOthers = false
}

extension MirrorStore {
  /// Looks through all of it: pages and indices as SQLite knows them, then what Moontap knows of its own tables.
  public func check() throws(StoreError) -> StoreReport {
    try read { database in
      var report = StoreReport()
      report.isOpenToOthers = StoreFile.isOpenToOthers(path)
      report.schemaVersion = StoreSchema.version
      for line in try String.fetchAll(database, sql: "PRAGMA integrity_check(20)") where line != "ok" {
        report.troubles.append(.init(code: "store.corrupt", sentence: line))
      }
      for row in try Row.fetchAll(database, sql: "PRAGMA foreign_key_check") {
        let table: String = row[0] ?? ""
        report.troubles.append(.init(code: "store.reference", sentence: "a row of \(table) refers to nothing"))
      }
      // What follows reads every page's content; it would only stumble over the same damage.
      guard report.troubles.isEmpty else { return report }
      try StoreCheck(session: StoreSession(database: database, store: self)).run(&report)
      return report
    }
  }

  /// Writes a whole copy to `target` (`VACUUM INTO`), which nobody else can read and which is there whole or not at all.
  public func backup(to target: String, replacing: Bool) throws(StoreError) {
    let temporary = target + ".\(StoreClock.processID).part"
    guard replacing || !StoreFile.exists(target) else {
      throw .unusable(path: target, reason: "it exists; --force replaces it")
    }
    StoreFile.remove(temporary)
    try StoreFile.createPrivately(temporary)
    do {
      try translating {
        try queue.writeWithoutTransaction { try $0.execute(sql: "VACUUM INTO ?", arguments: [temporary]) }
      }
      try StoreFile.sync(temporary)
      try StoreFile.rename(temporary, to: target)
    } catch {
      StoreFile.remove(temporary)
      throw error
    }
  }

  /// Puts the content of a backup in the place of this store's, in one step. The file of the backup is only read.
  ///
  /// The history is the backup's from then on, with one more line that says so. All of it is made ready in a copy, so
  /// that the step is whole: migrated, with its line.
  public func restore(from source: String) throws(StoreError) {
    guard StoreFile.exists(source) else { throw .missing(path: source) }
    let temporary = path + ".\(StoreClock.processID).part"
    StoreFile.remove(temporary)
    try StoreFile.createPrivately(temporary)
    defer { for suffix in ["", "-wal", "-shm", "-journal"] { StoreFile.remove(temporary + suffix) } }
    try Self.copy(source, to: temporary)
    let copy = try MirrorStore(path: temporary, access: .change, actor: actor)
    try copy.change { database in
      try StoreSession(database: database, store: copy).remember(
        .restore, region: "", vpc: "", before: nil, after: JSONValue.string(source).text())
    }
    try translating {
      try copy.queue.backup(to: queue)
      try queue.inDatabase { try Self.useWAL($0) }
    }
  }

  /// - Throws: when the source is no whole store that this version knows.
  private static func copy(_ source: String, to temporary: String) throws(StoreError) {
    try translating(source) {
      let backup = try DatabaseQueue(path: source, configuration: configuration(source, readOnly: true))
      try backup.inDatabase { database in
        try StoreSchema.checkOwner(database, path: source)
        let faults = try String.fetchAll(database, sql: "PRAGMA integrity_check(1)").filter { $0 != "ok" }
        if let fault = faults.first { throw StoreError.corrupt(path: source, detail: fault) }
      }
      try backup.backup(to: DatabaseQueue(path: temporary, configuration: configuration(temporary)))
    }
  }
}

/// The parts of a store beside each other.
private struct StoreCheck {
  let session: StoreSession

  func run(_ report: inout StoreReport) throws {
    let database = session.database
    report.vpcs = try Int.fetchOne(database, sql: "SELECT count(*) FROM vpcs") ?? 0
    report.historyEntries = try Int.fetchOne(database, sql: "SELECT count(*) FROM history") ?? 0
    _ = try session.inventory()
    let mirrors = try StoredMirror.all(database)
    report.mirrors = mirrors.count
    for mirror in mirrors {
      var current = mirror
      current.problems = try session.problems(of: mirror)
      if !current.problems.isEmpty { report.invalid.append(current) }
      try compareWithHistory(mirror, &report)
      checkDigest(mirror, &report)
    }
    try findLost(mirrors, &report)
    try checkLimits(&report)
  }

  /// The last line of a mirror's history says what it is.
  private func compareWithHistory(_ mirror: StoredMirror, _ report: inout StoreReport) throws {
    let last = try String.fetchOne(
      session.database, sql: "SELECT after FROM history WHERE mirror = ? ORDER BY id DESC LIMIT 1",
      arguments: [mirror.id])
    guard last != mirror.definition.text() else { return }
    report.troubles.append(
      .init(
        code: "store.history", sentence: "mirror \(mirror.name) is not what the last line of its history says",
        hint: "something else than moontap has written into the store"))
  }

  private func checkDigest(_ mirror: StoredMirror, _ report: inout StoreReport) {
    guard let text = mirror.filterText, mirror.definition["filter"]?["lua"]?["sha256"]?.string != text.digest else {
      return
    }
    report.troubles.append(
      .init(code: "filter.lua", sentence: "the filter text of mirror \(mirror.name) does not have its digest"))
  }

  /// Mirrors of the history that are neither there nor deleted.
  private func findLost(_ mirrors: [StoredMirror], _ report: inout StoreReport) throws {
    let lost = try String.fetchAll(
      session.database,
      sql: """
        SELECT name FROM history AS line WHERE mirror IS NOT NULL AND action <> 'delete'
          AND id = (SELECT max(id) FROM history WHERE mirror = line.mirror)
          AND mirror NOT IN (SELECT id FROM mirrors)
        """)
    for name in lost {
      report.troubles.append(
        .init(code: "store.history", sentence: "mirror \(name) is gone, and no line of the history says why"))
    }
  }

  private func checkLimits(_ report: inout StoreReport) throws {
    let rows = try Row.fetchAll(
      session.database, sql: "SELECT vpc, count(*) FROM mirrors GROUP BY region, vpc HAVING count(*) > ?",
      arguments: [MirrorRule.mirrorsPerVPC])
    for row in rows {
      let (vpc, count): (String, Int) = (row[0], row[1])
      report.troubles.append(.init(code: "vpc.mirror-limit", sentence: "VPC \(vpc) has \(count) mirrors"))
    }
  }
}
