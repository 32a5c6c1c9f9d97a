import ArgumentParser
import Control
import Foundation
import Interactive
import Inventory
import JSONText
import LuaRuntime

struct ReplCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repl",
    abstract: "Explore traffic and mirrors at a prompt, in Lua.",
    discussion: """
      EXAMPLES:
        moontap repl --inventory shop.json --read hour.pcapng
        moontap repl --store --read hour.pcapng
        echo 'packets:top("source", 5)' | \\
            moontap repl --inventory shop.json --read hour.pcapng
        sudo moontap repl --attach

      Piped input is evaluated without a prompt and ends at the first error, with exit code 2, unless --keep-going is given.
      --attach asks a running engine: its mirrors and counters are there, and can be enabled and disabled.

      At the prompt :help tells more. See docs/repl.md for a guided session.
      """)

  @Option(
    help: ArgumentHelp("Inventory (moontap.inventory/1): what exists. (default: the store's)", valueName: "file"))
  var inventory: String?

  @Option(
    defaultAsFlag: "",
    help: ArgumentHelp(
      "What is typed sees the mirrors of this store and changes them; without a file those of the user's store.",
      valueName: "file"),
    completion: .file())
  var store: String?

  @Flag(help: "A session inside a running engine.")
  var attach = false

  @OptionGroup var engine: EngineOptions

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Captures for the global `packets`: pcap or pcapng, plain or gzip'ed.", valueName: "capture"))
  var read: [String] = []

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp("An argument for scripts: policy.args.KEY is VALUE.", valueName: "key=value"))
  var set: [String] = []

  @Argument(help: ArgumentHelp("Lua files to load first, as :load does.", valueName: "policy"), completion: .file())
  var policies: [String] = []

  @Flag(help: "Piped input: go on after an error.")
  var keepGoing = false

  func validate() throws {
    if attach {
      guard inventory == nil, store == nil, read.isEmpty, set.isEmpty, policies.isEmpty else {
        throw ValidationError(
          "--attach takes the engine's inventory and mirrors: no --inventory, --store, --read, --set, policies.")
      }
      return
    }
    if engine.control != nil { throw ValidationError("--control says which engine to ask: add --attach.") }
    if read.contains("-") { throw ValidationError("A session reads captures again and again: - cannot be read twice.") }
    if inventory == nil, store == nil {
      throw ValidationError(
        "No inventory: --inventory FILE, or --store, tells which networks and interfaces exist; --attach asks an engine."
      )
    }
    _ = try ScriptOptions.arguments(set)
  }

  func run() throws {
    try finish {
      if attach { return try converseWithEngine() }
      return try onScriptStack {
        let session = try makeSession()
        for policy in policies {
          if let ending = show(session.answer(":load " + policy), endsOnFailure: true) { return ending }
        }
        if Self.isInteractive {
          return try converse(session, with: inventory ?? storeOptions?.path ?? "") { session.style.width = $0 }
        }
        let ending = try evaluatePiped(session)
        return ending == .ok && !session.damage.isEmpty ? .failed : ending
      }
    }
  }

  private func converseWithEngine() throws -> Ending {
    let client = try engine.connect()
    let session = try RemoteSession(client, hasColour: Self.isInteractive && Terminal.hasColour) { line in
      try? Terminal.write(line + "\n")
    }
    let ending =
      Self.isInteractive
      ? try converse(session, with: "engine \(client.greeting["pid"]?.integer ?? 0)") { session.width = $0 }
      : try evaluatePiped(session)
    if let lost = session.lost { throw lost }
    return ending
  }

  private static let isInteractive = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1

  private func makeSession() throws -> Session {
    var progress = Progress(isEnabled: Self.isInteractive)
    var options = Session.Options()
    options.arguments = try ScriptOptions.arguments(set)
    options.output = { line in try? Terminal.write(line + "\n") }
    options.style.hasColour = Terminal.hasColour
    options.progress = { state in
      if let state {
        progress.update(packets: state.packets, consumed: state.consumed, total: state.total)
      } else {
        progress.clear()
        progress = Progress(isEnabled: Self.isInteractive)
      }
    }
    options.tools = Session.Tools(
      stages: { mirror, explanation, plan in
        ExplanationText.stages(of: mirror, explanation, plan).split(separator: "\n").map(String.init)
      },
      test: { [inventory] path, arguments in Self.test(path, inventory: inventory, arguments) })
    let found = try makeInventory()
    options.store = try storeOptions.map { store in
      try SessionStore(store) { line in try? Terminal.write(line + "\n") }
    }
    do throws(LuaError) {
      let session = try Session(inventory: found, options: options)
      if !read.isEmpty { try session.read(read) }
      return session
    } catch {
      throw Problem(code: "repl.start", sentence: error.message)
    }
  }

  /// nil: scripts have no store.
  private var storeOptions: StoreOptions? {
    store.map { file in
      var options = StoreOptions()
      options.store = file.isEmpty ? nil : file
      return options
    }
  }

  private func makeInventory() throws -> Inventory {
    if let inventory { return try Inventory.read(inventory) }
    return try StoredMirrors(storeOptions ?? StoreOptions()).requiredInventory()
  }

  /// `:test`, as `moontap test` does it.
  private static func test(_ path: String, inventory: String?, _ arguments: [String: String]) -> Answer {
    do {
      var runner = TestRunner(TestRunner.Settings(inventory: inventory, arguments: arguments))
      let report = TestReport(files: try TestFile.find([path]).map { runner.run($0) })
      let problems = report.files.flatMap(\.problems).map(\.text)
      let lines = report.files.map(TestReport.text) + problems + [report.summary]
      let text = lines.joined().split(separator: "\n").map(String.init)
      return report.ending == .ok ? .done(text) : .failed(text)
    } catch let problem as Problem {
      return .failed([problem.text])
    } catch {
      return .failed(["\(error)"])
    }
  }

  /// - Returns: how the command ends, if it does.
  private func show(_ answer: Answer, endsOnFailure: Bool) -> Ending? {
    switch answer {
    case .done(let lines): for line in lines { try? Terminal.write(line + "\n") }
    case .failed(let lines):
      for line in lines { Terminal.complain(line + "\n") }
      if endsOnFailure { return .failed }
    case .interrupted: return .interrupted
    case .incomplete, .leave: break
    }
    return nil
  }

  private func evaluatePiped(_ session: any InputAnswering) throws -> Ending {
    let prompt = PipedPrompt(
      session, keepsGoing: keepGoing, output: { line in try? Terminal.write(line + "\n") },
      errors: { line in Terminal.complain(line + "\n") })
    switch prompt.run({ readLine() }) {
    case .done: return .ok
    case .failed: return .failed
    case .interrupted: return .interrupted
    }
  }

  /// - Parameter resize: told how wide the terminal is before every answer.
  private func converse(
    _ session: any InputAnswering, with what: String, resize: @escaping (_ columns: Int) -> Void
  ) throws -> Ending {
    let prompt = TerminalPrompt(session, hasColour: Terminal.hasColour, pager: Self.pager, resize: resize)
    guard let prompt else { throw Problem(code: "repl.terminal", sentence: "the terminal cannot be used") }
    try Terminal.write("Moontap: \(what). :help tells what there is, Ctrl-D leaves.\n")
    return prompt.run() ? .interrupted : .ok
  }

  /// PAGER, or less where it is; an empty PAGER means none.
  private static var pager: String? {
    guard let given = ProcessInfo.processInfo.environment["PAGER"] else { return "less -FRX" }
    return given.isEmpty ? nil : given
  }
}
