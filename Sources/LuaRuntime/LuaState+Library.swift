internal import CLuaShims

/// Names as C strings that stay in place while a description is handed over.
private struct NamePool {
  private var bytes: [CChar] = []

  /// The offset of the name in `bytes`.
  mutating func add(_ name: String) -> Int {
    defer {
      bytes.append(contentsOf: name.utf8.map { CChar(bitPattern: $0) })
      bytes.append(0)
    }
    return bytes.count
  }

  func withPointer<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
    unsafe bytes.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { preconditionFailure("a description has a name") }
      return unsafe body(base)
    }
  }
}

/// Members of a type on their way to C: offset of the name, number of the function.
private struct Members {
  var entries: [(name: Int, function: UInt32)] = []
  /// By position in `entries`.
  var predicates: [Int: (number: UInt32, RecordPredicate)] = [:]

  func c(_ names: UnsafePointer<CChar>) -> [mt_member] {
    unsafe entries.enumerated().map { position, entry in
      let (number, predicate) = predicates[position] ?? (UInt32(MT_NO_FUNCTION), nil)
      return unsafe mt_member(
        name: names + entry.name, function: entry.function, predicate: number,
        handle_type: predicate.map { UInt32($0.handle.index) } ?? 0, first_key: predicate?.firstKey ?? 0,
        key_step: predicate?.keyStep ?? 0)
    }
  }
}

/// The host's functions by the numbers under which C knows them.
@safe struct HostTables {
  private(set) var functions: [HostFunction]
  private(set) var texts: [(UnsafeRawPointer, UnsafeMutableRawBufferPointer) -> Int?] = unsafe []
  private(set) var elsewheres: [(UnsafeRawPointer) -> UnsafeRawPointer?] = unsafe []
  private(set) var predicates: [(UnsafeRawPointer, Int) -> Bool?] = unsafe []
  /// What C is told of functions: number, name as scripts write it, nature.
  private var described: [(function: UInt32, name: String, nature: HostNature)] = []

  init(_ library: HostLibrary) { functions = library.functions }

  /// Hands the whole library to C. Later nothing is added.
  mutating func register(_ library: HostLibrary, in c: OpaquePointer) throws(LuaError) {
    func check(_ status: Int32) throws(LuaError) {
      if status != 0 { throw unsafe LuaError(status, mt_last_error(c)) }
    }
    try unsafe check(
      mt_reserve_types(c, UInt32(library.handleTypes.count), UInt32(library.recordTypes.count)))
    for (i, type) in library.handleTypes.enumerated() { try unsafe check(register(type, UInt32(i), in: c)) }
    for (i, type) in library.recordTypes.enumerated() { try unsafe check(register(type, UInt32(i), in: c)) }
    for global in library.globals {
      try unsafe check(mt_add_function(c, global.namespace, global.name, UInt32(global.function)))
      let name = (global.namespace.map { $0 + "." } ?? "") + global.name
      described.append((UInt32(global.function), name, global.nature))
    }
    for constant in library.constants {
      unsafe mt_begin(c)
      unsafe push(constant.value, to: c)
      try unsafe check(mt_add_value(c, constant.namespace, constant.name))
    }
    for entry in described {
      try unsafe check(mt_describe_function(c, entry.function, entry.name, entry.nature.c))
    }
    described.removeAll()
    try unsafe check(mt_seal(c))
  }

  mutating func number(_ function: @escaping HostFunction) -> UInt32 {
    functions.append(function)
    return UInt32(functions.count - 1)
  }

  mutating func number(_ function: HostFunction?) -> UInt32 {
    guard let function else { return UInt32(MT_NO_FUNCTION) }
    return number(function)
  }

  /// - Parameter name: as scripts write it: `counter:add`.
  private mutating func number(_ function: HostFunction?, _ name: String, _ nature: HostNature?) -> UInt32 {
    let number = number(function)
    if function != nil { described.append((number, name, nature ?? .acts)) }
    return number
  }

