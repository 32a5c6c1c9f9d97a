public import Capture
public import DataPath
public import Inventory
public import LuaRuntime
import Mirroring
public import Policy

/// A place to try things: one sandboxed interpreter that lives as long as the session, the policy language in it with
/// captures besides, and what was declared so far.
///
/// Use it on a thread with a deep stack, see `withLuaStack`. One answer at a time.
public final class Session: InputAnswering {
  public let interrupt = LuaInterrupt()
  public let inventory: Inventory
  public var style: Style
  let bpf = PcapFilterCompiler()
  let options: Options
  private(set) var policy: Policy
  private(set) var objects: ObjectText
  private let owner: SessionLibrary.Owner
  var log = InputLog()
  /// Files that `:load` ran, in order.
  var loaded: [String] = []
  /// Behind the handles of `packets`.
  var sequences: [PacketSequence] = []
  /// Of the captures that were given at the start.
  private(set) var given: PacketSequence?
  /// Captures that ended too early, as far as they were read.
  public internal(set) var damage: [CaptureError] = []
  /// What was said of each mirror, so that it is said once.
  private var shownWarnings: Set<String> = []
  /// `:trace on`
  var isTracing = false
  /// A mirror judges packets just now.
  var isTrying = false
  lazy var sortedIdentifiers = inventory.identifiers
  /// ENIs by the names of the interfaces that capture at them.
  lazy var capturingENIs = Pipeline.interfaceNames(MirrorPlan(inventory: inventory, mirrors: []))

  var context: PolicyContext { policy.context }
  var state: LuaState { policy.state }
  var arguments: [String: String] { options.arguments }
  /// Takes how far a walk through captures is, now and then; nil: it is over.
  var onProgress: ((ScanProgress?) -> Void)? { options.progress }

  /// What the command line can do besides.
  public struct Tools {
    /// The stages of one mirror of a plan, as `explain` prints them.
    public var stages: (_ mirror: Int, Explanation, MirrorPlan) -> [String]
    /// Runs a file of tests, or those of a folder.
    public var test: (_ path: String, _ arguments: [String: String]) -> Answer

    public init(
      stages: @escaping (_ mirror: Int, Explanation, MirrorPlan) -> [String],
      test: @escaping (_ path: String, _ arguments: [String: String]) -> Answer
    ) {
      self.stages = stages
      self.test = test
    }
  }

  /// What whoever starts a session chooses.
  public struct Options {
    /// `policy.args`
    public var arguments: [String: String] = [:]
    /// Live bytes of the interpreter's heap.
    public var memory = LuaHeap.repl
    public var style = Style()
    /// Takes what scripts print and log, and warnings of captures, line by line.
    public var output: (String) -> Void = { _ in }
    public var progress: ((ScanProgress?) -> Void)?
    public var tools: Tools?
    /// What the session is attached to: `follow` tells it what that has.
    public var engine: (any RunningEngine)?
    /// Of one input.
    public var limits = LuaLimits.repl
    /// What typed inputs may look at and change; nil: none.
    public var store: (any ScriptStore)?

    public init() {}
  }

  public init(inventory: Inventory, options: Options = Options()) throws(LuaError) {
    self.inventory = inventory
    self.options = options
    style = options.style
    owner = SessionLibrary.Owner()
    (policy, objects) = try Self.start(inventory, bpf, options, owner)
    owner.object = self
    policy.state.watch(interrupt)
  }

  private static func start(
    _ inventory: Inventory, _ bpf: PcapFilterCompiler, _ options: Options, _ owner: SessionLibrary.Owner
  ) throws(LuaError) -> (Policy, ObjectText) {
    var policyOptions = PolicyOptions()
    policyOptions.arguments = options.arguments
    policyOptions.memory = options.memory
    policyOptions.loading = .repl
    policyOptions.store = options.store
    let print = options.output
    policyOptions.print = print
    policyOptions.log = { line in print("\(line.place): \(line.level.rawValue): \(line.text)") }
    let library = SessionLibrary(
      entries: APIEntry.session, collections: [.packets: PacketsCollection.ways], typedPrefix: InputLog.prefix,
      owner: owner)
    do throws(PolicyError) {
      let policy = try Policy(session: library, inventory: inventory, bpf: bpf, options: policyOptions)
      return (policy, try Self.objects(policy))
    } catch {
      throw LuaError(.memory, error.message)
    }
  }

  private static func objects(_ policy: Policy) throws(PolicyError) -> ObjectText {
    do throws(LuaError) {
      return try ObjectText(policy.state, policy.context)
    } catch {
      throw PolicyError(kind: .memory, file: "session", line: 0, message: error.message)
    }
  }

  /// A fresh interpreter; captures that were given stay.
  func restart() throws(LuaError) {
    (policy, objects) = try Self.start(inventory, bpf, options, owner)
    policy.state.watch(interrupt)
    try state.noteReads(isTracing)
    sequences.removeAll()
    log.removeAll()
    shownWarnings.removeAll()
    if let given { try setPackets(given) }
  }

