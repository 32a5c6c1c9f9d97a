internal import CLuaShims

/// One call of a host function by a script: its arguments, and where its results go.
///
/// Arguments count from 0 and are `nil` beyond the last, as in Lua. Valid only while the host function runs.
@safe public struct HostCall {
  unowned(unsafe) let state: LuaState
  let c: OpaquePointer
  let values: UnsafePointer<mt_value>?
  public let count: Int

  /// The argument as it came, or nil beyond the last.
  private func value(_ i: Int) -> UnsafePointer<mt_value>? {
    guard i >= 0, i < count, let values = unsafe values else { return nil }
    return unsafe values + i
  }

  private func value(_ i: Int, of kind: mt_kind) -> UnsafePointer<mt_value>? {
    guard let value = unsafe value(i), unsafe value.pointee.isKind(kind) else { return nil }
    return unsafe value
  }

  /// The argument, copied.
  public subscript(i: Int) -> LuaValue {
    guard let value = unsafe value(i), let values = unsafe values else { return .nil }
    return unsafe LuaValue(value.pointee, in: values)
  }

  public func boolean(_ i: Int) -> Bool? { unsafe value(i, of: MT_BOOLEAN).map { unsafe $0.pointee.integer != 0 } }

  /// A whole number: an integer, or a float without a fraction that fits.
  public func integer(_ i: Int) -> Int64? { unsafe value(i)?.pointee.wholeNumber }

  public func number(_ i: Int) -> Double? {
    guard let value = unsafe value(i)?.pointee else { return nil }
    return value.isKind(MT_INTEGER) || value.isKind(MT_NUMBER) ? value.number : nil
  }

  public func string(_ i: Int) -> String? { unsafe value(i, of: MT_STRING)?.pointee.text }

  public func table(_ i: Int) -> LuaTable? {
    guard let value = unsafe value(i, of: MT_TABLE), let values = unsafe values else { return nil }
    return unsafe LuaTable(value.pointee, in: values)
  }

  public func function(_ i: Int) -> LuaFunctionReference? {
    unsafe value(i, of: MT_FUNCTION)?.pointee.functionReference
  }

  public func handle(_ i: Int) -> LuaHandle? { unsafe value(i, of: MT_HANDLE)?.pointee.handle }

  /// The number of a handle of this type.
  public func handle(_ i: Int, of type: HandleTypeID) -> Int? {
    guard let value = unsafe value(i, of: MT_HANDLE), unsafe value.pointee.type == type.index else { return nil }
    return unsafe Int(value.pointee.integer)
  }

  /// A string's bytes as they are, valid while the host function runs.
  public func bytes(_ i: Int) -> UnsafeRawBufferPointer? {
    guard let value = unsafe value(i, of: MT_STRING) else { return nil }
    return unsafe UnsafeRawBufferPointer(start: value.pointee.bytes, count: value.pointee.length)
  }

  /// The first byte of a record of this type; valid while the host function runs.
  public func record(_ i: Int, of type: RecordTypeID) -> UnsafeRawPointer? {
    guard let value = unsafe value(i, of: MT_RECORD), unsafe value.pointee.type == type.index else { return nil }
    return unsafe value.pointee.base
  }

  /// Lua's name of the argument's type; `no value` beyond the last; a handle's or record's own type name.
  public func typeName(_ i: Int) -> String {
    guard let value = unsafe value(i)?.pointee else { return "no value" }
    if value.isKind(MT_HANDLE) { return unsafe state.library.handleTypes[Int(value.type)].name }
    if value.isKind(MT_RECORD) { return unsafe state.library.recordTypes[Int(value.type)].name }
    if value.isKind(MT_TABLE) { return "table" }
    return self[i].typeName
  }

  /// The line of the script that called.
  public var place: LuaPlace? {
    var chunk: UnsafePointer<CChar>?
    var line: Int32 = 0
    guard unsafe mt_caller(c, &chunk, &line), let chunk = unsafe chunk else { return nil }
    return unsafe LuaPlace(chunk: String(cString: chunk), line: Int(line))
  }

  /// The call is to end: long work of the host looks now and then, and returns; the script then ends by itself.
  public var isInterrupted: Bool { unsafe mt_is_interrupted(c) }

