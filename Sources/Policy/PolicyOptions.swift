public import LuaRuntime

/// What whoever runs a policy may choose.
public struct PolicyOptions {
  /// `policy.args`: what `--set key=value` gave.
  public var arguments: [String: String] = [:]
  /// What one call may use while the policy loads, in filters and balancers, in timers.
  public var loading = LuaLimits.load
  public var callback = LuaLimits.callback
  public var timer = LuaLimits.timer
  /// Live bytes of the script's heap.
  public var memory = LuaHeap.policy
  /// Answers of filters and balancers are remembered where that cannot change an answer.
  public var remembersVerdicts = true
  /// Takes `log.*` lines and the host's own messages about failing scripts; already rate-limited, one clean line each.
  public var log: (PolicyLogLine) -> Void = { _ in }
  /// Takes each line of `print`.
  public var print: (String) -> Void = { _ in }
  /// Folders where `require` looks after the policy's own.
  public var libraries: [String] = []
  /// What `shared` is: one store for all workers of a policy.
  public var shared = SharedStore()
  /// Another worker has the state whose changes count: what this one's timers want of mirrors and reloads is passed over.
  public var isSecondary = false
  /// What an interactive session has besides; nil: it is a policy of a file.
  package var session: SessionLibrary?
  /// The store that scripts may look at and change; nil: none.
  public var store: (any ScriptStore)?
  /// What mirrors give as their origin; nil: where they are declared.
  public var origin: String?
  /// For tests: this allocation and all later ones fail while the interpreter is made; 0: none.
  package var failOpeningFrom: UInt64 = 0
  /// For tests: so many allocations of the script, from this one on, fail while it loads; 0: none.
  package var failLoading: (from: UInt64, count: UInt64) = (0, 0)

  /// The policy is tested: its script finds the names of tests, see `Policy.loadTests(path:)`.
  public var isTested = false
  /// The script is an audit of this configuration: it finds the names of audits and cannot declare mirrors.
  public var audited: AuditedConfiguration?
  /// Lines that run are counted, see `Policy.coverage`.
  public var coversLines = false
  /// Takes a frame, by its number from 1, out of a capture whose descriptor it takes over; nil: there are no captures.
  public var readFrame: ((_ descriptor: Int32, _ path: String, _ number: Int) throws(CaptureRefusal) -> MadeFrame)?

  public init() {}
}

/// Why a capture, or a frame of it, cannot be had.
public struct CaptureRefusal: Error {
  public var reason: String
  public init(_ reason: String) { self.reason = reason }
}

/// One line of a policy's log.
public struct PolicyLogLine: Sendable, Hashable {
  public enum Level: String, Sendable, Hashable, CaseIterable { case debug, info, warn, error }
  public var level: Level
  /// `web-to-ids.lua:8`
  public var place: String
  /// Without line ends and control characters; at most 1 KiB.
  public var text: String

  public init(level: Level, place: String, text: String) {
    self.level = level
    self.place = place
    self.text = text
  }
}

/// One value of `counter(name)` or `gauge(name)`.
public struct PolicyMetric: Sendable, Hashable {
  public var name: String
  public var value: Double

  public init(name: String, value: Double) {
    self.name = name
    self.value = value
  }
}

/// How often a function of a policy failed in one way.
public struct PolicyFailure: Sendable, Hashable {
  public enum Kind: String, Sendable, Hashable, CaseIterable { case runtime, cpu, memory, verdict, stale }
  /// `no-scan`, or by place `web-to-ids.lua:8`.
  public var function: String
  public var kind: Kind
  public var count: Int
  /// The first message, with script and line.
  public var firstMessage: String
  /// What would be right, where that is known.
  public var hint: String?

  public init(function: String, kind: Kind, count: Int, firstMessage: String, hint: String? = nil) {
    self.function = function
    self.kind = kind
    self.count = count
    self.firstMessage = firstMessage
    self.hint = hint
  }
}

/// Why a mirror's scripts are not called any more.
public struct MirrorFault: Sendable, Hashable {
  /// Position in the policy's mirrors.
  public var mirror: Int
  /// Its first failure, with script and line.
  public var firstMessage: String
  public var hint: String?
}
