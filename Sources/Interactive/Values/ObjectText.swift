import LuaRuntime
import Policy

/// Host objects for people: properties as two columns, lists as rows. What they say is asked as a script would ask, by a
/// helper chunk that scripts cannot reach.
final class ObjectText {
  private static let helpers = """
    local pairs, tostring = pairs, tostring
    return function(object, names)
      local values = {}
      for i = 1, #names do values[i] = object[names[i]] end
      return values
    end, function(list, most, names)
      local rows, count = {}, 0
      for key, element in pairs(list) do
        count = count + 1
        if count <= most then
          local row = {}
          for i = 1, #names do row[i] = element[names[i]] end
          rows[count] = row
        end
      end
      return rows, count
    end, function(packets, most)
      local lines = {}
      for position, packet in pairs(packets) do
        if position > most then return lines, true end
        lines[position] = tostring(packet)
      end
      return lines, false
    end
    """

  private let state: LuaState
  private let context: PolicyContext
  private let fields: LuaFunctionReference
  private let elements: LuaFunctionReference
  private let head: LuaFunctionReference

  init(_ state: LuaState, _ context: PolicyContext) throws(LuaError) {
    self.state = state
    self.context = context
    guard case .done(let view, _, _) = try state.evaluate(Self.helpers, chunkName: "helpers", apart: true) else {
      throw LuaError(.syntax, "the helpers are not whole")
    }
    fields = try state.function(in: view, at: 1)
    elements = try state.function(in: view, at: 2)
    head = try state.function(in: view, at: 3)
  }

  private func type(of handle: LuaHandle) -> APITypeName? {
    APITypeName.allCases.first { !$0.isRecord && context.types.handle($0) == handle.type }
  }

  /// Names that can be read off an object of the type.
  static func properties(of type: APITypeName) -> [String] {
    APIEntry.language.filter { entry in
      guard entry.owner == .type(type), case .property = entry.binding else { return false }
      return true
    }.map(\.name)
  }

  // MARK: In one line

  /// `<eni eni-web1>`
  func inline(_ handle: LuaHandle, _ style: Style) -> String {
    guard let type = type(of: handle) else { return style.paint("<host object>", .note) }
    return style.paint("<\(type.name)\(name(handle, type).map { " " + $0 } ?? "")>", .note)
  }

  /// Its id, name or address, if it has one.
  private func name(_ handle: LuaHandle, _ type: APITypeName) -> String? {
    let names = Self.properties(of: type)
    let name = ["id", "name", "address"].first { names.contains($0) }
    return name.flatMap { try? values(handle, [$0], Style()).first }.flatMap { tree -> String? in
      if case .string(let bytes, _) = tree { LuaText.escaped(bytes, quotes: false) } else { nil }
    }
  }

  // MARK: In several

  func lines(_ handle: LuaHandle, _ style: Style) -> [String] {
    guard let type = type(of: handle) else { return [inline(handle, style)] }
    do {
      switch type {
      case .list, .mirrors: return try listLines(handle, type, style)
      case .set: return setLines(handle, style)
      default: return try propertyLines(handle, type, style)
      }
    } catch {
      return [inline(handle, style) + " " + style.paint(error.message, .error)]
    }
  }

  private func propertyLines(_ handle: LuaHandle, _ type: APITypeName, _ style: Style) throws(LuaError) -> [String] {
    let names = Self.properties(of: type)
    guard !names.isEmpty else { return [inline(handle, style)] }
    let values = try values(handle, names, style)
    let text = text(style)
    let rows = zip(names, values).compactMap { name, value -> [AlignedTable.Cell]? in
      if case .atom("nil", _) = value { return nil }
      return [AlignedTable.Cell(text: name, ink: .note), AlignedTable.Cell(text: text.inline(value))]
    }
    return [style.paint(type.name, .head)]
      + AlignedTable(columns: ["", ""], rows: rows, widestCell: style.width - 24).lines(style)
      .map { "  " + $0 }
  }

  /// Not the members of a set of prefixes, which it does not know one by one any more.
  private func setLines(_ handle: LuaHandle, _ style: Style) -> [String] {
    guard let set = context.set(handle) else { return [inline(handle, style)] }
    var rows = [("kind", set.kind), ("members", "\(set.count)")]
    if !set.members.isEmpty {
      let shown = set.members.prefix(style.entries).map { LuaText.escaped($0, quotes: false) }
      rows.append(("such as", shown.joined(separator: ", ")))
    }
    let cells = rows.map { [AlignedTable.Cell(text: $0.0, ink: .note), AlignedTable.Cell(text: $0.1)] }
    return [style.paint("set", .head)]
      + AlignedTable(columns: ["", ""], rows: cells, widestCell: style.width - 24).lines(style).map { "  " + $0 }
  }

