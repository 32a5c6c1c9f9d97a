internal import LuaRuntime
internal import Mirroring

extension PolicyContext {
  /// A Lua value as a draft holds it; what no definition can hold keeps the name of its type.
  func draft(_ value: LuaValue, at location: SourceLocation) -> DraftValue {
    DraftValue(content(value, at: location), at: location)
  }

  private func content(_ value: LuaValue, at location: SourceLocation) -> DraftValue.Content {
    switch value {
    case .nil: .null
    case .boolean(let flag): .bool(flag)
    case .integer(let number): .integer(Int(number))
    case .number(let number): .number(number)
    case .string(let text): .string(text)
    case .bytes(let bytes): .string(String(decoding: bytes, as: UTF8.self))
    case .table(let table): content(table, at: location)
    case .handle(let handle): content(handle)
    case .function: .other("a function")
    case .record: .other("a packet")
    }
  }

  private func content(_ table: LuaTable, at location: SourceLocation) -> DraftValue.Content {
    if table.fields.isEmpty, table.sparse.isEmpty, !table.items.isEmpty {
      return .list(table.items.map { draft($0, at: location) })
    }
    return .table(members(table, at: location))
  }

  /// Named members; entries without a name get their number as one, so that they are refused as unknown.
  func members(_ table: LuaTable, at location: SourceLocation) -> [DraftMember] {
    let items = table.items.enumerated().map { DraftMember("[\($0.offset + 1)]", draft($0.element, at: location)) }
    let sparse = table.sparse.sorted { $0.key < $1.key }.map {
      DraftMember("[\($0.key)]", draft($0.value, at: location))
    }
    return items + sparse + table.fields.map { DraftMember($0.key, draft($0.value, at: location)) }
  }

  private func content(_ handle: LuaHandle) -> DraftValue.Content {
    switch handle.type {
    case types.handle(.filter): .filter(filters[handle.index].draft)
    case types.handle(.source): sources[handle.index].content
    case types.handle(.target): targets[handle.index].content
    case types.handle(.balance): balances[handle.index].content
    default: .other("a " + (types.name(of: handle.type) ?? "host object"))
    }
  }
}