  /// Counts work that the function did against the script's step budget; one step is worth about 4 ns.
  public func charge(_ steps: Int) { unsafe mt_charge(c, Int64(steps)) }

  /// For pure functions that are given a record: the answer hangs on this key of it, see `RecordField.keys`.
  public func depends(on key: UInt8, of record: UnsafeRawPointer) { unsafe mt_note_key(c, record, key) }

  /// Work whose time does not count against the script, because the host bounds it in its own way.
  public func uncounted<Success, Failure: Error>(_ body: () throws(Failure) -> Success) throws(Failure) -> Success {
    unsafe mt_stop_clock(c)
    defer { unsafe mt_go_on_clock(c) }
    return try body()
  }

  public func push(_ value: LuaValue) { unsafe LuaRuntime.push(value, to: c) }
  public func push(_ value: Bool) { unsafe mt_push_boolean(c, value) }
  public func push(_ value: Int64) { unsafe mt_push_integer(c, value) }
  public func push(_ value: Double) { unsafe mt_push_number(c, value) }
  public func push(_ value: String) { unsafe LuaRuntime.push(value, to: c) }
  public func push(_ value: LuaHandle) { unsafe mt_push_handle(c, UInt32(value.type.index), Int64(value.index)) }
  public func push(_ value: LuaPinned) { unsafe mt_push_pinned(c, value.id) }
  public func pushNil() { unsafe mt_push_nil(c) }

  public func push(bytes: UnsafeRawBufferPointer) {
    unsafe mt_push_string(c, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
  }

  /// A record of its own. `pinned`: its bytes live as long as the state; else it is stale after the present call.
  public func push(record type: RecordTypeID, at base: UnsafeRawPointer, pinned: Bool) {
    unsafe mt_push_record(c, UInt32(type.index), base, pinned)
  }

  /// A record of its own with a copy of these bytes, which lives as long as the script holds it or a part of it.
  public func push(copyOf bytes: UnsafeRawBufferPointer, type: RecordTypeID) {
    guard let base = bytes.baseAddress else { return pushNil() }
    unsafe mt_push_record_copy(c, UInt32(type.index), base, bytes.count)
  }

  /// The script's own table that belongs to `id`, as `RecordField.Kind.table`.
  public func pushTable(of id: UInt32) { unsafe mt_push_id_table(c, id) }

  /// When this host function has returned, Lua calls `function` with `arguments`, and then `body` with its results as
  /// arguments of a new call. What `function` raises goes to the script, `body` is then not called. Values pushed before
  /// are dropped.
  public func next(_ function: LuaFunctionReference, _ arguments: [LuaValue], then body: @escaping HostFunction) {
    unsafe mt_begin(c)
    unsafe mt_push_function(c, function.id)
    for argument in arguments { push(argument) }
    unsafe mt_next(c, follow(with: body))
  }

  /// The same with arguments that `push` pushes.
  public func next(
    _ function: LuaFunctionReference, pushing push: (HostCall) -> Void, then body: @escaping HostFunction
  ) {
    unsafe mt_begin(c)
    unsafe mt_push_function(c, function.id)
    push(self)
    unsafe mt_next(c, follow(with: body))
  }

  /// The same with a chunk (for `require`): it is loaded and run, and `body` gets what it returned.
  public func next(source: String, chunkName: String, then body: @escaping HostFunction) {
    next(source: Array(source.utf8), chunkName: chunkName, then: body)
  }

  /// The same with bytes that need not be UTF-8, as Lua allows in strings.
  public func next(source: [UInt8], chunkName: String, then body: @escaping HostFunction) {
    unsafe mt_begin(c)
    unsafe source.withUnsafeBytes { unsafe push(bytes: $0) }
    unsafe mt_next_chunk(c, follow(with: body), chunkName)
  }

  private func follow(with body: @escaping HostFunction) -> UInt32 {
    let depth = unsafe Int(mt_next_depth(c))
    unsafe state.pending.removeLast(state.pending.count - depth)  // what a caught error left behind
    unsafe state.pending.append(body)
    return UInt32(unsafe state.pending.count)
  }
}
