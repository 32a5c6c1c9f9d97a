public import Capture
public import Inventory
public import LuaRuntime
public import Mirroring
import Policy

/// A place to try things: one sandboxed interpreter that lives as long as the session, the policy language in it with
/// captures besides, and what was declared so far.
///
/// Use it on a thread with a deep stack, see `withLuaStack`. One answer at a time.
public final class Session: InputAnswering {
  public let interrupt = LuaInterrupt()
  public let inventory: Inventory
  /// Takes what scripts print and log, line by line.
  let output: (String) -> Void
  public var style: Style
  let policy: Policy
  let bpf: (any BPFCompiler)?
  private var objects: ObjectText!
  var log = InputLog()
  /// Behind the handles of `packets`.
  var sequences: [PacketSequence] = []
  /// Captures that ended too early, as far as they were read.
  public internal(set) var damage: [CaptureError] = []
  /// Takes how far a walk through captures is, now and then; nil: it is over.
  let onProgress: ((ScanProgress?) -> Void)?
  /// What was said of each mirror, so that it is said once.
  private var shownWarnings: Set<String> = []

  var context: PolicyContext { policy.context }
  var state: LuaState { policy.state }

  /// What whoever starts a session chooses.
  public struct Options {
    /// `policy.args`
    public var arguments: [String: String] = [:]
    /// Live bytes of the interpreter's heap.
    public var memory = 64 << 20
    public var style = Style()
    /// Mirrors that exist beside those of the session.
    public var mirrors: [TrafficMirror] = []
    public var output: (String) -> Void = { _ in }
    public var progress: ((ScanProgress?) -> Void)?

    public init() {}
  }

  public init(inventory: Inventory, bpf: (any BPFCompiler)? = nil, options: Options = Options()) throws(LuaError) {
    self.inventory = inventory
    self.bpf = bpf
    output = options.output
    style = options.style
    onProgress = options.progress
    let owner = SessionLibrary.Owner()
    var policyOptions = PolicyOptions()
    policyOptions.arguments = options.arguments
    policyOptions.memory = options.memory
    policyOptions.loading = .none
    let print = options.output
    policyOptions.print = print
    policyOptions.log = { line in print("\(line.place): \(line.level.rawValue): \(line.text)") }
    do throws(PolicyError) {
      policy = try Policy(
        session: SessionLibrary(
          entries: APIEntry.session, collections: [.packets: PacketsCollection.ways], owner: owner), inventory: inventory,
        bpf: bpf, earlier: options.mirrors, options: policyOptions)
    } catch {
      throw LuaError(.memory, error.message)
    }
    objects = try ObjectText(policy.state, policy.context)
    policy.state.watch(interrupt)
    owner.object = self
  }

  // MARK: Answering

  public func answer(_ input: String) -> Answer {
    evaluate(input, chunk: nil)
  }

  public func completions(of line: String) -> Completions { Completions() }

  /// - Parameter chunk: what errors call the text; nil: it was typed.
  func evaluate(_ text: String, chunk given: String?) -> Answer {
    let chunk = given ?? log.upcomingName
    do throws(LuaError) {
      guard case .done(let view, let count, let isExpression) = try state.evaluate(text, chunkName: chunk) else {
        return given == nil ? .incomplete : .failed(["\(chunk): the text ends where more is expected"])
      }
      note(text, chunk, isTyped: given == nil)
      let lines = try show(view, count: count) + newWarnings()
      return .done(isExpression ? lines : lines + hint(about: text))
    } catch {
      note(text, chunk, isTyped: given == nil)
      if error.kind == .interrupted { return .interrupted }
      let violations = context.violations(of: error)
      return .failed(ErrorText(style: style, log: log).lines(error, violations: violations))
    }
  }

  private func note(_ text: String, _ chunk: String, isTyped: Bool) {
    if isTyped { log.useName() }
    log.add(chunk, text)
  }

  private func show(_ view: LuaView, count: Int) throws(LuaError) -> [String] {
    let trees = try ValueReader(state: state, types: context.types, style: style).results(view, count: count)
    let text = ValueText(style: style) { [unowned self] handle, isTop in
      isTop ? objects.lines(handle, style) : [objects.inline(handle, style)]
    }
    return trees.flatMap(text.lines)
  }

  /// What typed inputs stumble over.
  private func hint(about text: String) -> [String] {
    guard text.hasPrefix("local "), !text.contains("\n") else { return [] }
    return [style.paint("note: a local ends with its input; without `local` it stays", .note)]
  }

  private func newWarnings() -> [String] {
    context.mirrors.flatMap(\.warnings).compactMap { warning in
      let text = "warning: \(warning.code): mirror \(LuaText.quoted(Array(warning.mirror.utf8))): \(warning.sentence)"
      guard shownWarnings.insert(text).inserted else { return nil }
      return style.paint(text, .note)
    }
  }
}
