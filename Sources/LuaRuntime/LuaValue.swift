/// A handle type of a `HostLibrary`: the position of its declaration.
@frozen public struct HandleTypeID: Hashable, Sendable {
  public let index: UInt16

  @inlinable init(index: UInt16) { self.index = index }
}

/// A record type of a `HostLibrary`: the position of its declaration.
@frozen public struct RecordTypeID: Hashable, Sendable {
  public let index: UInt16

  @inlinable init(index: UInt16) { self.index = index }
}

/// What a script holds instead of a host object: the type and a number that only the host can read.
@frozen public struct LuaHandle: Hashable, Sendable {
  public let type: HandleTypeID
  public let index: Int

  @inlinable public init(_ type: HandleTypeID, _ index: Int) {
    self.type = type
    self.index = index
  }
}

/// A Lua function that the host keeps. It lives until `LuaState.release(_:)` or the end of its state.
///
/// The same function always has the same reference: comparing references compares functions.
public struct LuaFunctionReference: Hashable, Sendable {
  public let id: Int32
  /// File and line of its `function` keyword, `web-to-ids.lua:8`; the place is what a bare function is called by.
  /// Of the host's functions the name that scripts know, `filter.any`.
  public let name: String
  /// A function of the library or the host (`print`), not of the script.
  public let isNative: Bool

  public static func == (a: LuaFunctionReference, b: LuaFunctionReference) -> Bool { a.id == b.id }
  public func hash(into hasher: inout Hasher) { hasher.combine(id) }
}

/// A Lua table as the host sees it, copied: sequence and named fields apart, in an order that does not depend on hashing.
public struct LuaTable: Hashable, Sendable {
  /// `t[1]`, `t[2]`, ... up to the first hole.
  public var items: [LuaValue]
  /// The string keys, sorted by their bytes.
  public var fields: [Field]
  /// Whole-number keys that do not belong to the sequence, sorted.
  public var sparse: [Int64: LuaValue]

  public struct Field: Hashable, Sendable {
    public var key: String
    public var value: LuaValue

    public init(_ key: String, _ value: LuaValue) {
      self.key = key
      self.value = value
    }
  }

  public init(items: [LuaValue] = [], fields: [Field] = [], sparse: [Int64: LuaValue] = [:]) {
    self.items = items
    self.fields = fields
    self.sparse = sparse
  }

  public subscript(key: String) -> LuaValue { fields.first { $0.key == key }?.value ?? .nil }
}

/// A value on its way between Lua and the host, copied.
public enum LuaValue: Hashable, Sendable {
  case `nil`
  case boolean(Bool)
  case integer(Int64)
  case number(Double)
  case string(String)
  /// A string that is no UTF-8; one that is comes as `string`.
  case bytes([UInt8])
  case table(LuaTable)
  case handle(LuaHandle)
  case function(LuaFunctionReference)
  /// A record (`packet`); its bytes are reached through `HostCall.record(_:of:)` only.
  case record(RecordTypeID)

  /// The word a script's author would use: `"string"`, `"table"`, ...; handles and records are `"userdata"` here.
  public var typeName: String {
    switch self {
    case .nil: "nil"
    case .boolean: "boolean"
    case .integer, .number: "number"
    case .string, .bytes: "string"
    case .table: "table"
    case .handle, .record: "userdata"
    case .function: "function"
    }
  }
}

/// What a script function answered: its first value. More values are dropped.
public enum LuaResult: Hashable, Sendable {
  /// `nil`, or no value at all.
  case `nil`
  case boolean(Bool)
  case integer(Int64)
  case number(Double)
  case string(String)
  case handle(LuaHandle)
  /// Anything else, by Lua's name of its type.
  case other(String)
}

/// A value kept inside Lua for the host, to be passed to calls without building it anew. See `LuaState.pin(_:)`.
public struct LuaPinned: Hashable, Sendable {
  let id: Int32
}

/// Where in a script.
public struct LuaPlace: Hashable, Sendable, CustomStringConvertible {
  /// The chunk name given at load, normally the file's name.
  public var chunk: String
  /// From 1; 0: unknown.
  public var line: Int

  public init(chunk: String, line: Int) {
    self.chunk = chunk
    self.line = line
  }

  public var description: String { "\(chunk):\(line)" }
}
