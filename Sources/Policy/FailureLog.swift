internal import LuaRuntime

/// Counts what goes wrong by function and kind. The first of each is logged with its message, later ones as a number, at
/// most once in ten seconds of the engine's clock.
struct FailureLog {
  static let interval: Int64 = 10_000_000_000

  private struct Key: Hashable {
    var function: Int
    var kind: PolicyFailure.Kind
  }

  private struct Entry {
    var count = 0
    var firstMessage: String
    var loggedAt: Int64
    var unlogged = 0
  }

  private var entries: [Key: Entry] = [:]

  /// - Returns: the line to log, if any.
  mutating func record(
    _ function: Int, _ name: String, _ kind: PolicyFailure.Kind, _ message: String, at time: Int64
  ) -> String? {
    let key = Key(function: function, kind: kind)
    guard var entry = entries[key] else {
      entries[key] = Entry(count: 1, firstMessage: message, loggedAt: time)
      return "\(name): \(kind.rawValue): \(message)"
    }
    entry.count += 1
    entry.unlogged += 1
    let isDue = time &- entry.loggedAt >= Self.interval
    let line = isDue ? "\(name): \(kind.rawValue): \(entry.unlogged) more, such as \(message)" : nil
    if isDue { (entry.loggedAt, entry.unlogged) = (time, 0) }
    entries[key] = entry
    return line
  }

  func failures(_ name: (Int) -> String) -> [PolicyFailure] {
    entries.sorted { ($0.key.function, $0.key.kind.rawValue) < ($1.key.function, $1.key.kind.rawValue) }.map {
      PolicyFailure(
        function: name($0.key.function), kind: $0.key.kind, count: $0.value.count, firstMessage: $0.value.firstMessage)
    }
  }
}

extension PolicyFailure.Kind {
  init(_ kind: LuaError.Kind) {
    switch kind {
    case .cpu, .wall: self = .cpu
    case .memory: self = .memory
    case .verdict: self = .verdict
    case .stale: self = .stale
    case .syntax, .runtime: self = .runtime
    }
  }
}
