public import Inventory
public import Mirroring

/// One policy file: loaded once, its mirrors validated together with those of the files before it, then asked by the
/// pipeline as its script host.
///
/// Not for use by two threads at a time: one policy per worker. Callbacks nest C calls: call `judge`, `choose` and
/// `runTimers` on a thread with at least 512 KiB of stack.
public final class Policy: ScriptHost {
  /// What the file is called in messages, metrics and `policy.name`: its name without folders and `.lua`.
  public let name: String
  /// Index of this policy among the plan's script hosts.
  public let host: Int
  /// The mirrors that the file declared, in order; each obeys every rule.
  public private(set) var mirrors: [TrafficMirror] = []
  /// What the rules warn of.
  public private(set) var warnings: [MirrorViolation] = []

  /// Reads and runs a policy file.
  ///
  /// - Parameters:
  ///   - host: the index this policy will have in the plan's script hosts.
  ///   - bpf: compiles `filter.bpf`; nil: such a filter is refused.
  ///   - earlier: mirrors of the files before this one; names and limits count together.
  /// - Throws: what is wrong, with file and line; an invalid `mirror{}` with all its violations.
  public convenience init(
    path: String, host: Int, inventory: Inventory, bpf: (any BPFCompiler)? = nil, earlier: [TrafficMirror] = [],
    options: PolicyOptions = PolicyOptions()
  ) throws(PolicyError) {
    try self.init(
      source: "", file: path, host: host, inventory: inventory, bpf: bpf, earlier: earlier, options: options)
  }

  /// Runs a policy given as text.
  ///
  /// - Parameter file: the name that messages carry; its folder is where `set.load` looks.
  public init(
    source: String, file: String, host: Int, inventory: Inventory, bpf: (any BPFCompiler)? = nil,
    earlier: [TrafficMirror] = [], options: PolicyOptions = PolicyOptions()
  ) throws(PolicyError) {
    name = file
    self.host = host
  }

  // MARK: In the plan

  /// Tells which entries of the plan are mirrors of this policy: for the breaker and for `stats()`.
  ///
  /// - Parameter mirrors: index of the mirror among the plan's enabled mirrors (what `judge` is called with), and its
  ///   position in `mirrors`.
  public func begin(plan mirrors: [(entry: Int, mirror: Int)]) {}

  /// Mirrors whose scripts failed too often: by position in `mirrors`.
  public var faulted: [Int] { [] }

  /// `counter(name)` and `gauge(name)`, by name.
  public var counters: [PolicyMetric] { [] }
  public var gauges: [PolicyMetric] { [] }

  /// What went wrong in filters, balancers and timers, by function and kind.
  public var failures: [PolicyFailure] { [] }

  // MARK: ScriptHost

  public func judge(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>) -> ScriptAnswer { .failed }
  public func choose(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>) -> ScriptChoice { .failed }
  public var nextTimer: Int64 { .max }
  public func start(at time: Int64) {}
  public func runTimers(at time: Int64) {}
  public func conversationEnded(_ id: UInt32) {}
}
