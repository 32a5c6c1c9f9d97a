internal import GRDB
internal import Inventory
internal import JSONText
internal import Mirroring

/// What one transaction reads and writes. Lives as long as the transaction.
struct StoreSession {
  let database: Database
  let store: MirrorStore

  // MARK: Inventory

  /// The stored inventory, or the part of it whose VPCs have the id; nil: that part is empty.
  func inventory(vpc: String? = nil) throws -> Inventory? {
    let sql = "SELECT region, document FROM vpcs" + (vpc == nil ? "" : " WHERE id = ?") + " ORDER BY position"
    let rows = try Row.fetchAll(database, sql: sql, arguments: vpc.map { [$0] } ?? [])
    var documents: [String: [JSONValue]] = [:]
    for row in rows { documents[row["region"], default: []].append(try StoredText.json(row["document"])) }
    guard vpc == nil || !documents.isEmpty else { return nil }
    return try Self.inventory(regions: try regions().filter { vpc == nil || documents[$0] != nil }, documents)
  }

  func regions() throws -> [String] {
    try String.fetchAll(database, sql: "SELECT id FROM regions ORDER BY position")
  }

  static func inventory(regions: [String], _ documents: [String: [JSONValue]]) throws -> Inventory {
    let list = regions.map { ["id": .string($0), "vpcs": .array(documents[$0] ?? [])] as JSONValue }
    let document: JSONValue = ["format": .string(Inventory.format), "regions": .array(list)]
    do {
      return try Inventory(document, file: StoredText.place)
    } catch {
      throw StoreError.corrupt(path: StoredText.place, detail: "the inventory: \(error)")
    }
  }

  // MARK: Mirrors

  /// The mirror of the number; else of the name, in the VPC if one is given.
  func mirror(_ selector: MirrorSelector) throws -> StoredMirror {
    if let id = selector.id {
      guard let mirror = try StoredMirror.all(database, where: "id = ?", arguments: [id]).first else {
        throw StoreError.unknownMirror(name: selector.name, near: nil)
      }
      return mirror
    }
    let found = try StoredMirror.all(
      database, where: "name = ? AND (?2 IS NULL OR vpc = ?2) AND (?3 IS NULL OR region = ?3)",
      arguments: [selector.name, selector.vpc, selector.region])
    if found.count == 1 { return found[0] }
    if let first = found.first {
      throw StoreError.ambiguousMirror(
        name: first.name,
        vpcs: found.map { mirror in
          Set(found.map(\.vpc)).count == found.count ? mirror.vpc : "\(mirror.vpc) of \(mirror.region)"
        })
    }
    let names = try String.fetchAll(database, sql: "SELECT DISTINCT name FROM mirrors ORDER BY name")
    throw StoreError.unknownMirror(name: selector.name, near: Spelling.nearest(to: selector.name, among: names))
  }

  func insert(_ definition: JSONValue) throws -> Int64 {
    try database.execute(sql: "INSERT INTO mirrors (definition) VALUES (?)", arguments: [definition.text()])
    return database.lastInsertedRowID
  }

  func update(_ id: Int64, _ definition: JSONValue, problems: [MirrorViolation]) throws {
    try database.execute(
      sql: "UPDATE mirrors SET definition = ?, problems = ? WHERE id = ?",
      arguments: [definition.text(), Self.text(problems), id])
  }

  func setProblems(_ id: Int64, _ problems: [MirrorViolation]) throws {
    try database.execute(
      sql: "UPDATE mirrors SET problems = ? WHERE id = ?", arguments: [Self.text(problems), id])
  }

  private static func text(_ problems: [MirrorViolation]) -> String {
    JSONValue.array(problems.map(\.stored)).text()
  }

  // MARK: History

  /// Adds a line for a mirror, and stamps the mirror with its time.
  func remember(_ action: HistoryAction, mirror: Int64, before: JSONValue?, after: JSONValue?) throws {
    let subject = after ?? before
    try insertHistory(
      action, mirror: mirror, region: subject?["region"]?.string ?? "", vpc: subject?["vpc"]?.string ?? "",
      name: subject?["name"]?.string, before: before, after: after)
    try database.execute(
      sql: """
        UPDATE mirrors SET changed = line.time, created = coalesce(created, line.time)
        FROM (SELECT time FROM history WHERE id = last_insert_rowid()) AS line WHERE mirrors.id = ?
        """, arguments: [mirror])
  }

  func remember(_ action: HistoryAction, region: String, vpc: String, before: String?, after: String?) throws {
    try database.execute(
      sql: "INSERT INTO history (actor, action, region, vpc, before, after) VALUES (?, ?, ?, ?, ?, ?)",
      arguments: [store.actor, action.rawValue, region, vpc, before, after])
  }

  private func insertHistory(
    _ action: HistoryAction, mirror: Int64, region: String, vpc: String, name: String?, before: JSONValue?,
    after: JSONValue?
  ) throws {
    try database.execute(
      sql: """
        INSERT INTO history (actor, action, mirror, region, vpc, name, before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [store.actor, action.rawValue, mirror, region, vpc, name, before?.text(), after?.text()])
  }
}

/// Which mirror: its name, and where it is when several VPCs have one of that name.
public struct MirrorSelector: Sendable, Hashable {
  public var name: String
  public var vpc: String?
  public var region: String?
  /// Its number for life: whatever it is called by now. The name is for messages then.
  public var id: Int64?

  public init(_ mirror: StoredMirror) {
    self.init(name: mirror.name, vpc: mirror.vpc, region: mirror.region)
    id = mirror.id
  }

  public init(name: String, vpc: String? = nil, region: String? = nil) {
    self.name = name
    self.vpc = vpc
    self.region = region
  }
}