  private func listLines(_ handle: LuaHandle, _ type: APITypeName, _ style: Style) throws(LuaError) -> [String] {
    let element = type == .mirrors ? APITypeName.mirror : context.elements(ofList: handle)
    let names = Self.columns(of: element)
    let found = try state.callForView(
      elements,
      arguments: [
        .handle(handle), .integer(Int64(style.entries)), .table(LuaTable(items: names.map { .string($0) })),
      ])
    let reader = ValueReader(state: state, types: context.types, style: style.wide)
    let results = try reader.results(found.view, count: found.count)
    guard case .table(let rows)? = results.first, case .number(let total)? = results.last else { return [] }
    if rows.items.isEmpty { return [style.paint("no \(element.name)s", .note)] }
    let text = text(style)
    let body = rows.items.map { row -> [AlignedTable.Cell] in
      ValueReader.dense(row, count: names.count).map { tree in
        if case .handle(let handle) = tree, let type = self.type(of: handle), let name = name(handle, type) {
          return AlignedTable.Cell(text: name)
        }
        return AlignedTable.Cell(text: text.cell(tree), isNumber: tree.isNumber)
      }
    }
    var lines = AlignedTable(columns: names, rows: body).lines(style)
    if let total = Int(total), total > rows.items.count {
      lines.append(style.paint("… \(total - rows.items.count) more", .note))
    }
    return lines
  }

  /// What fits beside each other and tells objects apart.
  private static func columns(of type: APITypeName) -> [String] {
    switch type {
    case .mirror: ["name", "vpc", "state", "direction", "receivers", "vni", "origin"]
    case .eni: ["id", "name", "subnet", "addresses", "mac", "interface"]
    case .subnet: ["id", "name", "cidrs", "route_table"]
    case .vpc: ["id", "name", "region", "cidrs"]
    case .natGateway: ["id", "name", "addresses"]
    default: ["id"]
    }
  }

  /// The first packets of a sequence as lines, asked for as a script would; and whether there are more.
  func firstPackets(_ handle: LuaHandle, most: Int) throws(LuaError) -> (lines: [String], hasMore: Bool) {
    let found = try state.callForView(head, arguments: [.handle(handle), .integer(Int64(most))])
    let results = try ValueReader(state: state, types: context.types, style: Style()).results(
      found.view, count: found.count)
    guard case .table(let table)? = results.first, case .atom(let more, _)? = results.last else { return ([], false) }
    let lines = table.items.map { tree in
      if case .string(let bytes, _) = tree { LuaText.escaped(bytes, quotes: false) } else { "" }
    }
    return (lines, more == "true")
  }

  private func values(_ handle: LuaHandle, _ names: [String], _ style: Style) throws(LuaError) -> [ValueTree] {
    let found = try state.callForView(
      fields, arguments: [.handle(handle), .table(LuaTable(items: names.map { .string($0) }))])
    let reader = ValueReader(state: state, types: context.types, style: style.wide)
    guard let row = try reader.results(found.view, count: found.count).first else { return [] }
    return ValueReader.dense(row, count: names.count)
  }

  private func text(_ style: Style) -> ValueText {
    ValueText(style: style) { [unowned self] handle, _ in [inline(handle, style)] }
  }
}

extension Style {
  /// For rows whose number is bounded already.
  fileprivate var wide: Style {
    var style = self
    style.entries = 1 << 17
    return style
  }
}

extension ValueReader {
  /// The values under 1 to `count` of a table that may have holes.
  fileprivate static func dense(_ tree: ValueTree, count: Int) -> [ValueTree] {
    guard case .table(let table) = tree else { return [] }
    var values = table.items + Array(repeating: ValueTree.atom("nil", .word), count: max(0, count - table.items.count))
    for field in table.fields {
      if case .integer(let position) = field.key, values.indices.contains(Int(position) - 1) {
        values[Int(position) - 1] = field.value
      }
    }
    return values
  }
}

extension ValueTree {
  fileprivate var isNumber: Bool { if case .number = self { true } else { false } }
}
