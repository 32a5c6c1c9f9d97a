// The way of a policy: text -> sandboxed state -> runs once, `mirror{}` makes mirrors -> the plan takes them -> the
// pipeline asks `judge` and `choose` with the functions' numbers.

public import Inventory
package import LuaRuntime
public import Mirroring

/// One policy file: loaded once, its mirrors validated together with those of the files before it, then asked by the
/// pipeline as its script host.
///
/// Not for use by two threads at a time: one policy per worker. Scripts nest C calls: make and use it on a thread with
/// 8 MiB of stack, see `withLuaStack` of LuaRuntime.
public final class Policy: ScriptHost {
  /// What the file is called in messages, metrics and `policy.name`: its name without folders and `.lua`.
  public let name: String
  /// Index of this policy among the plan's script hosts.
  public let host: Int
  /// As it was given.
  let path: String

  package let context: PolicyContext
  package let state: LuaState
  /// Allocations before the script's first.
  private let opened: Int
  /// By entry of the plan.
  var entries: [PlanEntry] = []
  var breakers: [Breaker] = []
  var failureLog = FailureLog()
  /// By the policies that this one replaced.
  var forgottenBefore = 0

  /// By number of the function.
  var memories: [FunctionMemory] = []
  /// By entry of the plan: each function in its service, made when first asked.
  var uses: [[ScriptUse]] = []
  /// No filter and no balancer may change Lua's memory.
  var isQuiet = false
  public internal(set) var isRecallable = false
  var generationNow: UInt64 = 0
  /// Which function answered last, and whether from memory.
  var lastAsked = (function: -1, isHit: false)
  public var beforeFailure: (() -> Void)?
  /// False while packets are judged that nobody sent: see `uncounted`.
  var isCounted = true
  /// Remembered answers that were asked again, and those that differed.
  public internal(set) var verified = 0
  public internal(set) var mismatches = 0

  /// A mirror of this policy in the plan.
  struct PlanEntry {
    /// The mirror's number; nil: another policy's.
    var mirror: Int?
    /// The list of receivers as scripts see it, made at the first call of a balancer.
    var receivers: LuaPinned?
  }

  /// Reads and runs a policy file.
  ///
  /// - Parameters:
  ///   - host: the index this policy will have in the plan's script hosts.
  ///   - bpf: checks `filter.bpf` expressions; nil: they are taken as they are.
  ///   - earlier: mirrors of the files before this one; names and limits count together.
  /// - Throws: what is wrong, with file and line; an invalid `mirror{}` with all its violations.
  public convenience init(
    path: String, host: Int, inventory: Inventory, bpf: (any BPFCompiler)? = nil, earlier: [TrafficMirror] = [],
    options: PolicyOptions = PolicyOptions()
  ) throws(PolicyError) {
    let bytes: [UInt8]
    do throws(PolicyFile.Failure) {
      bytes = try PolicyFile.read(path, limit: PolicyFile.sourceLimit)
    } catch {
      throw PolicyError(kind: .unreadable, file: path, line: 0, message: error.reason)
    }
    try self.init(
      bytes: bytes, file: path, host: host, inventory: inventory, bpf: bpf, earlier: earlier, options: options)
  }

  /// Runs a policy given as text.
  ///
  /// - Parameter file: the name that messages carry, without its folders; its folder is where `set.load` and `require`
  ///   look.
  public convenience init(
    source: String, file: String, host: Int, inventory: Inventory, bpf: (any BPFCompiler)? = nil,
    earlier: [TrafficMirror] = [], options: PolicyOptions = PolicyOptions()
  ) throws(PolicyError) {
    try self.init(
      bytes: Array(source.utf8), file: file, host: host, inventory: inventory, bpf: bpf, earlier: earlier,
      options: options)
  }