  mutating func number(text: @escaping (UnsafeRawPointer, UnsafeMutableRawBufferPointer) -> Int?) -> UInt32 {
    unsafe texts.append(text)
    return UInt32(unsafe texts.count - 1)
  }

  mutating func number(elsewhere: @escaping (UnsafeRawPointer) -> UnsafeRawPointer?) -> UInt32 {
    unsafe elsewheres.append(elsewhere)
    return UInt32(unsafe elsewheres.count - 1)
  }

  private mutating func register(_ type: HandleType, _ index: UInt32, in c: OpaquePointer) -> Int32 {
    var pool = NamePool()
    let name = pool.add(type.name)
    var fields = Members()
    var methods = Members()
    for field in type.fields {
      let function = number(field.get, type.name + "." + field.name, type.natures[field.name])
      fields.entries.append((pool.add(field.name), function))
    }
    for method in type.methods {
      let function = number(method.call, type.name + ":" + method.name, type.natures[method.name])
      methods.entries.append((pool.add(method.name), function))
    }
    var operators = [UInt32](repeating: UInt32(MT_NO_FUNCTION), count: LuaOperator.allCases.count)
    for (op, function) in type.operators {
      operators[op.rawValue] = number(function, "an operator of " + type.name, op == .length ? type.natures["#"] : nil)
    }
    let others = (
      index: number(type.index, type.name + "[]", type.natures["[]"]),
      enumerate: number(type.enumerate, "pairs", type.natures["pairs"]),
      describe: number(type.describe, "tostring", nil)
    )
    return unsafe pool.withPointer { names in
      let fieldMembers = unsafe fields.c(names)
      let methodMembers = unsafe methods.c(names)
      return unsafe fieldMembers.withUnsafeBufferPointer { fieldMembers in
        unsafe methodMembers.withUnsafeBufferPointer { methodMembers in
          var description = unsafe mt_handle_type(
            name: names + name, fields: fieldMembers.baseAddress, field_count: UInt32(fieldMembers.count),
            methods: methodMembers.baseAddress, method_count: UInt32(methodMembers.count),
            operators: (operators[0], operators[1], operators[2], operators[3], operators[4]),
            index: others.index, enumerate: others.enumerate, describe: others.describe,
            claims_functions: type.claimsFunctions)
          return unsafe mt_define_handle_type(c, index, &description)
        }
      }
    }
  }

  private mutating func register(_ type: RecordType, _ index: UInt32, in c: OpaquePointer) -> Int32 {
    var pool = NamePool()
    let name = pool.add(type.name)
    var methods = Members()
    for method in type.methods {
      let function = number(method.call, type.name + ":" + method.name, type.natures[method.name])
      if let predicate = type.predicates[method.name] {
        methods.predicates[methods.entries.count] = (UInt32(unsafe predicates.count), predicate)
        unsafe predicates.append(predicate.test)
      }
      methods.entries.append((pool.add(method.name), function))
    }
    var fields: [FieldDescription] = []
    for field in type.fields { fields.append(FieldDescription(field, &pool, &self)) }
    let ends = (
      length: number(type.length, "#" + type.name, type.natures["#"]),
      describe: number(type.describe, "tostring", nil)
    )
    return unsafe pool.withPointer { names in
      let members = unsafe methods.c(names)
      let valueNames = unsafe fields.flatMap { unsafe $0.names(in: names) }
      let values = fields.flatMap(\.values)
      return unsafe members.withUnsafeBufferPointer { members in
        unsafe valueNames.withUnsafeBufferPointer { valueNames in
          unsafe values.withUnsafeBufferPointer { values in
            var entries: [mt_field] = unsafe []
            var used = 0
            for field in fields {
              unsafe entries.append(
                field.c(
                  names, valueNames.baseAddress.map { unsafe $0 + used }, values.baseAddress.map { unsafe $0 + used }))
              used += field.values.count
            }
            return unsafe entries.withUnsafeBufferPointer { entries in
              var description = unsafe mt_record_type(
                name: names + name, fields: entries.baseAddress, field_count: UInt32(entries.count),
                methods: members.baseAddress, method_count: UInt32(members.count),
                length: ends.length, describe: ends.describe)
              return unsafe mt_define_record_type(c, index, &description)
            }
          }
        }
      }
    }
  }
}

