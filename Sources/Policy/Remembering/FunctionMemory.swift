internal import LuaRuntime

/// Whether and when the answers of one script function are remembered.
struct FunctionMemory {
  /// Beyond this what the function is made of changes too often to be looked at again.
  static let examinationLimit = 16
  /// A memory that was emptied this often and gave less than `worth` answers each time is given up.
  static let emptiedLimit = 64
  static let worth = 4

  var examination: LuaExamination
  /// `LuaState.written` for which the examination was found to hold.
  var checkedAt: UInt64
  var examinations = 1
  var emptied = 0
  var hits = 0
  /// Asked again, it answered otherwise: a bug of ours. Never remembered from then on.
  var isDistrusted = false
  /// The memory was emptied so often that it was no use.
  var isGivenUp = false

  var isRemembering: Bool { examination.obstacle == nil && !isDistrusted && !isGivenUp }

  mutating func empty() {
    emptied += 1
    if emptied >= Self.emptiedLimit, hits < emptied * Self.worth { isGivenUp = true }
  }
}

/// One function in the service of one mirror: what it answered, and how often it was called.
final class ScriptUse {
  let function: Int
  let tree = VerdictTree()
  /// Answers without a call.
  var hits: UInt64 = 0
  /// Calls of a function whose answers are remembered.
  var misses: UInt64 = 0
  var calls: UInt64 = 0
  /// Calls that were timed, and how long they took.
  var timed: UInt64 = 0
  var nanoseconds: UInt64 = 0
  /// Answers out of the memory until one is asked again.
  var untilVerified = ScriptUse.verifiedEvery

  static let verifiedEvery = 4096
  static let timedEvery: UInt64 = 64

  init(function: Int) { self.function = function }

  /// Of all calls, by those that were timed.
  var estimate: UInt64 { timed > 0 ? UInt64(Double(nanoseconds) / Double(timed) * Double(calls)) : 0 }
}

/// How one function served one mirror.
public struct ScriptStatistics: Sendable, Hashable {
  /// `no-scan`, or by place `web-to-ids.lua:8`.
  public var function: String
  /// As the plan knows it.
  public var number: Int
  /// Answers that were remembered: Lua was not called.
  public var hits: UInt64
  /// Calls that the memory could not spare.
  public var misses: UInt64
  /// All calls of the function.
  public var calls: UInt64
  /// Of them those that were timed, one in 64, and how long these took together.
  public var timed: UInt64
  public var nanoseconds: UInt64

  /// Of a call, by those that were timed; nil: none was.
  public var nanosecondsPerCall: Double? { timed > 0 ? Double(nanoseconds) / Double(timed) : nil }

  /// Of its answers those that were remembered, 0 to 1; nil: it was never asked.
  public var cachedShare: Double? { hits + calls > 0 ? Double(hits) / Double(hits + calls) : nil }
}

/// Whether a function's answers are remembered, in words.
public struct CachingReport: Sendable, Hashable {
  public var function: String
  public var isBalancer: Bool
  /// Why never; nil: they are.
  public var obstacle: String?
  /// Fields that the answer may hang on; of a conversation all others are equal anyhow.
  public var fields: [String]
  /// What makes a run one that is not remembered: the first place.
  public var unsteady: String?

  /// `cached on protocol, destination_port`, `not cached: counts packets in upvalue 'n' (line 12)`.
  public var text: String {
    if let obstacle { return "not cached: " + obstacle }
    let on = fields.isEmpty ? "cached" : "cached on " + fields.joined(separator: ", ")
    guard let unsteady else { return on }
    return fields.isEmpty ? "not cached where it \(unsteady)" : "\(on); not where it \(unsteady)"
  }
}

extension LuaTable {
  /// Of all functions of a mirror together.
  init(statistics: [ScriptStatistics]) {
    func sum(_ value: (ScriptStatistics) -> UInt64) -> LuaValue {
      .integer(Int64(clamping: statistics.reduce(0) { $0 &+ value($1) }))
    }
    let times = statistics.compactMap(\.nanosecondsPerCall)
    self.init(fields: [
      .init("hits", sum(\.hits)), .init("misses", sum(\.misses)), .init("calls", sum(\.calls)),
      .init("ns_per_call", times.isEmpty ? .nil : .number(times.reduce(0, +) / Double(times.count))),
    ])
  }
}
