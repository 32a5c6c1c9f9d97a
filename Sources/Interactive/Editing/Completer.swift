import Foundation
import LuaRuntime
import Policy

/// What could stand where a line ends: names, members, ids inside strings, files, commands.
struct Completer {
  let session: Session

  func completions(of line: String) -> Completions {
    if line.hasPrefix(":") { return command(line) }
    let scan = LineScan(line)
    if let text = scan.openString { return inString(text, before: scan.beforeString) }
    let path = scan.path
    guard let last = path.last else { return Completions() }
    let words = path.count == 1 && path[0].link == .start ? globals() : members(of: path.dropLast(), last.link)
    return matching(last.name, words)
  }

  private func matching(_ typed: String, _ words: [String]) -> Completions {
    let found = Set(words.filter { $0.hasPrefix(typed) }).sorted()
    return Completions(replaces: typed.utf8.count, words: found)
  }

  // MARK: Names

  private func globals() -> [String] { session.names(in: .globals) + LuaText.keywords }

  private func members(of path: ArraySlice<LineScan.Step>, _ link: LineScan.Link) -> [String] {
    switch session.kind(of: path) {
    case .table(let view)?: session.names(in: view)
    case .object(let type)?: Self.members(of: type, methods: link == .colon)
    case .string?: link == .colon ? session.names(inGlobal: "string") : []
    case nil: []
    }
  }

  /// Methods behind a colon, what can be read behind a dot.
  static func members(of type: APITypeName, methods: Bool) -> [String] {
    APIEntry.known.compactMap { entry in
      guard entry.owner == .type(type) else { return nil }
      return switch entry.binding {
      case .method: methods ? entry.name : nil
      case .property, .record: methods ? nil : entry.name
      case .function, .value, .operation: nil
      }
    }
  }

  // MARK: Inside strings

  private func inString(_ text: String, before: String) -> Completions {
    let opensFile = ["capture.open", ":save", ":save_policy", "set.load", "require"].contains {
      before.trimmingSuffix { " (\"'".contains($0) }.hasSuffix($0)
    }
    if opensFile || text.contains("/") { return matching(text, Self.files(text)) }
    if before.contains(":group_by") || before.contains(":top") { return matching(text, PacketField.names) }
    return Completions(replaces: text.utf8.count, words: session.identifiers(beginningWith: text))
  }

  /// Files and folders whose path begins so; folders end in a slash.
  static func files(_ typed: String) -> [String] {
    let slash = typed.lastIndex(of: "/").map { typed.index(after: $0) } ?? typed.startIndex
    let folder = String(typed[..<slash])
    let rest = typed[slash...]
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
    return names.filter { $0.hasPrefix(rest) && (!$0.hasPrefix(".") || rest.hasPrefix(".")) }.map { name in
      var isFolder = ObjCBool(false)
      unsafe _ = FileManager.default.fileExists(atPath: folder + name, isDirectory: &isFolder)
      return folder + name + (isFolder.boolValue ? "/" : "")
    }
  }

  // MARK: Commands

  private func command(_ line: String) -> Completions {
    let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { return matching(line, ColonCommand.all.map { ":" + $0.name }) }
    let argument = String(parts[1])
    switch ColonCommand.named(String(parts[0].dropFirst()))?.argument {
    case .file: return matching(argument, Self.files(argument))
    case .name: return matching(argument, APIEntry.known.map(\.path) + ColonCommand.all.map { ":" + $0.name })
    case .setting: return matching(argument, Setting.all.map(\.name))
    case .lua: return completions(of: argument)
    case .nothing, nil: return Completions()
    }
  }
}

extension String {
  fileprivate func trimmingSuffix(while isTrimmed: (Character) -> Bool) -> String {
    var text = self[...]
    while let last = text.last, isTrimmed(last) { text.removeLast() }
    return String(text)
  }
}

extension APIEntry {
  /// The policy language and what sessions have besides; a session's entry takes the place of the language's.
  static var known: [APIEntry] {
    let own = Set(session.map(\.path))
    return language.filter { !own.contains($0.path) && $0.inTests != .only } + session
  }
}
