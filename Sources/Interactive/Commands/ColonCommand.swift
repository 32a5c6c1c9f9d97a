import Policy

/// A command of the prompt: `:help filter.bpf`.
struct ColonCommand: Sendable {
  /// What stands behind it.
  enum Argument: Sendable { case nothing, file, name, setting, lua }

  var name: String
  /// As it is written: `[name]`.
  var usage = ""
  var argument = Argument.nothing
  var doc: String
  var example: String
  var run: @Sendable (Session, String) -> Answer

  static let all: [ColonCommand] = [
    ColonCommand(
      name: "help", usage: "[name]", argument: .name, doc: "What there is; of a name what it does, with an example.",
      example: ":help packets:where"
    ) { session, name in session.help(name) },
    ColonCommand(
      name: "load", usage: "FILE", argument: .file, doc: "Runs a Lua file, such as a policy, in the session.",
      example: ":load web-to-ids.lua"
    ) { session, file in session.load(file) },
    ColonCommand(
      name: "reload",
      doc: "Begins anew: a fresh interpreter, the captures that were given, the files that were loaded.",
      example: ":reload"
    ) { session, _ in session.reload() },
    ColonCommand(
      name: "check", usage: "[FILE]", argument: .file,
      doc: "Whether a policy is right; without a file, what :save_policy would write.", example: ":check web-to-ids.lua"
    ) { session, file in session.check(file) },
    ColonCommand(
      name: "test", usage: "[PATH]", argument: .file, doc: "Runs the tests of a file, or those below a folder.",
      example: ":test web-to-ids_test.lua"
    ) { session, path in
      session.options.tools?.test(path.isEmpty ? "." : path, session.arguments)
        ?? .failed([":test: nothing runs tests here"])
    },
    ColonCommand(
      name: "time", usage: "LUA", argument: .lua, doc: "Evaluates, and says how long it took.",
      example: ":time packets:count()"
    ) { session, text in session.time(text) },
    ColonCommand(
      name: "trace", usage: "[on|off]",
      doc:
        "A line for each packet of mirror:dry_run: known conversation or not, verdict, fields that scripts read, their time.",
      example: ":trace on"
    ) { session, text in session.trace(text) },
    ColonCommand(name: "limits", doc: "What the session may use, and what it does.", example: ":limits") {
      session, _ in session.limits()
    },
    ColonCommand(name: "mirrors", doc: "The mirrors of the session.", example: ":mirrors") { session, _ in
      session.evaluateForHost("mirrors")
    },
    ColonCommand(
      name: "status", doc: "Of the engine that the session is attached to: its summary so far.", example: ":status"
    ) { session, _ in session.status() },
    ColonCommand(name: "inventory", doc: "What exists, in numbers.", example: ":inventory") { session, _ in
      session.inventoryCounts()
    },
    ColonCommand(
      name: "save_policy", usage: "FILE", argument: .file,
      doc: "Writes what was declared as a policy, if it passes the check.", example: ":save_policy hunt.lua"
    ) { session, file in session.savePolicy(file) },
    ColonCommand(
      name: "set", usage: "[name value]", argument: .setting, doc: "How values print.", example: ":set entries 100"
    ) { session, text in session.set(text) },
    ColonCommand(name: "quit", doc: "Leaves; Ctrl-D does, too.", example: ":quit") { _, _ in .leave },
  ]

  static func named(_ name: String) -> ColonCommand? { all.first { $0.name == name } }

  /// Carries a line out that begins with a colon.
  static func run(_ line: String, in session: Session) -> Answer {
    let text = line.dropFirst()
    let name = String(text.prefix { !$0.isWhitespace })
    guard let command = named(name) else {
      let near = Nearest.name(to: name, among: all.map(\.name)).map { "did you mean :\($0)?" }
      return .failed([":\(name): no such command; " + (near ?? ":help lists them")])
    }
    if session.isAttached, command.argument == .file { return .failed([":\(name): \(MirrorKeeper.noFiles)"]) }
    let argument = text.dropFirst(name.count).drop { $0.isWhitespace }
    return command.run(session, String(argument).trimmingEnd)
  }
}

extension String {
  fileprivate var trimmingEnd: String {
    var text = self
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
