internal import GRDB
public import JSONText

public enum HistoryAction: String, Sendable, CaseIterable {
  case create, modify, enable, disable, tag, untag, delete
  case importInventory = "import-inventory"
  /// What follows went on from a backup.
  case restore
}

/// One line of the history: who did what, when, and what it was before and after.
public struct HistoryEntry: Sendable {
  public var id: Int64
  /// UTC: `2026-11-25T19:40:49.123Z`.
  public var time: String
  public var actor: String
  /// A `HistoryAction` of this version or another.
  public var action: String
  /// The mirror's number; nil: the inventory of the VPC.
  public var mirror: Int64?
  public var region: String
  public var vpc: String
  /// The mirror's name at the time.
  public var name: String?
  /// Definition, or the VPC's document; nil: it did not exist.
  public var before: JSONValue?
  public var after: JSONValue?
}

extension HistoryEntry {
  init(_ row: Row) throws {
    id = row["id"]
    time = row["time"]
    actor = row["actor"]
    action = row["action"]
    mirror = row["mirror"]
    region = row["region"]
    vpc = row["vpc"]
    name = row["name"]
    before = try (row["before"] as String?).map { try StoredText.json($0) }
    after = try (row["after"] as String?).map { try StoredText.json($0) }
  }

  /// The members that differ, in the order of the definition.
  public var changes: [(name: String, before: JSONValue?, after: JSONValue?)] {
    let (old, new) = (before?.members ?? [], after?.members ?? [])
    let names = new.map(\.name) + old.map(\.name).filter { name in !new.contains { $0.name == name } }
    return names.compactMap { name in
      let (first, second) = (before?[name], after?[name])
      return first == second ? nil : (name, first, second)
    }
  }
}

extension MirrorStore {
  /// The number of the latest line of the history; 0: there is none. It differs after every change: what a running engine
  /// looks at.
  public func lastChange() throws(StoreError) -> Int64 {
    try read { try Int64.fetchOne($0, sql: "SELECT max(id) FROM history") ?? 0 }
  }

  /// The last lines of one mirror's history, oldest first.
  public func history(ofMirror id: Int64, last count: Int) throws(StoreError) -> [HistoryEntry] {
    try read { database in
      let rows = try Row.fetchAll(
        database, sql: "SELECT * FROM history WHERE mirror = ? ORDER BY id DESC LIMIT ?", arguments: [id, count])
      return try rows.reversed().map { try HistoryEntry($0) }
    }
  }

  /// The history, oldest first: of everything, or of every mirror that has or had the name, through its renamings.
  public func history(of selector: MirrorSelector? = nil) throws(StoreError) -> [HistoryEntry] {
    try read { database in
      var condition = "true"
      var arguments: StatementArguments = []
      if let selector {
        condition = """
          mirror IN (SELECT mirror FROM history WHERE name = ? AND (?2 IS NULL OR vpc = ?2) AND (?3 IS NULL OR region = ?3))
          """
        arguments = [selector.name, selector.vpc, selector.region]
      }
      let rows = try Row.fetchAll(
        database, sql: "SELECT * FROM history WHERE \(condition) ORDER BY id", arguments: arguments)
      return try rows.map { try HistoryEntry($0) }
    }
  }
}
