internal import CLuaShims

/// One call of a host function by a script: its arguments, and where its results go.
///
/// Arguments count from 0 and are `nil` beyond the last, as in Lua. Valid only while the host function runs.
@safe public struct HostCall {
  let state: LuaState
  let values: UnsafePointer<mt_value>?
  public let count: Int

  /// The argument, copied.
  public subscript(i: Int) -> LuaValue { .nil }

  public func boolean(_ i: Int) -> Bool? { nil }
  /// A whole number: an integer, or a float without a fraction that fits.
  public func integer(_ i: Int) -> Int64? { nil }
  public func number(_ i: Int) -> Double? { nil }
  public func string(_ i: Int) -> String? { nil }
  public func table(_ i: Int) -> LuaTable? { nil }
  public func function(_ i: Int) -> LuaFunctionReference? { nil }
  /// The number of a handle of this type.
  public func handle(_ i: Int, of type: HandleTypeID) -> Int? { nil }
  public func handle(_ i: Int) -> LuaHandle? { nil }
  /// A string's bytes as they are, valid while the host function runs.
  public func bytes(_ i: Int) -> UnsafeRawBufferPointer? { nil }
  /// The first byte of a record of this type; valid while the host function runs.
  public func record(_ i: Int, of type: RecordTypeID) -> UnsafeRawPointer? { nil }
  /// Lua's name of the argument's type; `no value` beyond the last; a handle's or record's own type name.
  public func typeName(_ i: Int) -> String { "nil" }

  /// The line of the script that called.
  public var place: LuaPlace? { nil }

  /// Counts work that the function did against the script's step budget; one step is worth about 4 ns.
  public func charge(_ steps: Int) {}

  public func push(_ value: LuaValue) {}
  public func push(_ value: Bool) {}
  public func push(_ value: Int64) {}
  public func push(_ value: Double) {}
  public func push(_ value: String) {}
  public func push(bytes: UnsafeRawBufferPointer) {}
  public func push(_ value: LuaHandle) {}
  public func push(_ value: LuaPinned) {}
  public func pushNil() {}
  /// A record of its own. `pinned`: its bytes live as long as the state; else it is stale after the present call.
  public func push(record type: RecordTypeID, at base: UnsafeRawPointer, pinned: Bool) {}
  /// The script's own table that belongs to `id`, as `RecordField.Kind.table`.
  public func pushTable(of id: UInt32) {}

  /// When this host function has returned, Lua calls `function` with `arguments`, and then `body` with its results as
  /// arguments of a new call. What `function` raises goes to the script, `body` is then not called.
  public func next(_ function: LuaFunctionReference, _ arguments: [LuaValue], then body: @escaping HostFunction) {}

  /// The same with a chunk (for `require`): it is loaded and run, and `body` gets what it returned.
  public func next(source: String, chunkName: String, then body: @escaping HostFunction) {}
}
