internal import DataPath
internal import Mirroring
internal import Synchronization

/// What only one worker at a time looks at: the mirrors of the plan in force, and how a window is closed.
struct WindowClosing {
  /// Before mirrors are left out by priority.
  private static let deepestOfHost = 4

  /// A mirror with its budget. Another budget is another meter.
  private struct Name: Hashable {
    var vpc = ""
    var name = ""
    /// Among those of one name.
    var number = 0
    var budget: MirrorBudget?
  }

  private struct Entry {
    var name: Name
    var priority: Int
    var meter: Meter
  }

  private var entries: [Entry] = []
  /// Of the plan before: a sender that cannot serve a plan lets the others go back to it.
  private var former: [Entry] = []
  var threads = ThreadClocks()
  /// So many copies a window have the host's share of the processor, by the last window that had any.
  private var copiesOfShare: UInt64 = .max
  private let substitute: (@Sendable () -> UInt64)?

  init(taken: (@Sendable () -> UInt64)?) { substitute = taken }

  /// Nanoseconds of processor time since it was asked last.
  mutating func taken() -> UInt64 { substitute?() ?? threads.taken() }

  // MARK: Plans

  mutating func adopt(_ plan: SinkPlan) -> [Meter] {
    let names = Self.names(plan)
    if names != entries.map(\.name) {
      let known = Dictionary((entries + former).map { ($0.name, $0.meter) }, uniquingKeysWith: { now, _ in now })
      former = entries
      entries = names.map { Entry(name: $0, priority: 0, meter: known[$0] ?? Meter($0.budget)) }
    }
    for (mirror, given) in plan.mirrors.enumerated() { entries[mirror].priority = given.priority }
    return entries.map(\.meter)
  }

  private static func names(_ plan: SinkPlan) -> [Name] {
    var names = plan.mirrors.map { Name(budget: $0.budget) }
    for route in plan.routes { (names[route.mirror].vpc, names[route.mirror].name) = (route.vpc, route.mirrorName) }
    var seen: [Name: Int] = [:]
    for mirror in names.indices {
      let number = seen[names[mirror], default: 0]
      seen[names[mirror]] = number + 1
      names[mirror].number = number
    }
    return names
  }

  // MARK: Windows

  /// What was offered says what is shed from now on; meters begin anew.
  ///
  /// - Parameters:
  ///   - elapsed: since the window began: several windows, where nothing was sent.
  ///   - cpuShare: of one processor, the host's.
  /// - Returns: mirrors of a priority below it are left out.
  mutating func close(elapsed: Int64, _ host: Meter, _ cpuShare: Double?) -> Int {
    let windows = UInt64(elapsed / BudgetBoard.window)
    let taken = taken()
    let offered = entries.map { $0.meter.offered.take() }
    let fixed = fixedTimes(taken, offered)
    for (mirror, entry) in entries.enumerated() {
      var limit = entry.meter.limit
      if let time = entry.meter.time {
        let spoken = Double(fixed[mirror]) * Double(BudgetBoard.window) / Double(elapsed)
        limit.nanoseconds = time - min(time, UInt64(spoken))
      }
      let level = ShedLevel.least(for: offered[mirror], under: limit.times(windows))
      entry.meter.begin(level ?? ShedLevel(headersOnly: true, shift: ShedLevel.deepest), limit)
    }
    if let cpuShare { limitCopies(cpuShare, host, taken, elapsed) }
    var limit = host.limit
    limit.packets = min(limit.packets, copiesOfShare)
    let (level, priority) = hostLevel(under: limit.times(windows))
    host.begin(level, limit)
    return priority
  }

  /// Nanoseconds by mirror that no shedding saves.
  private func fixedTimes(_ taken: UInt64, _ offered: [Load]) -> [UInt64] {
    TimeShares(
      taken: taken, scripts: entries.map { $0.meter.scripts.exchange(0, ordering: .relaxed) },
      sends: entries.map { $0.meter.sends.exchange(0, ordering: .relaxed) }, copies: offered.map(\.packets)
    ).fixed
  }

  /// As many as have the share's time, if they cost what those of this window did.
  private mutating func limitCopies(_ cpuShare: Double, _ host: Meter, _ taken: UInt64, _ elapsed: Int64) {
    let share = Double(taken) / Double(elapsed)
    let spent = host.packetsInWindow
    guard spent > 0, share > 0 else { return }
    let packets = Double(spent) * Double(BudgetBoard.window) / Double(elapsed) * min(4, cpuShare / share)
    copiesOfShare = UInt64(max(1, packets))
  }

  /// Payload, then samples, then mirrors, those of the lowest priority first.
  private func hostLevel(under limit: Load) -> (ShedLevel, Int) {
    let loads = entries.map { ($0.priority, $0.meter.passed.take()) }
    for priority in Set([Int.min] + loads.map(\.0)).sorted() {
      var load = Load()
      for (own, part) in loads where own >= priority { load += part }
      if let level = ShedLevel.least(for: load, under: limit, deepest: Self.deepestOfHost) { return (level, priority) }
    }
    return (ShedLevel(headersOnly: true, shift: Self.deepestOfHost), loads.map(\.0).max() ?? .min)
  }
}
