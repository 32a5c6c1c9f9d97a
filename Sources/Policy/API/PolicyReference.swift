internal import LuaRuntime

/// The policy language as text, printed from the table of entries: reference page, editor definitions, luacheck
/// standard. A test compares them with the files in the repository.
public enum PolicyReference {
  /// Every name of the language, as it is written: `filter.any`, `packet:hex`, `packet.source`.
  public static var names: [String] { APIEntry.all.map(\.path) }

  /// The global names, namespaces included.
  public static var globals: [String] { globals(of: APIEntry.all) }

  /// The same of audits.
  static var auditGlobals: [String] { globals(of: APIEntry.ofAudits) }

  private static func globals(of entries: [APIEntry]) -> [String] {
    Set(
      entries.compactMap { entry in
        switch entry.owner {
        case .global: entry.name
        case .namespace(let name): name
        case .type: nil
        }
      }
    ).sorted()
  }

  /// Names that can be reached from the globals: `filter.any`, `every`.
  public static var globalPaths: [String] {
    APIEntry.all.filter { if case .type = $0.owner { false } else { true } }.map(\.path)
  }

  /// Of these, what only tests reach.
  public static var testPaths: [String] {
    APIEntry.all.filter { entry in
      if case .type = entry.owner { return false }
      return entry.inTests == .only
    }.map(\.path)
  }

  /// How the line begins that declares an entry to the editor: one for each of `names`.
  public static var declarations: [String] {
    APIEntry.all.map { entry in
      switch (entry.owner, entry.binding) {
      case (.type(let type), .method): "function \(type.name)_type:\(entry.name)("
      case (.type(let type), .function): "function \(type.name)_type.\(entry.name)("
      case (.type, .operation(let operation, _)): "---@operator \(operation.word):"
      case (.type, _): "---@field \(entry.name) "
      case (_, .value): entry.path + " = "
      default: "function \(entry.path)("
      }
    }
  }

  /// Where an example of the page can stand.
  public enum ExamplePlace: Sendable { case loading, filter, test, testFile }

  /// The examples of the page, by name.
  public static var examples: [(path: String, example: String, place: ExamplePlace)] {
    APIEntry.all.map { entry in
      let isPacket = if case .type(let type) = entry.owner { type.isRecord || type == .set } else { false }
      let isLoading =
        entry.isDeclaration && entry.inTests != .only || entry.owner == .type(.receiver)
        || entry.example.contains("every(")
      let place: ExamplePlace =
        isPacket ? .filter : isLoading ? .loading : entry.path == "test" ? .testFile : .test
      return (entry.path, entry.example, place)
    }
  }

  /// `docs/policy-language.md`
  ///
  /// - Parameter names: every name reachable from a policy's globals, as `string.rep`.
  public static func page(names: [String]) -> String {
    var page = """
      # The policy language

      A policy is Lua 5.4 in a strict environment. This page is printed from the table that binds the language
      (`Sources/Policy/API`); a test keeps them equal. *While loading* means: not inside filters, balancers and timers. *In tests*
      means: in the test files of `moontap test`, see the [tutorial](tutorial.md).

      A filter or balancer that changes nothing and asks only what its packet's conversation fixes is called once for each conversation and
      direction; its answer is remembered. Of a packet's fields, *conversation* means that; *value*: remembered for packets of an equal
      value; *per packet*: whatever reads it is called for every packet. Of functions, *pure* means: the answer depends on the arguments.
      `moontap check` says of every function what its answers hang on, or why they are not remembered.

      """
    page += "\n" + MirrorKey.page
    for section in sections(APIEntry.all) { page += "\n" + section.page }
    return page + "\n" + standardLibrary(names)
  }

  /// Names of the keys of `mirror{}`.
  public static var mirrorKeys: [String] { MirrorKey.all.map(\.name) }

  /// What of Lua's own library there is: every name that the table does not bind.
  private static func standardLibrary(_ names: [String]) -> String {
    let own = Set(globals)
    let standard = names.filter { name in
      !name.hasPrefix("(") && !own.contains(String(name.prefix { $0 != "." }))
    }
    let libraries = Set(standard.filter { $0.contains(".") }.map { String($0.prefix { $0 != "." }) })
    func list(_ names: [String]) -> String { names.map { "`\($0)`" }.joined(separator: ", ") }
    let basic = standard.filter { !$0.contains(".") && !libraries.contains($0) }
    var text = """
      ## Lua's own library

      What there is of it, as in the manual of Lua 5.4. There is no `os`, `io`, `debug`, `load` or `coroutine`: the time
      is `packet.time`, other files come by `require` and `set.load`.

      """
    text += "\n- " + list(basic) + "\n"
    for library in libraries.sorted() { text += "- " + list(standard.filter { $0.hasPrefix(library + ".") }) + "\n" }
    return text
  }

  /// `share/lua/moontap.d.lua`: definitions for the Lua language server (LuaLS).
  public static var definitions: String {
    var text = """
      ---@meta moontap
      -- The policy language for the Lua language server, printed from the table that binds it. Put this folder into
      -- `workspace.library` of your editor's settings.

      """
    for section in sections(APIEntry.all + APIEntry.onlyOfAudits) { text += "\n" + section.definitions }
    return text + memberless
  }

  /// Types that have no entries: only passed on, or indexed with keys of the script's own.
  private static var memberless: String {
    let entries = APIEntry.all + APIEntry.onlyOfAudits
    return APITypeName.ofPolicies.filter { type in !entries.contains { $0.owner == .type(type) } }.map { type in
      "\n---@class \(type.name)\n" + (type.indexed.map { "---@field \($0)\n" } ?? "") + "local \(type.name)_type = {}\n"
    }.joined()
  }

