import Policy

// Help is printed from the table that binds the language.
extension Session {
  func help(_ name: String) -> Answer {
    if name.isEmpty { return .done(overview()) }
    if name.hasPrefix(":") {
      guard let command = ColonCommand.named(String(name.dropFirst())) else { return unknown(name) }
      return .done([":\(command.name) \(command.usage)", "  " + command.doc, "  example: " + command.example])
    }
    let exact = APIEntry.known.filter { $0.path == name || $0.path == Self.withColon(name) }
    if !exact.isEmpty { return .done(exact.flatMap(text)) }
    let owned = APIEntry.known.filter { $0.ownerName == name }
    if !owned.isEmpty { return .done(list(owned)) }
    let last = APIEntry.known.filter { $0.name == name }
    return last.isEmpty ? unknown(name) : .done(last.flatMap(text))
  }

  /// `packets.where` is a method, too.
  private static func withColon(_ name: String) -> String {
    guard let dot = name.lastIndex(of: ".") else { return name }
    return name[..<dot] + ":" + name[name.index(after: dot)...]
  }

  private func unknown(_ name: String) -> Answer {
    let known = APIEntry.known.map(\.path) + ColonCommand.all.map { ":" + $0.name }
    let near = Nearest.name(to: name, among: known).map { "did you mean \($0)?" }
    return .failed([":help: nothing is called \(name); " + (near ?? ":help lists what there is")])
  }

  private func text(_ entry: APIEntry) -> [String] {
    var lines = [style.paint(entry.signature, .head), "  " + entry.doc]
    for parameter in entry.parameters {
      lines.append(
        "  \(parameter.name) (\(parameter.kind.text)\(parameter.isOptional ? ", optional" : ""))"
          + (parameter.doc.isEmpty ? "" : ": \(parameter.doc)"))
    }
    return lines + ["  example: " + style.paint(entry.example, .string)]
  }

  private func list(_ entries: [APIEntry]) -> [String] {
    let rows = entries.map { [AlignedTable.Cell(text: $0.signature), AlignedTable.Cell(text: $0.doc, ink: .note)] }
    return AlignedTable(columns: ["", ""], rows: rows, widestCell: max(40, style.width * 3 / 5)).lines(style)
  }

  private func overview() -> [String] {
    var lines = [
      "Lua 5.4: an expression prints its value, _ is the last one. Tab completes, Ctrl-R searches, Ctrl-C stops.", "",
    ]
    lines += described(ColonCommand.all.map { (":\($0.name) \($0.usage)", $0.doc) })
    lines += ["", "Names (:help NAME tells more):"]
    var groups: [(owner: String, names: [String])] = []
    for entry in APIEntry.known {
      guard let owner = entry.ownerName else {
        lines.append("  " + entry.signature)
        continue
      }
      if let known = groups.firstIndex(where: { $0.owner == owner }) {
        groups[known].names.append(entry.name)
      } else {
        groups.append((owner, [entry.name]))
      }
    }
    return lines + described(groups.map { ("  " + $0.owner, $0.names.joined(separator: " ")) })
  }

  /// What something is called, and beside it what is to say of it, on as many lines as need be.
  private func described(_ entries: [(name: String, text: String)]) -> [String] {
    let width = entries.map { TextWidth.of($0.name) }.max() ?? 0
    return entries.flatMap { name, text in
      TextWidth.wrapped(text, to: max(20, style.width - width - 2)).enumerated().map { number, line in
        TextWidth.pad(number == 0 ? name : "", to: width) + "  " + style.paint(line, .note)
      }
    }
  }
}

extension APIEntry {
  /// The namespace or type; nil: a global.
  var ownerName: String? {
    switch owner {
    case .global: nil
    case .namespace(let name): name
    case .type(let type): type.name
    }
  }
}
