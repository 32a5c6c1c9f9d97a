internal import Foundation
internal import GRDB
public import Inventory
public import JSONText
public import Mirroring

/// The console's memory: an inventory, mirrors, and the history of both, in one SQLite file.
///
/// 1. Every change is one immediate transaction: what it depends on (limit, names, VNIs, inventory) is read under the
///    write lock, judged by `MirrorValidator`, and written together with its line of history, or nothing is.
/// 2. When a call that changes something returns, the change is on disk (WAL, `synchronous = FULL`).
/// 3. History is only ever added to; triggers refuse everything else.
/// 4. A mirror that was valid stays as it is when the inventory changes under it; what is wrong with it is kept beside it.
public final class MirrorStore {
  public enum Access: Sendable {
    /// The file must exist; nothing is written.
    case read
    /// The file must exist.
    case change
    /// The file and its folder are made if need be.
    case create
  }

  public let path: String
  /// Who changes something, for the history.
  public var actor: String
  /// Mirrors that live elsewhere, beside the stored ones: in every change they count for limits, names and VNIs.
  public var neighbours: [MirrorDraft] = []
  let queue: DatabaseQueue
  /// Checks filters that are kept as Lua text; without it they are taken as they are.
  public var checkFilter: FilterCheck?
  /// Checks `filter.bpf` inside such texts.
  public typealias FilterCheck = (FilterText, _ definition: JSONValue, Inventory) -> [MirrorViolation]

  /// How long a change waits for those of other processes.
  public static let patience = 10

  public init(path: String, access: Access, actor: String) throws(StoreError) {
    self.path = path
    self.actor = actor
    if access == .create {
      try StoreFile.createFolders(of: path)
      try StoreFile.createPrivately(path)
    } else if !StoreFile.exists(path) {
      throw .missing(path: path)
    }
    guard StoreFile.isRegular(path) else { throw .unusable(path: path, reason: "it is no regular file") }
    do {
      queue = try Self.open(path, access)
    } catch {
      guard access == .read, StoreFile.isReadOnly(path), StoreFile.isSettled(path) else { throw error }
      queue = try Self.openUnchanging(path)
    }
  }

  /// On a disk that cannot be written, where SQLite's files beside the store cannot be made either: nobody writes, so
  /// nobody needs to be kept apart.
  private static func openUnchanging(_ path: String) throws(StoreError) -> DatabaseQueue {
    try translating(path) {
      let absolute = URL(filePath: path).absoluteString
      let queue = try DatabaseQueue(path: absolute + "?immutable=1", configuration: configuration(path, readOnly: true))
      try queue.inDatabase { try StoreSchema.checkOwner($0, path: path, isCurrent: true) }
      return queue
    }
  }

  private static func open(_ path: String, _ access: Access) throws(StoreError) -> DatabaseQueue {
    try translating(path) {
      let queue = try DatabaseQueue(path: path, configuration: configuration(path))
      try queue.inDatabase { database in
        try StoreSchema.migrate(database, path: path)
        if access != .read { try useWAL(database) }
      }
      return queue
    }
  }

  static func configuration(_ path: String, readOnly: Bool = false) -> Configuration {
    var configuration = Configuration()
    configuration.readonly = readOnly
    configuration.busyMode = .timeout(Double(patience))
    configuration.label = path
    configuration.prepareDatabase { database in
      try database.execute(sql: "PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON")
    }
    return configuration
  }

  /// The mode is kept in the file, so this changes something once in a store's life. SQLite does not wait for others
  /// here; whoever comes second finds it done.
  static func useWAL(_ database: Database) throws {
    for attempt in 0... {
      if try String.fetchOne(database, sql: "PRAGMA journal_mode") == "wal" { return }
      do {
        try database.execute(sql: "PRAGMA journal_mode = WAL")
      } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY && attempt < patience * 100 {
        StoreClock.pause(milliseconds: 10)
      }
    }
  }

  // MARK: Transactions

  /// One consistent look.
  func read<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
    try translating { try queue.read(body) }
  }

  /// One change, under the write lock from its first look to its commit.
  ///
  /// - Parameter isRehearsal: takes everything back at the end.
  func change<Value>(isRehearsal: Bool = false, _ body: (Database) throws -> Value) throws(StoreError) -> Value {
    try translating {
      try queue.writeWithoutTransaction { database in
        var value: Value?
        try database.inTransaction(.immediate) {
          value = try body(database)
          return isRehearsal ? .rollback : .commit
        }
        return value!
      }
    }
  }

  func translating<Value>(_ body: () throws -> Value) throws(StoreError) -> Value {
    try Self.translating(path, body)
  }

  /// SQLite's errors in our words.
  static func translating<Value>(_ path: String, _ body: () throws -> Value) throws(StoreError) -> Value {
    do {
      return try body()
    } catch let error as StoreError {
      throw error
    } catch let error as DatabaseError {
      throw StoreError(error, path: path, seconds: patience)
    } catch {
      throw .failed(path: path, detail: "\(error)")
    }
  }
}
