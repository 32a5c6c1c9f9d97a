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
    var hint: String?
    var loggedAt: Int64
    var unlogged = 0
  }

  private var entries: [Key: Entry] = [:]

  /// - Returns: the line to log, if any; without the place.
  mutating func record(_ function: Int, _ failure: LuaError, as message: String, at time: Int64) -> String? {
    let key = Key(function: function, kind: .init(failure.kind))
    guard var entry = entries[key] else {
      entries[key] = Entry(
        count: 1, firstMessage: message, hint: FailureHint.hint(for: failure), loggedAt: time)
      return "\(key.kind.rawValue): \(failure.message)"
    }
    entry.count += 1
    entry.unlogged += 1
    let isDue = time &- entry.loggedAt >= Self.interval
    let line = isDue ? "\(key.kind.rawValue): \(entry.unlogged) more, such as: \(failure.message)" : nil
    if isDue { (entry.loggedAt, entry.unlogged) = (time, 0) }
    entries[key] = entry
    return line
  }

  /// What was counted and not logged yet, so that the numbers in the log add up; at the end of a run.
  mutating func finish() -> [(function: Int, line: String)] {
    var lines: [(function: Int, line: String)] = []
    for key in sortedKeys {
      guard let count = entries[key]?.unlogged, count > 0 else { continue }
      lines.append((key.function, "\(key.kind.rawValue): \(count) more"))
      entries[key]?.unlogged = 0
    }
    return lines
  }

  private var sortedKeys: [Key] {
    entries.keys.sorted { ($0.function, $0.kind.rawValue) < ($1.function, $1.kind.rawValue) }
  }

  func failures(_ name: (Int) -> String) -> [PolicyFailure] {
    sortedKeys.compactMap { key in
      entries[key].map {
        PolicyFailure(
          function: name(key.function), kind: key.kind, count: $0.count, firstMessage: $0.firstMessage, hint: $0.hint)
      }
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
    case .syntax, .runtime, .interrupted: self = .runtime
    }
  }
}