/// One field of a record type on its way to C.
private struct FieldDescription {
  let name: Int
  let presence: RecordBit?
  let keys: [UInt8]?
  var kind: mt_field_kind
  var offset = 0
  var detail: UInt32 = 0
  var function: UInt32 = 0
  /// Offsets of the names of `values`.
  var nameOffsets: [Int] = []
  var values: [UInt8] = []

  init(_ field: RecordField, _ pool: inout NamePool, _ host: inout HostTables) {
    name = pool.add(field.name)
    presence = field.presence
    keys = field.keys.map { Array($0.prefix(Int(MT_FIELD_KEYS))) }
    switch field.kind {
    case .unsigned8(let at): (kind, offset) = (MT_FIELD_U8, at)
    case .unsigned16(let at): (kind, offset) = (MT_FIELD_U16, at)
    case .unsigned32(let at): (kind, offset) = (MT_FIELD_U32, at)
    case .unsigned64(let at): (kind, offset) = (MT_FIELD_U64, at)
    case .signed64(let at): (kind, offset) = (MT_FIELD_I64, at)
    case .double(let at): (kind, offset) = (MT_FIELD_DOUBLE, at)
    case .boolean(let bit): (kind, offset, detail) = (MT_FIELD_BIT, bit.offset, UInt32(bit.mask))
    case .named(let at, let names):
      (kind, offset, detail) = (MT_FIELD_NAMED, at, UInt32(names.count))
      values = names.keys.sorted()
      for value in values { nameOffsets.append(pool.add(names[value] ?? "")) }
    case .text(let make): (kind, detail) = unsafe (MT_FIELD_TEXT, host.number(text: make))
    case .record(let type, let at): (kind, offset, detail) = (MT_FIELD_RECORD, at, UInt32(type.index))
    case .recordElsewhere(let type, let find):
      (kind, detail) = (MT_FIELD_ELSEWHERE, UInt32(type.index))
      function = unsafe host.number(elsewhere: find)
    case .table(let at): (kind, offset) = (MT_FIELD_TABLE, at)
    case .value(let get): (kind, detail) = (MT_FIELD_VALUE, host.number(get))
    }
  }

  func names(in pool: UnsafePointer<CChar>) -> [UnsafePointer<CChar>] {
    unsafe nameOffsets.map { unsafe pool + $0 }
  }

  func c(
    _ pool: UnsafePointer<CChar>, _ names: UnsafePointer<UnsafePointer<CChar>>?, _ values: UnsafePointer<UInt8>?
  ) -> mt_field {
    func key(_ i: Int) -> UInt8 { keys.flatMap { i < $0.count ? $0[i] : nil } ?? 0 }
    return unsafe mt_field(
      name: pool + name, kind: UInt8(kind.rawValue), is_unsteady: keys == nil, key_count: UInt8(keys?.count ?? 0),
      keys: (key(0), key(1), key(2), key(3)), presence_mask: presence?.mask ?? 0,
      presence_offset: UInt32(presence?.offset ?? 0), offset: UInt32(offset), detail: detail, function: function,
      names: names, name_values: values)
  }
}

extension HostNature {
  fileprivate var c: mt_nature {
    switch self {
    case .acts: MT_ACTS
    case .changes: MT_CHANGES
    case .pure: MT_PURE
    }
  }
}

extension RecordBit {
  fileprivate var mask: UInt8 { 1 << UInt8(bit) }
}