  // MARK: Captures

  /// Makes the captures the global `packets`.
  public func read(_ paths: [String]) throws(LuaError) {
    do throws(HostFailure) {
      given = try open(paths)
    } catch {
      throw LuaError(.runtime, error.message)
    }
    if let given { try setPackets(given) }
  }

  private func setPackets(_ sequence: PacketSequence) throws(LuaError) {
    sequences.append(sequence)
    let handle = LuaValue.handle(LuaHandle(context.types.handle(.packets), sequences.count - 1))
    let source = "return function(value) packets = value end"
    guard case .done(let view, _, _) = try state.evaluate(source, chunkName: "host") else { return }
    _ = try state.call(try state.function(in: view, at: 1), arguments: [handle], limits: .none)
    _ = try state.evaluate("_ = nil", chunkName: "host")
  }

  // MARK: Answering

  public func answer(_ input: String) -> Answer {
    input.hasPrefix(":") ? ColonCommand.run(input, in: self) : evaluate(input, chunk: nil)
  }

  public func completions(of line: String) -> Completions { Completer(session: self).completions(of: line) }

  /// - Parameter chunk: what errors call the text; nil: it was typed.
  func evaluate(_ text: String, chunk given: String?) -> Answer {
    let chunk = given ?? log.upcomingName
    let (declared, stored) = (context.declarations, context.storeChanges)
    lookAtStore()
    do throws(LuaError) {
      guard
        case .done(let view, let count, let isExpression) = try state.evaluate(
          text, chunkName: chunk, limits: options.limits)
      else {
        return given == nil ? .incomplete : .failed(["\(chunk): the text ends where more is expected"])
      }
      note(text, chunk, isTyped: given == nil)
      // What changes the store is done, and no part of a policy.
      if context.storeChanges == stored,
        SessionNames.isOfPolicy(text, isExpression: isExpression, declares: context.declarations != declared)
      {
        log.markOfPolicy()
      }
      let shown = try show(view, count: count)
      if shown == [style.paint("nil", .word)], let note = Self.commandNote(text) {
        return .done([style.paint("note: " + note, .note)])
      }
      let lines = shown + newWarnings()
      return .done(isExpression ? lines : lines + hint(about: text))
    } catch {
      note(text, chunk, isTyped: given == nil)
      if error.kind == .interrupted { return .interrupted }
      let violations = context.violations(of: error)
      return .failed(ErrorText(style: style, log: log).lines(error, violations: violations))
    }
  }

  /// An expression of the host's own, which is not remembered as typed.
  func evaluateForHost(_ text: String) -> Answer {
    do throws(LuaError) {
      guard case .done(let view, let count, _) = try state.evaluate(text, chunkName: "host") else { return .incomplete }
      return .done(try show(view, count: count))
    } catch {
      return .failed([error.message])
    }
  }

  /// Between two inputs others may have changed it.
  private func lookAtStore() {
    do throws(StoreRefusal) {
      try options.store?.refresh()
    } catch {
      output("\(error.code): \(error.sentence)" + (error.hint.map { " (\($0))" } ?? ""))
    }
  }

  private func note(_ text: String, _ chunk: String, isTyped: Bool) {
    if isTyped { log.useName() }
    log.add(chunk, text)
  }

  private func show(_ view: LuaView, count: Int) throws(LuaError) -> [String] {
    let trees = try ValueReader(state: state, types: context.types, style: style).results(view, count: count)
    var failure: LuaError?
    let text = ValueText(style: style) { [unowned self] handle, isTop in
      guard handle.type == context.types.handle(.packets), sequences.indices.contains(handle.index) else {
        return isTop ? objects.lines(handle, style) : [objects.inline(handle, style)]
      }
      guard isTop else { return ["<\(sequences[handle.index].title)>"] }
      do throws(LuaError) {
        return try lines(of: handle)
      } catch {
        failure = error
        return []
      }
    }
    let shown = trees.flatMap(text.lines)
    if let failure { throw failure }
    return shown
  }

  /// Commands of other prompts, `exit` or `exit()`, that have no meaning in Lua.
  static func commandNote(_ text: String) -> String? {
    switch text.split(whereSeparator: { " ();".contains($0) }) {
    case ["help"]: ":help tells what there is"
    case ["exit"], ["quit"]: ":quit leaves, and so does Ctrl-D"
    default: nil
    }
  }

  /// What typed inputs stumble over.
  private func hint(about text: String) -> [String] {
    guard text.hasPrefix("local "), !text.contains("\n") else { return [] }
    return [style.paint("note: a local ends with its input; without `local` it stays", .note)]
  }

  private func newWarnings() -> [String] {
    context.standingMirrors.flatMap { context.mirrors[$0].warnings }.compactMap { warning in
      let text = "warning: mirror \(LuaText.quoted(Array(warning.mirror.utf8))): \(warning.sentence)"
      guard shownWarnings.insert(text).inserted else { return nil }
      return style.paint(text, .note)
    }
  }

  func output(_ line: String) { options.output(line) }
}