  /// Names of the types of host objects.
  public static var typeNames: [String] { APITypeName.ofPolicies.map(\.name) }

  static func sections(_ entries: [APIEntry]) -> [ReferenceSection] {
    var sections: [ReferenceSection] = []
    for entry in entries {
      if let known = sections.firstIndex(where: { $0.owner == entry.owner }) {
        sections[known].entries.append(entry)
      } else {
        sections.append(ReferenceSection(owner: entry.owner, entries: [entry]))
      }
    }
    return sections
  }
}

/// The entries of one owner.
struct ReferenceSection {
  var owner: APIEntry.Owner
  var entries: [APIEntry]

  // MARK: Page

  var page: String {
    let head =
      switch owner {
      case .global: "Globals"
      case .namespace(let name): "`\(name)`"
      case .type(let type): "Objects of type `\(type.name)`"
      }
    return "## \(head)\n\n" + entries.map(\.page).joined(separator: "\n")
  }

  // MARK: Definitions

  var definitions: String {
    switch owner {
    case .global: entries.map { $0.definition(of: $0.name) }.joined(separator: "\n")
    case .namespace(let name):
      "\(name) = {}\n\n" + entries.map { $0.definition(of: "\(name).\($0.name)") }.joined(separator: "\n")
    case .type(let type): classDefinition(type.name)
    }
  }

  private func classDefinition(_ name: String) -> String {
    var text = "---@class \(name)\n"
    if case .type(let type) = owner, let indexed = type.indexed { text += "---@field \(indexed)\n" }
    for entry in entries {
      switch entry.binding {
      case .property, .record: text += "---@field \(entry.name) \(entry.returns ?? "any") \(entry.doc)\n"
      case .operation(let operation, _): text += "---@operator \(operation.word): \(entry.returns ?? "any")\n"
      case .method, .function, .value: break
      }
    }
    text += "local \(name)_type = {}\n"
    for entry in entries {
      switch entry.binding {
      case .method: text += "\n" + entry.definition(of: "\(name)_type:\(entry.name)")
      case .function: text += "\n" + entry.definition(of: "\(name)_type.\(entry.name)")
      case .property, .record, .value, .operation: break
      }
    }
    return text
  }
}

extension APIEntry {
  fileprivate var page: String {
    var text = "### `\(signature)`\n\n\(doc)"
    let marks = [remembered, loadingMark, inTests == .only ? "in tests" : nil].compactMap { $0 }
    if !marks.isEmpty { text += " *(\(marks.joined(separator: ", ")))*" }
    text += "\n"
    for parameter in parameters {
      let kind = parameter.kind.text + (parameter.isOptional ? ", optional" : "")
      text += "\n- `\(parameter.name)` (\(kind))" + (parameter.doc.isEmpty ? "" : ": \(parameter.doc)")
    }
    if !parameters.isEmpty { text += "\n" }
    return text + "\n```lua\n\(example)\n```\n"
  }

  private var loadingMark: String? {
    if isChange { return "while loading, in timers and in tests" }
    guard isDeclaration, inTests != .only else { return nil }
    return inTests == .too ? "while loading, and in tests" : "while loading"
  }

  /// How an answer that hangs on it is remembered.
  private var remembered: String? {
    guard case .record = binding else { return isPure ? "pure" : nil }
    guard case .type(let type) = owner, type.isOfPackets else { return nil }
    if keys.isEmpty { return ["tcp", "icmp", "dns"].contains(name) ? nil : "per packet" }
    return keys.allSatisfy(\.isOfConversation) ? "conversation" : "value"
  }

  package var signature: String {
    let result = returns.map { " -> \($0)" } ?? ""
    switch binding {
    case .function, .method:
      let list = parameters.map { ($0.isOptional ? "[\($0.name)]" : $0.name) + ($0.isVariadic ? ", ..." : "") }
      return "\(path)(\(list.joined(separator: ", ")))\(result)"
    case .property, .record, .value: return "\(path): \(returns ?? "any")"
    case .operation(.length, _): return "#\(ownerName)\(result)"
    case .operation(.not, _): return "\(name)\(ownerName)\(result)"
    case .operation: return "\(ownerName) \(name) \(ownerName)\(result)"
    }
  }

  private var ownerName: String { if case .type(let type) = owner { type.name } else { name } }

  fileprivate func definition(of name: String) -> String {
    var text = "---\(doc)\n"
    guard case .value = binding else {
      for parameter in parameters {
        let mark = parameter.isOptional ? "?" : ""
        let shown = parameter.isVariadic ? "..." : parameter.name + mark
        // The doc of a function is its type.
        let type =
          parameter.doc.hasPrefix("fun(")
          ? parameter.doc : parameter.kind.text + (parameter.doc.isEmpty ? "" : " " + parameter.doc)
        text += "---@param \(shown) \(type)\n"
      }
      if let returns { text += "---@return \(returns)\n" }
      let list = parameters.map { $0.isVariadic ? "..." : $0.name }.joined(separator: ", ")
      return text + "function \(name)(\(list)) end\n"
    }
    return text + "---@type \(returns ?? "any")\n\(name) = nil\n"
  }
}

extension APITypeName {
  /// What keys of the script's own give, for the language server.
  fileprivate var indexed: String? {
    switch self {
    case .mirrors: "[string|integer] mirror?"
    case .list: "[string] any"
    case .expectation: "[string|integer] expectation"
    default: nil
    }
  }
}

extension LuaOperator {
  /// The language server's name of the operator, with its right operand.
  fileprivate var word: String {
    switch self {
    case .and: "band(filter|function)"
    case .or: "bor(filter|function)"
    case .exclusiveOr: "bxor(filter|function)"
    case .not: "bnot"
    case .length: "len"
    }
  }
}
