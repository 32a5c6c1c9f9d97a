// The way of a plan that comes into force while the engine runs, between two batches, in the order of the functions below:
//
//   close the accounts of the plan that goes (ledger: names outlive indices) -> see which mirrors, receivers and `first`
//   filters are the same in both -> conversations forget their classes and keep what still exists -> counters of the loop
//   begin anew at zero, with what balancers need of before -> interfaces are bound anew -> scripts that are new start
//
// No packet is judged meanwhile, none is lost: the batch before was delivered, the next one meets the new plan.

internal import Inventory
public import Mirroring

extension Pipeline {
  /// Goes on with another plan. Not to be called while a batch is judged, nor from a script's callback.
  ///
  /// Kept are conversations and, of mirrors that are in both plans (by VPC and name), the receivers that are too, what
  /// `first` filters have counted, turns and loads; fragments; and all that was counted. The limits of the conversation
  /// table stay those of the first plan. Whoever owns the scripts that go may close them afterwards.
  ///
  /// - Parameters:
  ///   - scripts: hosts that the new plan names by index. Those that are here already go on, others are started.
  ///   - renamed: mirrors of the old plan that are called otherwise in the new one.
  public func adopt(
    plan new: MirrorPlan, scripts hosts: [any ScriptHost], renamed: [MirrorIdentity: MirrorIdentity] = [:]
  ) {
    precondition(copies.count == 0 && trace == nil)
    close()
    ledger.rename(renamed)
    let succession = Succession(from: plan, to: new, renamed: renamed)
    restartClasses()
    classes = VerdictClasses(new)
    conversations.hand(over: succession)
    begin(new, succession)
    if !health.isAllWell { release() }
    replace(scripts: hosts)
  }

  /// The counters of the plan that goes are written down under names.
  private func close() {
    let period = periodReport()
    do throws(IdentityViolation) {
      try period.checkIdentity()
    } catch {
      violation = violation ?? error
    }
    ledger.close(period, plan)
    start = (records, undecodable)
  }

  private func begin(_ new: MirrorPlan, _ succession: Succession) {
    let routes = new.sinkPlan.routes.count
    routedEarlier = loads(new, succession)
    nextInTurn = new.entries.indices.map { entry in
      succession.predecessors[entry].map { nextInTurn[$0] % new.entries[entry].receiverCount } ?? 0
    }
    plan = new
    beginTimingScripts()
    health = RouteHealth(new, down: down)
    judge = Judge(plan: new)
    wantsFlowHash = !new.program.thresholds.isEmpty
    routed.removeAll()
    for _ in 0...routes { routed.append(Tally()) }
    dropped = Array(repeating: DeliveryTally(), count: routes)
    unattributedByMirror = Array(repeating: Tally(), count: new.entries.count)
    cells = CounterCells(mirrors: new.entries.count, origins: new.inventory.enis.count + new.inventory.subnets.count)
    ledger.fold(keeping: Set(new.mirrors.indices.map(new.identity)))
    unbind()
  }

  /// What `even` takes receivers to have had: their bytes; a receiver that is new has as few as the least of the others, so
  /// that it gets its share from now on and not all that comes until it has caught up.
  private func loads(_ new: MirrorPlan, _ succession: Succession) -> [UInt64] {
    var loads = [UInt64](repeating: 0, count: new.sinkPlan.routes.count)
    for (entry, predecessor) in succession.predecessors.enumerated() {
      guard let predecessor else { continue }
      let first = new.entries[entry].firstRoute
      var known: [Int: UInt64] = [:]
      for (old, receiver) in succession.receivers[predecessor].enumerated() where receiver >= 0 {
        let route = plan.entries[predecessor].firstRoute + old
        known[receiver] = routed[route].bytes &+ routedEarlier[route]
      }
      let least = known.values.min() ?? 0
      for receiver in 0..<new.entries[entry].receiverCount { loads[first + receiver] = known[receiver] ?? least }
    }
    return loads
  }

  /// The next batch binds the source's interfaces to the ENIs of the new inventory, and compiles for their link types.
  private func unbind() {
    interfaceNames = Self.interfaceNames(plan)
    boundENIs = Self.boundENIs(bindings, plan)
    capturedENIs = Set(boundENIs.values)
    linkNumbers = [:]
    links.removeAll()
    bpf = []
  }

  private func replace(scripts hosts: [any ScriptHost]) {
    releaseEnded()
    let fresh = hosts.filter { host in !scripts.contains { $0 === host } }
    for host in scripts { host.beforeFailure = nil }
    scripts = hosts
    recall = RecallState()
    beginRecalling()
    conversations.watch(!hosts.isEmpty, at: clock.time)
    guard clock.time != .min else { return }
    for host in fresh { host.start(at: clock.time) }
    clock.nextTimer = hosts.map(\.nextTimer).min() ?? .max
    clock.wind()
  }
}
