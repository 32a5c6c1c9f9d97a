internal import CLuaShims

extension LuaLimits {
  var c: mt_limits { mt_limits(steps: steps, wall: wallNanoseconds, allocated: allocatedBytesPerCall) }
}

extension mt_value {
  func isKind(_ kind: mt_kind) -> Bool { self.kind == UInt8(kind.rawValue) }

  /// A string's text, repaired to UTF-8; empty for other kinds.
  var text: String {
    guard let bytes = unsafe bytes else { return "" }
    return unsafe String(decoding: UnsafeRawBufferPointer(start: bytes, count: length), as: UTF8.self)
  }

  var functionReference: LuaFunctionReference {
    let isNative = flag != 0
    let name = !isNative ? "\(text):\(count)" : length > 0 ? text : "native function"
    return LuaFunctionReference(id: Int32(truncatingIfNeeded: integer), name: name, isNative: isNative)
  }

  var handle: LuaHandle { LuaHandle(HandleTypeID(index: type), Int(integer)) }

  /// An integer, or a float without a fraction that fits.
  var wholeNumber: Int64? {
    switch UInt32(kind) {
    case MT_INTEGER.rawValue: integer
    case MT_NUMBER.rawValue: flag != 0 ? integer : nil
    default: nil
    }
  }
}

extension LuaValue {
  /// `all` is the array that the positions of tables count in.
  init(_ value: mt_value, in all: UnsafePointer<mt_value>) {
    switch UInt32(value.kind) {
    case MT_BOOLEAN.rawValue: self = .boolean(value.integer != 0)
    case MT_INTEGER.rawValue: self = .integer(value.integer)
    case MT_NUMBER.rawValue: self = .number(value.number)
    case MT_STRING.rawValue: self = unsafe LuaValue(text: value.bytes, value.length)
    case MT_TABLE.rawValue: self = unsafe .table(LuaTable(value, in: all))
    case MT_HANDLE.rawValue: self = .handle(value.handle)
    case MT_FUNCTION.rawValue: self = .function(value.functionReference)
    case MT_RECORD.rawValue: self = .record(RecordTypeID(index: value.type))
    default: self = .nil
    }
  }
}

extension LuaValue {
  private init(text: UnsafePointer<CChar>?, _ length: Int) {
    let bytes = unsafe UnsafeRawBufferPointer(start: text, count: text == nil ? 0 : length)
    let valid = unsafe String(validating: bytes, as: UTF8.self)
    self = unsafe valid.map { .string($0) } ?? .bytes(Array(bytes))
  }
}

extension LuaTable {
  init(_ value: mt_value, in all: UnsafePointer<mt_value>) {
    self.init()
    var numbered: [Int64: LuaValue] = [:]
    for pair in 0..<Int(value.count) {
      let at = Int(value.integer) + 2 * pair
      let key = unsafe all[at]
      let entry = unsafe LuaValue(all[at + 1], in: all)
      if key.isKind(MT_STRING) { fields.append(Field(key.text, entry)) } else { numbered[key.integer] = entry }
    }
    fields.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    while let item = numbered.removeValue(forKey: Int64(items.count) + 1) { items.append(item) }
    sparse = numbered
  }
}

extension LuaResult {
  init(_ value: mt_value) {
    switch UInt32(value.kind) {
    case MT_NIL.rawValue: self = .nil
    case MT_BOOLEAN.rawValue: self = .boolean(value.integer != 0)
    case MT_INTEGER.rawValue: self = .integer(value.integer)
    case MT_NUMBER.rawValue: self = .number(value.number)
    case MT_STRING.rawValue: self = .string(value.text)
    case MT_HANDLE.rawValue: self = .handle(value.handle)
    default: self = .other(value.text)
    }
  }
}

extension LuaError {
  static let reentered = LuaError(.runtime, "the interpreter was called from within one of its own calls")

  /// What a function of the shims returned, and its report.
  init(_ status: Int32, _ report: UnsafePointer<mt_error>) {
    if status == Int32(MT_BUSY.rawValue) {
      self = .reentered
      return
    }
    let kind: Kind =
      switch UInt32(status) {
      case MT_SYNTAX.rawValue: .syntax
      case MT_CPU.rawValue: .cpu
      case MT_WALL.rawValue: .wall
      case MT_MEMORY.rawValue: .memory
      case MT_STALE.rawValue: .stale
      case MT_INTERRUPTED.rawValue: .interrupted
      default: .runtime
      }
    let chunk = unsafe String(cString: mt_error_chunk(report))
    let line = unsafe Int(report.pointee.line)
    unsafe self.init(
      kind, String(cString: mt_error_message(report)),
      at: chunk.isEmpty ? nil : LuaPlace(chunk: chunk, line: line),
      traceback: String(cString: mt_error_traceback(report)))
  }
}

/// Collects one value for Lua. A record cannot be passed on this way and becomes `nil`.
func push(_ value: LuaValue, to state: OpaquePointer) {
  switch value {
  case .nil, .record: unsafe mt_push_nil(state)
  case .boolean(let v): unsafe mt_push_boolean(state, v)
  case .integer(let v): unsafe mt_push_integer(state, v)
  case .number(let v): unsafe mt_push_number(state, v)
  case .string(let v): unsafe push(v, to: state)
  case .bytes(let v): unsafe push(v, to: state)
  case .handle(let v): unsafe mt_push_handle(state, UInt32(v.type.index), Int64(v.index))
  case .function(let v): unsafe mt_push_function(state, v.id)
  case .table(let v): unsafe push(v, to: state)
  }
}

func push(_ text: String, to state: OpaquePointer) {
  var text = text
  text.withUTF8 { bytes in
    unsafe bytes.withMemoryRebound(to: CChar.self) { bytes in
      unsafe mt_push_string(state, bytes.baseAddress, bytes.count)
    }
  }
}

private func push(_ text: [UInt8], to state: OpaquePointer) {
  unsafe text.withUnsafeBytes { bytes in
    unsafe mt_push_string(state, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
  }
}

private func push(_ table: LuaTable, to state: OpaquePointer) {
  unsafe mt_push_table(state, UInt32(table.items.count + table.fields.count + table.sparse.count))
  for (position, item) in table.items.enumerated() {
    unsafe mt_push_integer(state, Int64(position + 1))
    unsafe push(item, to: state)
  }
  for field in table.fields {
    unsafe push(field.key, to: state)
    unsafe push(field.value, to: state)
  }
  for (key, value) in table.sparse {
    unsafe mt_push_integer(state, key)
    unsafe push(value, to: state)
  }
}
