internal import GRDB
public import JSONText
public import Mirroring

/// A mirror as the store keeps it.
public struct StoredMirror: Sendable {
  /// Its number for life, whatever it is called.
  public var id: Int64
  /// An object of a `moontap.mirrors/1` document, everything written out, the VNI too.
  public var definition: JSONValue
  /// What is wrong with it since the inventory changed; empty: nothing.
  public var problems: [MirrorViolation]
  /// When it was made and last changed: `2026-11-25T19:40:49.123Z`.
  public var created: String
  public var changed: String

  /// One that a store has not made.
  public init(id: Int64, definition: JSONValue) {
    self.id = id
    self.definition = definition
    problems = []
    created = ""
    changed = ""
  }

  public var name: String { definition["name"]?.string ?? "" }
  public var region: String { definition["region"]?.string ?? "" }
  public var vpc: String { definition["vpc"]?.string ?? "" }
  public var isEnabled: Bool { definition["enabled"]?.bool ?? true }
  public var filterText: FilterText? { FilterText(definition: definition) }

  public var tags: [(key: String, value: String)] {
    (definition["tags"]?.members ?? []).map { ($0.name, $0.value.string ?? "") }
  }
}

extension StoredMirror {
  static let columns = "id, definition, problems, created, changed"

  init(_ row: Row) throws {
    id = row["id"]
    definition = try StoredText.json(row["definition"])
    problems = (try StoredText.json(row["problems"]).array ?? []).map { MirrorViolation(stored: $0) }
    created = row["created"] ?? ""
    changed = row["changed"] ?? ""
  }

  static func all(_ database: Database, where condition: String = "true", arguments: StatementArguments = [])
    throws -> [StoredMirror]
  {
    let sql = "SELECT \(columns) FROM mirrors WHERE \(condition) ORDER BY region, vpc, name"
    return try Row.fetchAll(database, sql: sql, arguments: arguments).map { try StoredMirror($0) }
  }

  /// As a neighbour of others. A filter of Lua's is somebody else's to judge.
  var draft: MirrorDraft { MirrorDraft(definition.members ?? [], file: StoredText.place, luaFilter: filterText) }
}

/// JSON that the store wrote itself.
enum StoredText {
  /// What messages call the place of what is stored.
  static let place = "the store"

  static func json(_ text: String) throws -> JSONValue {
    do {
      return try JSONValue(json: text, file: place)
    } catch {
      throw StoreError.corrupt(path: place, detail: error.description)
    }
  }
}

extension MirrorDraft {
  /// A definition whose Lua filter, if it has one, is represented by its name alone.
  init(_ members: [JSONMember], file: String, luaFilter: FilterText?, path: String = "", line: Int = 0) {
    self.init(members, file: file, path: path, line: line)
    guard let luaFilter, let index = definition.firstIndex(where: { $0.name == "filter" }) else { return }
    definition[index].value = DraftValue(
      .script(ScriptFunction(host: 0, function: 0, name: luaFilter.shortName)), at: definition[index].location)
  }
}

extension MirrorViolation {
  init(stored value: JSONValue) {
    self.init(
      code: value["code"]?.string ?? "", mirror: value["mirror"]?.string ?? "", path: value["path"]?.string ?? "",
      message: value["message"]?.string ?? "", hint: value["hint"]?.string)
  }

  var stored: JSONValue {
    var members: [JSONMember] = [
      JSONMember("code", .string(code)), JSONMember("mirror", .string(mirror)), JSONMember("path", .string(path)),
      JSONMember("message", .string(message)),
    ]
    if let hint { members.append(JSONMember("hint", .string(hint))) }
    return .object(members)
  }
}
