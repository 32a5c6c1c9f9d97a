import LuaRuntime

/// Values as lines for people: sorted, indented, rows of a list aligned.
struct ValueText {
  let style: Style
  /// Host objects: lines at the top, and in one line inside of others.
  let describe: (LuaHandle, _ isTop: Bool) -> [String]

  private static let longestString = 2000

  func lines(_ tree: ValueTree) -> [String] {
    switch tree {
    case .string(let bytes, let length): topString(bytes, length)
    case .table(let table): explanation(table) ?? rows(of: table) ?? tableLines(table)
    case .handle(let handle): describe(handle, true)
    default: [inline(tree)]
    }
  }

  // MARK: Strings

  /// Text of several lines prints as lines, long digits of a frame as a dump, everything else quoted.
  private func topString(_ bytes: [UInt8], _ length: Int) -> [String] {
    if length == bytes.count, let dump = HexDump.bytes(ofDigits: bytes) { return HexDump.lines(dump) }
    guard bytes.contains(0x0a), bytes.allSatisfy({ $0 >= 0x20 || $0 == 0x0a || $0 == 0x09 }) else {
      return [quoted(bytes, length)]
    }
    var lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false).map {
      LuaText.escaped(Array($0), quotes: false)
    }
    if lines.last == "" { lines.removeLast() }
    return lines
  }

  private func quoted(_ bytes: [UInt8], _ length: Int) -> String {
    let shown = Array(bytes.prefix(Self.longestString))
    let text = style.paint(LuaText.quoted(shown), .string)
    return shown.count == length ? text : text + style.paint(" … \(length) bytes", .note)
  }

  // MARK: In one line

  /// A cell of a table: without quotes, nothing for nil.
  func cell(_ tree: ValueTree) -> String {
    switch tree {
    case .atom("nil", _): return ""
    case .string(let bytes, _): return LuaText.escaped(Array(bytes.prefix(200)), quotes: false)
    case .table(let table) where table.fields.isEmpty && table.left == 0:
      return table.items.map(cell).joined(separator: ", ")
    default: return inline(tree)
    }
  }

  /// Tables as `{ 1, 2, name = "x" }`.
  func inline(_ tree: ValueTree) -> String {
    switch tree {
    case .atom(let text, let ink): return style.paint(text, ink)
    case .number(let text): return style.paint(text, .number)
    case .string(let bytes, let length): return quoted(bytes, length)
    case .cycle: return style.paint("<cycle>", .note)
    case .deep(let entries): return style.paint("{… \(entries) \(entries == 1 ? "entry" : "entries")}", .note)
    case .handle(let handle): return describe(handle, false).first ?? ""
    case .table(let table):
      let parts = table.items.map(inline) + table.fields.map { key($0.key) + " = " + inline($0.value) }
      let all = table.left > 0 ? parts + [style.paint("… \(table.left) more", .note)] : parts
      return all.isEmpty ? "{}" : "{ " + all.joined(separator: ", ") + " }"
    }
  }

  private func key(_ key: KeyTree) -> String {
    switch key {
    case .integer(let number): "[\(number)]"
    case .number(let number): "[\(LuaText.number(number))]"
    case .string(let bytes):
      LuaText.isName(bytes) ? String(decoding: bytes, as: UTF8.self) : "[\(LuaText.quoted(bytes))]"
    case .other(let text): "[\(text)]"
    }
  }

  // MARK: In several

  private func tableLines(_ table: TableTree) -> [String] {
    let line = inline(.table(table))
    if isFlat(table), TextWidth.of(line) <= min(style.width, 80) { return [line] }
    var lines = ["{"]
    for item in table.items { lines += entry("", item) }
    for field in table.fields { lines += entry(key(field.key) + " = ", field.value) }
    if table.left > 0 { lines.append("  " + style.paint("… \(table.left) more", .note)) }
    return lines + ["}"]
  }

  private func entry(_ key: String, _ value: ValueTree) -> [String] {
    guard case .table(let table) = value else { return ["  " + key + inline(value) + ","] }
    var lines = tableLines(table)
    lines[lines.count - 1] += ","
    return lines.enumerated().map { "  " + ($0.offset == 0 ? key : "") + $0.element }
  }

  private func isFlat(_ table: TableTree) -> Bool {
    (table.items + table.fields.map(\.value)).allSatisfy { tree in
      if case .table(let inner) = tree { inner.items.isEmpty && inner.fields.isEmpty } else { true }
    }
  }

  /// What `mirror:explain` gives reads as lines: nil for anything else.
  private func explanation(_ table: TableTree) -> [String]? {
    let names = table.fields.compactMap { field -> [UInt8]? in
      if case .string(let name) = field.key { name } else { nil }
    }
    guard names.contains(Array("reason".utf8)), names.contains(Array("collected".utf8)), !table.items.isEmpty else {
      return nil
    }
    var lines: [String] = []
    for item in table.items {
      guard case .string(let bytes, _) = item else { return nil }
      lines.append(LuaText.escaped(bytes, quotes: false))
    }
    return lines
  }

  // MARK: As rows

  /// A list of tables with the same plain fields, two or more of both, as a table with a head; a table of such tables has the keys in front.
  private func rows(of table: TableTree) -> [String]? {
    let isList = table.fields.isEmpty
    guard isList || table.items.isEmpty else { return nil }
    let entries =
      isList ? table.items.map { (key: nil as KeyTree?, value: $0) } : table.fields.map { ($0.key, $0.value) }
    var found: [(key: KeyTree?, cells: [String: AlignedTable.Cell])] = []
    for entry in entries {
      guard case .table(let row) = entry.value, let cells = cells(of: row) else { return nil }
      found.append((entry.key, cells))
    }
    let names = Set(found.flatMap { $0.cells.keys })
    guard names.count >= 2, found.allSatisfy({ $0.cells.count * 2 >= names.count }) else { return nil }
    let columns = names.sorted { ColumnOrder.precedes($0, $1) }
    let body = found.map { row -> [AlignedTable.Cell] in
      let cells = columns.map { row.cells[$0] ?? AlignedTable.Cell(text: "") }
      return row.key.map { [AlignedTable.Cell(text: plain($0))] + cells } ?? cells
    }
    var lines = AlignedTable(columns: (isList ? [] : [""]) + columns, rows: body).lines(style)
    if table.left > 0 { lines.append(style.paint("… \(table.left) more", .note)) }
    return lines
  }

  private func plain(_ key: KeyTree) -> String {
    if case .string(let bytes) = key { return LuaText.escaped(bytes, quotes: false) }
    return self.key(key)
  }

  /// nil: a field is not plain.
  private func cells(of row: TableTree) -> [String: AlignedTable.Cell]? {
    guard row.items.isEmpty, row.left == 0 else { return nil }
    var cells: [String: AlignedTable.Cell] = [:]
    for field in row.fields {
      guard case .string(let name) = field.key else { return nil }
      let cell: AlignedTable.Cell
      switch field.value {
      case .atom(let text, let ink): cell = AlignedTable.Cell(text: text, ink: ink)
      case .number(let text): cell = AlignedTable.Cell(text: text, isNumber: true)
      case .string(let bytes, _):
        cell = AlignedTable.Cell(text: LuaText.escaped(Array(bytes.prefix(200)), quotes: false))
      default: return nil
      }
      cells[String(decoding: name, as: UTF8.self)] = cell
    }
    return cells
  }
}

/// Columns that are known stand as people read them; others follow by name.
enum ColumnOrder {
  private static let known = [
    "part", "cached", "ns", "verdict", "value", "key", "receiver", "reason", "protocol", "source", "source_port",
    "destination", "destination_port", "id",
    "name", "packets", "bytes", "share", "first", "last", "seconds",
  ]

  static func precedes(_ a: String, _ b: String) -> Bool {
    switch (known.firstIndex(of: a), known.firstIndex(of: b)) {
    case (let x?, let y?): x < y
    case (_?, nil): true
    case (nil, _?): false
    case (nil, nil): a < b
    }
  }
}
