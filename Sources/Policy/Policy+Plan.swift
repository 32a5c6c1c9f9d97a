internal import LuaRuntime
public import Mirroring

// A policy in a plan that is in force: told so again whenever the plan changes.
extension Policy {
  /// Tells which entries of the plan are mirrors of this policy: for the breaker, receivers and `stats()`. What scripts
  /// changed is in force with this; breakers go on, but for mirrors that were enabled anew, and what is remembered is forgotten.
  ///
  /// - Parameters:
  ///   - mirrors: index among the plan's enabled mirrors (what `judge` is called with), and the mirror's number.
  ///   - neighbours: the mirrors that others declared, as they are when asked; nil: those before this file.
  ///   - statistics: what was counted for an entry of the plan.
  public func begin(
    plan mirrors: [(entry: Int, mirror: Int)], neighbours: (() -> [TrafficMirror])? = nil,
    statistics: ((Int) -> MirrorStatistics?)? = nil
  ) {
    let faults = Dictionary(
      entries.indices.compactMap { entry in entries[entry].mirror.map { ($0, breakers[entry]) } },
      uniquingKeysWith: { first, _ in first })
    let asked = Dictionary(
      zip(entries, uses).compactMap { entry, uses in entry.mirror.map { ($0, uses) } },
      uniquingKeysWith: { first, _ in first })
    for entry in entries { if let receivers = entry.receivers { state.release(receivers) } }
    let count = (mirrors.map(\.entry).max() ?? -1) + 1
    entries = Array(repeating: PlanEntry(), count: count)
    breakers = Array(repeating: Breaker(), count: count)
    uses = Array(repeating: [], count: count)
    for (entry, mirror) in mirrors where entry >= 0 {
      entries[entry].mirror = mirror
      uses[entry] = asked[mirror] ?? []
      if !context.mirrors[mirror].isEnabledAnew, let breaker = faults[mirror] { breakers[entry] = breaker }
    }
    forgetVerdicts()
    for index in context.mirrors.indices { context.mirrors[index].isEnabledAnew = false }
    context.inForce = context.mirrors
    context.neighbours = neighbours
    let byMirror = Dictionary(mirrors.map { ($0.mirror, $0.entry) }, uniquingKeysWith: { first, _ in first })
    context.isFaulted = { [unowned self] mirror in byMirror[mirror].map { breakers[$0].isFaulted } ?? false }
    context.scriptTable = { [unowned self] mirror in
      LuaTable(statistics: byMirror[mirror].map { self.statistics(entry: $0) } ?? [])
    }
    context.statistics = { mirror in byMirror[mirror].flatMap { statistics?($0) } }
  }

  /// Who answers for mirrors of the store.
  public func begin(stored run: StoredRun?) { context.storedRun = run }

  /// Who answers `mirror:explain`, by the mirror's number.
  public func explain(with explainer: ((_ mirror: Int, _ frame: MadeFrame) throws(TestRefusal) -> PacketExplanation)?) {
    context.explainer = explainer
  }

  /// Judges for an explanation: whatever the functions do, breakers and failures stay as they were,
  /// and nothing is remembered.
  public func uncounted<Success>(_ body: () -> Success) -> Success {
    let (breakers, failures, isCounted) = (self.breakers, failureLog, self.isCounted)
    self.isCounted = false
    defer { (self.breakers, failureLog, self.isCounted) = (breakers, failures, isCounted) }
    return body()
  }

  /// What the script asked for since the last call.
  public func takeRequests() -> PolicyRequests {
    defer { context.requests = PolicyRequests() }
    return context.requests
  }

  /// Enables or disables a mirror, by its number, as `mirror:enable` and `mirror:disable` do; in force with the next `begin`.
  public func setEnabled(mirror: Int, _ isEnabled: Bool) {
    guard context.mirrors.indices.contains(mirror) else { return }
    context.mirrors[mirror].draft.set("enabled", DraftValue(.bool(isEnabled)))
    context.mirrors[mirror].mirror.isEnabled = isEnabled
    if isEnabled { context.mirrors[mirror].isEnabledAnew = true }
  }

  /// Takes over the mirrors of another state of the same file, as that one has them now; in force with the next `begin`. Its numbers
  /// of functions and filters are those of this one: both declared the same while they loaded, and nothing since.
  public func follow(_ other: Policy) { context.mirrors = other.context.mirrors }

  /// Undoes what the script changed since `begin`: the engine could not carry it out.
  public func undoChanges() {
    if !context.inForce.isEmpty { context.mirrors = context.inForce }
  }

  // MARK: After a reload

  /// Goes on where an earlier policy of the same file stood: counters and gauges of the same name go on counting. What this
  /// policy counted while it loaded is added; a gauge that it set stays as set.
  public func inherit(from earlier: Policy) {
    forgottenBefore = earlier.forgottenStates
    for index in context.metrics.indices {
      let metric = context.metrics[index]
      guard
        let old = earlier.context.metrics.first(where: { $0.name == metric.name && $0.isCounter == metric.isCounter }),
        !metric.isSet
      else { continue }
      let sum = old.value + metric.value
      context.metrics[index].value = sum.isFinite ? sum : old.value
    }
  }

  /// The table that the workers of this file share; a policy that comes after it gets the same.
  public var shared: SharedStore { context.options.shared }
}
