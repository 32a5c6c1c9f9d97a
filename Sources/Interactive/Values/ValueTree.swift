import LuaRuntime
import Policy

/// A value as the printer sees it: read once from the interpreter, tables only as deep and as wide as they are shown.
enum ValueTree {
  /// Text in one colour.
  case atom(String, Style.Ink)
  /// A number, for columns.
  case number(String)
  case string([UInt8], length: Int)
  case table(TableTree)
  /// A table around this one.
  case cycle
  /// A table deeper than is shown.
  case deep(entries: Int)
  case handle(LuaHandle)
}

/// A table, as far as it is shown.
struct TableTree {
  /// `[1]`, `[2]`, ...
  var items: [ValueTree] = []
  /// All other keys, in order.
  var fields: [KeyedTree] = []
  /// Entries that are not shown.
  var left = 0
}

/// An entry of a table.
struct KeyedTree {
  var key: KeyTree
  var value: ValueTree
}

/// Orders numbers, then names, then the rest.
enum KeyTree: Comparable {
  case integer(Int64)
  case number(Double)
  case string([UInt8])
  case other(String)

  static func < (a: KeyTree, b: KeyTree) -> Bool {
    switch (a, b) {
    case (.integer(let x), .integer(let y)): x < y
    case (.number(let x), .number(let y)): x < y
    case (.string(let x), .string(let y)): x.lexicographicallyPrecedes(y)
    case (.other(let x), .other(let y)): x < y
    default: a.rank < b.rank
    }
  }

  private var rank: Int {
    switch self {
    case .integer: 0
    case .number: 1
    case .string: 2
    case .other: 3
    }
  }
}

/// Reads values out of the interpreter.
struct ValueReader {
  let state: LuaState
  let types: PolicyTypes
  let style: Style

  /// The results of an evaluation, in order.
  func results(_ view: LuaView, count: Int) throws(LuaError) -> [ValueTree] {
    var trees = Array(repeating: ValueTree.atom("nil", .word), count: count)
    for pair in try state.look(into: view).pairs {
      guard case .integer(let position) = pair.key, trees.indices.contains(Int(position) - 1) else { continue }
      trees[Int(position) - 1] = try tree(pair.value, path: [])
    }
    return trees
  }

  func tree(_ sight: LuaSight, path: [LuaView]) throws(LuaError) -> ValueTree {
    switch sight {
    case .nil: .atom("nil", .word)
    case .boolean(let flag): .atom(flag ? "true" : "false", .word)
    case .integer(let number): .number(String(number))
    case .number(let number): .number(LuaText.number(number))
    case .string(let bytes, let length): .string(bytes, length: length)
    case .function("native function", _): .atom("<native function>", .note)
    case .function(let name, _): .atom("<function \(name)>", .note)
    case .handle(let handle): .handle(handle)
    case .record(let type, let base): unsafe record(type, at: base)
    case .other(let text): .atom("<\(text)>", .note)
    case .table(let view, let length): try table(view, length: length, path: path)
    }
  }

  /// A packet as one line, at once: it may go with the next call.
  private func record(_ type: RecordTypeID, at base: UnsafeRawPointer) -> ValueTree {
    guard type == types.record(.packet) else { return .atom("<part of a packet>", .note) }
    return .atom(unsafe PacketLine.text(base), .key)
  }

  private func table(_ view: LuaView, length: Int, path: [LuaView]) throws(LuaError) -> ValueTree {
    if path.contains(view) { return .cycle }
    let seen = try state.look(into: view)
    if path.count >= style.depth, seen.total > 0 { return .deep(entries: seen.total) }
    var table = TableTree()
    let sorted = seen.pairs.map { (key: key($0.key), value: $0.value) }.sorted { $0.key < $1.key }
    for entry in sorted.prefix(style.entries) {
      let value = try tree(entry.value, path: path + [view])
      if case .integer(let number) = entry.key, number == Int64(table.items.count) + 1, table.fields.isEmpty {
        table.items.append(value)
      } else {
        table.fields.append(KeyedTree(key: entry.key, value: value))
      }
    }
    table.left = seen.total - table.items.count - table.fields.count
    return .table(table)
  }

  private func key(_ sight: LuaSight) -> KeyTree {
    switch sight {
    case .integer(let number): .integer(number)
    case .number(let number): .number(number)
    case .string(let bytes, _): .string(bytes)
    case .boolean(let flag): .other(String(flag))
    case .handle(let handle): .other("<\(types.name(of: handle.type) ?? "host object")>")
    case .table: .other("<table>")
    case .function(let name, _): .other("<function \(name)>")
    case .record: .other("<packet>")
    case .nil, .other: .other("<other>")
    }
  }
}
