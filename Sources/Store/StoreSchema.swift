internal import GRDB

/// The tables, and how older ones become them.
///
/// 1. `PRAGMA user_version` is the number of migrations carried out; each is one element of `migrations`, which never
///    changes once it has been released.
/// 2. The version is read, and what is missing carried out, in one immediate transaction: processes that open an old or
///    empty store at the same time do it once, and a killed one leaves it undone.
enum StoreSchema {
  /// `PRAGMA application_id`: "Moon".
  static let applicationID = 0x4d6f_6f6e

  static var version: Int { migrations.count }

  static let migrations: [String] = [inventoryMirrorsHistory, changeStamps]

  /// An inventory is kept VPC by VPC, so that a change of a mirror reads one of them, and history tells which changed.
  /// Name, VPC and region of a mirror are read from its definition: nothing can disagree.
  private static let inventoryMirrorsHistory = """
    CREATE TABLE regions (
      id TEXT NOT NULL PRIMARY KEY,
      position INTEGER NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE vpcs (
      region TEXT NOT NULL REFERENCES regions (id),
      id TEXT NOT NULL,
      position INTEGER NOT NULL,
      document TEXT NOT NULL CHECK (json_valid(document)),
      PRIMARY KEY (region, id)
    );

    CREATE TABLE mirrors (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      definition TEXT NOT NULL CHECK (json_valid(definition)),
      problems TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(problems)),
      name TEXT NOT NULL GENERATED ALWAYS AS (json_extract(definition, '$.name')) VIRTUAL,
      region TEXT NOT NULL GENERATED ALWAYS AS (json_extract(definition, '$.region')) VIRTUAL,
      vpc TEXT NOT NULL GENERATED ALWAYS AS (json_extract(definition, '$.vpc')) VIRTUAL,
      vni INTEGER GENERATED ALWAYS AS (json_extract(definition, '$.encapsulation.vni')) VIRTUAL
    );
    CREATE UNIQUE INDEX mirrors_by_name ON mirrors (region, vpc, name);

    CREATE TABLE history (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      time TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
      actor TEXT NOT NULL,
      action TEXT NOT NULL,
      mirror INTEGER,
      region TEXT NOT NULL,
      vpc TEXT NOT NULL,
      name TEXT,
      before TEXT CHECK (before IS NULL OR json_valid(before)),
      after TEXT CHECK (after IS NULL OR json_valid(after))
    );
    CREATE INDEX history_by_mirror ON history (mirror);
    CREATE TRIGGER history_is_not_changed BEFORE UPDATE ON history
      BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
    CREATE TRIGGER history_is_not_deleted BEFORE DELETE ON history
      BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
    """

  /// When a mirror was made and last changed, for lists, without reading its history.
  private static let changeStamps = """
    ALTER TABLE mirrors ADD COLUMN created TEXT;
    ALTER TABLE mirrors ADD COLUMN changed TEXT;
    UPDATE mirrors SET
      created = (SELECT min(time) FROM history WHERE history.mirror = mirrors.id),
      changed = (SELECT max(time) FROM history WHERE history.mirror = mirrors.id);
    """

  /// Brings the database to this version's schema.
  ///
  /// - Parameter limit: only this many migrations, for tests of older stores.
  static func migrate(_ database: Database, path: String, upTo limit: Int = version) throws {
    guard try needsMigration(database, path: path, upTo: limit) else { return }
    try database.inTransaction(.immediate) {
      guard try needsMigration(database, path: path, upTo: limit) else { return .rollback }
      for migration in migrations[try userVersion(database)..<limit] { try database.execute(sql: migration) }
      try database.execute(sql: "PRAGMA application_id = \(applicationID); PRAGMA user_version = \(limit)")
      return .commit
    }
  }

  private static func needsMigration(_ database: Database, path: String, upTo limit: Int) throws -> Bool {
    let (application, found) = (try pragma("application_id", database), try userVersion(database))
    if application != applicationID {
      // An empty database: nobody's yet.
      guard application == 0, found == 0, try pragma("schema_version", database) == 0 else {
        throw StoreError.foreign(path: path)
      }
      return true
    }
    try checkOwner(database, path: path)
    return found < limit
  }

  /// Throws unless the database is a store that this version knows.
  ///
  /// - Parameter isCurrent: its schema must be this version's, because it cannot be migrated.
  static func checkOwner(_ database: Database, path: String, isCurrent: Bool = false) throws {
    guard try pragma("application_id", database) == applicationID else { throw StoreError.foreign(path: path) }
    let found = try userVersion(database)
    guard found <= version else { throw StoreError.newer(path: path, version: found, known: version) }
    if isCurrent, found < version { throw StoreError.readOnly(path: path) }
  }

  private static func userVersion(_ database: Database) throws -> Int { try pragma("user_version", database) }

  private static func pragma(_ name: String, _ database: Database) throws -> Int {
    try Int.fetchOne(database, sql: "PRAGMA \(name)") ?? 0
  }
}