  private init(
    bytes: [UInt8], file: String, host: Int, inventory: Inventory, bpf: (any BPFCompiler)?, earlier: [TrafficMirror],
    options: PolicyOptions
  ) throws(PolicyError) {
    let place = PolicyFile.Place(file)
    var library = HostLibrary()
    context = PolicyContext(
      name: place.stem, file: place.base, folder: place.folder, host: host, inventory: inventory,
      validator: MirrorValidator(inventory: inventory, bpf: bpf), earlier: earlier, options: options,
      types: PolicyTypes(declaringIn: &library))
    name = place.stem
    self.host = host
    path = file
    library = PolicyLibrary.build(context, declaredIn: library)
    context.note(bytes)
    do throws(LuaError) {
      state = try LuaState(
        library: library, memory: options.memory, failingFrom: options.failOpeningFrom, print: options.print)
      if options.coversLines { state.coverLines() }
      opened = state.memory.allocations
      state.failAllocations(from: options.failLoading.from, count: options.failLoading.count)
      try state.load(source: bytes, chunkName: place.base, limits: options.loading)
    } catch {
      throw PolicyError(error, context, path: file)
    }
    state.failAllocations(from: 0)
    context.isLoading = options.session != nil
    if options.session == nil { examineFunctions() }
  }

  /// For tests: `count` allocations of the script from the `n`th from now on fail; 0: none.
  package func failAllocations(from n: UInt64, count: UInt64) { state.failAllocations(from: n, count: count) }
  /// For tests: the script's allocations so far.
  package var allocations: Int { state.memory.allocations - opened }

  /// Of all that was read: its text, its modules, files of its sets. Equal in this process where those are.
  public var fingerprint: Int { context.reading.finalize() }

  // MARK: What was declared

  /// The mirrors that the file declared and did not delete, in order; each obeys every rule.
  public var mirrors: [TrafficMirror] { context.standing.map { context.mirrors[$0].mirror } }

  /// Numbers of the same mirrors, by which `begin` and `faulted` name them; they stay when others are deleted.
  public var mirrorNumbers: [Int] { context.standing }

  /// The same as they were written.
  public var drafts: [MirrorDraft] { context.standing.map { context.mirrors[$0].draft } }

  /// What is allowed and yet probably not meant.
  public var warnings: [MirrorViolation] {
    (miscompilation + context.standing.flatMap { context.mirrors[$0].warnings }).map { context.withPath($0, path) }
  }

  /// What to know of the installed Lua.
  private var miscompilation: [MirrorViolation] {
    guard let place = state.miscompiled else { return [] }
    return [
      MirrorViolation(
        code: "lua.constants", location: SourceLocation(file: place.chunk, line: place.line),
        message:
          "\(LuaSelfTest.release) may compute `a ~ (b or c)` and other bit operators wrongly in this function: it has "
          + "more than 256 constants", hint: "move long lists or the operators into a function or module of their own",
        isWarning: true)
    ]
  }

  // MARK: In the plan

  /// Numbers of the mirrors whose scripts failed too often: they are not called any more, `on_error` applies.
  public var faulted: [Int] { faults.map(\.mirror) }

  /// The same with what they failed with first.
  public var faults: [MirrorFault] {
    entries.indices.compactMap { index in
      guard breakers[index].isFaulted, let mirror = entries[index].mirror else { return nil }
      let first = breakers[index].first
      return MirrorFault(mirror: mirror, firstMessage: first?.message ?? "", hint: first?.hint)
    }.sorted { $0.mirror < $1.mirror }
  }

  /// What `counter(name)` counted, by name.
  public var counters: [PolicyMetric] { metrics(areCounters: true) }

  /// What `gauge(name)` was set to, by name.
  public var gauges: [PolicyMetric] { metrics(areCounters: false) }

  private func metrics(areCounters: Bool) -> [PolicyMetric] {
    context.metrics.filter { $0.isCounter == areCounters }.map { PolicyMetric(name: $0.name, value: $0.value) }
      .sorted { $0.name < $1.name }
  }

  /// Conversations whose `flow.state` gave way to those of others.
  public var forgottenStates: Int { forgottenBefore + state.forgottenTables }

  /// What went wrong in filters, balancers and timers, by function and kind.
  public var failures: [PolicyFailure] { failureLog.failures { context.functions[$0].name } }

  /// Every name that the script can reach from its globals, sorted: `string.rep`.
  public func reachableNames() -> [String] { (try? state.reachableNames()) ?? [] }
}
