internal import LuaRuntime
internal import Synchronization

/// The small key-value table that all workers of a policy share: each operation is one step, under one lock.
///
/// Values are over at a time on the engine's clock. The table is bounded: a full one first forgets what is over, then
/// refuses.
public final class SharedStore: Sendable {
  enum Value: Hashable, Sendable {
    case boolean(Bool)
    case integer(Int64)
    case number(Double)
    case bytes([UInt8])
  }

  enum Refusal: Error { case full, tooLong, notANumber }

  static let keyLimit = 256
  static let valueLimit = 4096
  static let entryLimit = 65_536
  /// Bytes of keys and values together.
  static let byteLimit = 16 << 20

  private struct Entry {
    var value: Value
    var expires: Int64
    var size: Int
  }

  private struct Table {
    var entries: [[UInt8]: Entry] = [:]
    var bytes = 0
    /// The latest time at which it was asked.
    var now = Int64.min
    /// Nothing is over before this: a full table that is asked again and again is searched once.
    var firstExpiry = Int64.max
  }

  private let table = Mutex(Table())

  public init() {}

  func get(_ key: [UInt8], at time: Int64) -> Value? {
    table.withLock { table in
      table.now = max(table.now, time)
      guard let entry = table.entries[key], entry.expires > time else { return nil }
      return entry.value
    }
  }

  /// The value for one who has no clock yet.
  func latest(_ key: [UInt8]) -> Value? {
    table.withLock { table in
      guard let entry = table.entries[key], entry.expires > table.now else { return nil }
      return entry.value
    }
  }

  func remove(_ key: [UInt8]) { table.withLock { table in Self.remove(key, from: &table) } }

  func set(_ key: [UInt8], _ value: Value, expires: Int64, at time: Int64) -> Result<Value, Refusal> {
    table.withLock { table in Self.put(key, value, expires, time, in: &table) }
  }

  /// Adds to a number; one that is made or over starts at zero, with the expiry given.
  func add(_ key: [UInt8], _ amount: Value, expires: Int64, at time: Int64) -> Result<Value, Refusal> {
    table.withLock { table in
      guard let entry = table.entries[key], entry.expires > time else {
        return amount.isNumber ? Self.put(key, amount, expires, time, in: &table) : .failure(.notANumber)
      }
      guard let sum = entry.value.adding(amount) else { return .failure(.notANumber) }
      return Self.put(key, sum, entry.expires, time, in: &table)
    }
  }

  private static func put(
    _ key: [UInt8], _ value: Value, _ expires: Int64, _ time: Int64, in table: inout Table
  ) -> Result<Value, Refusal> {
    table.now = max(table.now, time)
    guard value.size <= valueLimit else { return .failure(.tooLong) }
    let size = key.count + value.size + 64
    if !hasRoom(key, size, in: table) {
      if table.firstExpiry <= time { forgetOver(at: time, in: &table) }
      guard hasRoom(key, size, in: table) else { return .failure(.full) }
    }
    remove(key, from: &table)
    table.firstExpiry = min(table.firstExpiry, expires)
    table.entries[key] = Entry(value: value, expires: expires, size: size)
    table.bytes += size
    return .success(value)
  }

  private static func forgetOver(at time: Int64, in table: inout Table) {
    for (key, entry) in table.entries where entry.expires <= time { remove(key, from: &table) }
    table.firstExpiry = table.entries.values.reduce(.max) { min($0, $1.expires) }
  }

  private static func hasRoom(_ key: [UInt8], _ size: Int, in table: Table) -> Bool {
    let old = table.entries[key]?.size
    return (old != nil || table.entries.count < entryLimit) && table.bytes - (old ?? 0) + size <= byteLimit
  }

  private static func remove(_ key: [UInt8], from table: inout Table) {
    if let entry = table.entries.removeValue(forKey: key) { table.bytes -= entry.size }
  }

  @discardableResult
  static func check(_ result: Result<Value, Refusal>) throws(HostFailure) -> Value {
    switch result {
    case .success(let value): return value
    case .failure(.full): throw HostFailure("shared is full: at most \(entryLimit) keys and \(byteLimit >> 20) MiB")
    case .failure(.tooLong): throw HostFailure(argument: 2, "a value has at most \(valueLimit) bytes")
    case .failure(.notANumber): throw HostFailure(argument: 1, "the value of this key is not a number")
    }
  }
}

extension SharedStore.Value {
  init?(_ call: HostCall, _ position: Int) {
    switch call[position] {
    case .boolean(let flag): self = .boolean(flag)
    case .integer(let number): self = .integer(number)
    case .number(let number): self = .number(number)
    case .string(let text): self = .bytes(Array(text.utf8))
    case .bytes(let bytes): self = .bytes(bytes)
    default: return nil
    }
  }

  func push(to call: HostCall) {
    switch self {
    case .boolean(let flag): call.push(flag)
    case .integer(let number): call.push(number)
    case .number(let number): call.push(number)
    case .bytes(let bytes): unsafe bytes.withUnsafeBytes { unsafe call.push(bytes: $0) }
    }
  }

  var size: Int { if case .bytes(let bytes) = self { bytes.count } else { 8 } }

  var isNumber: Bool {
    switch self {
    case .integer, .number: true
    default: false
    }
  }

  /// As Lua adds: integers wrap, a float makes the sum a float.
  func adding(_ other: Self) -> Self? {
    switch (self, other) {
    case (.integer(let a), .integer(let b)): .integer(a &+ b)
    case (.integer(let a), .number(let b)): .number(Double(a) + b)
    case (.number(let a), .integer(let b)): .number(a + Double(b))
    case (.number(let a), .number(let b)): .number(a + b)
    default: nil
    }
  }
}
