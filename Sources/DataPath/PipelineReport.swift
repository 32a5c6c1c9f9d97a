public import Mirroring
public import Wire

/// What a run counted, mirror by mirror; a snapshot.
public struct PipelineReport: Sendable {
  /// All records read, undecodable ones included.
  public var records: Tally
  /// Records of a link type without a decoder.
  public var undecodable: Tally
  /// Records without a side in any enabled mirror's VPC.
  public var unattributed: Tally
  /// Later fragments whose ports no condition could know.
  public var fragmentsWithoutPorts: UInt64
  public var conversations: Conversations
  /// The enabled mirrors, in the order of the plan.
  public var mirrors: [Mirror]
  /// Mirrors that were enabled earlier in the run: disabled or removed since, by name.
  public var former: [Mirror] = []
  /// Names of what cells' `origin` counts: those of `SinkPlan.origins`, then those that only earlier plans had.
  public var origins: [String]

  public struct Conversations: Sendable {
    public var live: Int
    /// Dropped for room although not idle.
    public var evicted: UInt64
  }

  public struct Mirror: Sendable {
    public var identity: MirrorIdentity
    /// Position in the plan's `mirrors`; nil: it is not among them any more.
    public var index: Int?
    /// Observations: sides of records (`copies: "per-eni"`), or records with at least one side (`once`).
    public var observed: Tally
    public var collected: Tally
    /// Records without a side in this mirror's VPC: not observed by it.
    public var unattributed: Tally
    /// Undecodable records that were read while it was enabled.
    public var undecodable: Tally
    /// Records that were read while it was not enabled, or not there yet, or not there any more.
    public var absent = Tally()
    /// It has had `copies: "once"` all the time, so that records can be compared with observations.
    public var isOncePerRecord: Bool
    /// In the order of the stages; all of them, those that never applied too.
    public var reasons: [(reason: Verdict, tally: Tally)]
    /// In the order of the definition; then those that it had earlier.
    public var receivers: [Receiver]
    /// The same by ENI and direction, in the order of the ENIs.
    public var cells: [Cell]
  }

  public struct Receiver: Sendable {
    /// nil: several, of mirrors that were removed long ago.
    public var address: IPAddress?
    /// Copies the mirror gave to it.
    public var collected: Tally
    /// Of these the sink delivered.
    public var delivered: Tally
    public var drops: [(reason: DeliveryDrop, tally: Tally)]
  }

  public struct Cell: Sendable {
    /// Index into the report's `origins`.
    public var origin: Int
    public var isOutbound: Bool
    public var observed: Tally
    public var collected: Tally
    public var reasons: [(reason: Verdict, tally: Tally)]
  }
}

/// A broken promise of the accounting: a bug of the engine, never of its input.
public struct IdentityViolation: Error, Sendable, CustomStringConvertible {
  public var description: String
}

extension Pipeline {
  /// What was counted so far.
  ///
  /// - Throws: `IdentityViolation` if the counters do not add up (invariants 2 and 3).
  public func report() throws(IdentityViolation) -> PipelineReport {
    if let violation { throw violation }
    let period = periodReport()
    try period.checkIdentity()
    let total = ledger.total(period, plan, records: records, undecodable: undecodable)
    try total.checkIdentity()
    return total
  }

  /// What was counted so far of one enabled mirror, by its position among them, without its cells; within a script's call of
  /// the records before the one that it judges.
  public func report(entry: Int) -> PipelineReport.Mirror {
    settle()
    let period = withoutRecordAtHand(mirror(entry), entry: entry)
    return ledger.sums(period, enabledFor: records - start.records, records: records)
  }

  /// What was counted since the plan came into force.
  func periodReport() -> PipelineReport {
    settle()
    return PipelineReport(
      records: records - start.records, undecodable: undecodable - start.undecodable, unattributed: settledUnattributed,
      fragmentsWithoutPorts: fragmentsWithoutPorts,
      conversations: .init(live: conversations.live, evicted: conversations.evicted),
      mirrors: plan.enabled.indices.map { mirror($0) }, origins: plan.sinkPlan.origins.map(\.name))
  }

  private func mirror(_ entry: Int) -> PipelineReport.Mirror {
    let index = plan.enabled[entry]
    var mirror = PipelineReport.Mirror(
      identity: plan.identity(index), index: index, observed: Tally(), collected: Tally(),
      unattributed: unattributedByMirror[entry], undecodable: undecodable - start.undecodable,
      isOncePerRecord: !plan.entries[entry].isPerENI, reasons: PipelineReport.Mirror.noReasons,
      receivers: receivers(entry), cells: [])
    for (position, key) in cells.keys.enumerated() where key.mirror == entry {
      let cell = cell(position, key)
      guard cell.observed.packets > 0 else { continue }
      mirror.cells.append(cell)
      mirror.count(cell)
    }
    mirror.sortCells()
    return mirror
  }

  private func cell(_ position: Int, _ key: CellKey) -> PipelineReport.Cell {
    PipelineReport.Cell(
      origin: Int(key.origin), isOutbound: key.isOutbound, observed: cells.observed(position),
      collected: cells.judged(position, .collected),
      reasons: PipelineReport.Mirror.noReasons.map { ($0.reason, cells.judged(position, $0.reason)) })
  }

  private func receivers(_ entry: Int) -> [PipelineReport.Receiver] {
    (0..<plan.entries[entry].receiverCount).map { receiver in
      let route = plan.entries[entry].firstRoute + receiver
      let drops = DeliveryDrop.allCases.map { ($0, dropped[route][$0]) }
      let lost = drops.reduce(into: Tally()) { $0 += $1.1 }
      let given = routed[route]
      return .init(
        address: plan.sinkPlan.routes[route].receiver, collected: given,
        delivered: Tally(packets: given.packets &- lost.packets, bytes: given.bytes &- lost.bytes), drops: drops)
    }
  }
}

extension PipelineReport.Mirror {
  static let noReasons: [(reason: Verdict, tally: Tally)] =
    Verdict.allCases.filter { $0 != .collected }.map { ($0, Tally()) }

  /// Adds a cell to the sums.
  mutating func count(_ cell: PipelineReport.Cell) {
    observed += cell.observed
    collected += cell.collected
    for reason in reasons.indices { reasons[reason].tally += cell.reasons[reason].tally }
  }

  mutating func sortCells() {
    cells.sort { ($0.origin, $0.isOutbound ? 0 : 1) < ($1.origin, $1.isOutbound ? 0 : 1) }
  }
}

extension PipelineReport {
  /// `observed = collected + Σ reasons` for every mirror, ENI and direction; `collected = Σ receivers` for every mirror;
  /// every decodable record is observed by a mirror, unattributed to it, or was read while it was absent.
  func checkIdentity() throws(IdentityViolation) {
    for mirror in mirrors + former {
      let name = mirror.identity.name
      for cell in mirror.cells {
        let judged = cell.reasons.reduce(into: cell.collected) { $0 += $1.tally }
        guard judged == cell.observed else {
          throw IdentityViolation(
            description: "mirror '\(name)', origin \(cell.origin): observed \(cell.observed), judged \(judged)")
        }
      }
      let given = mirror.receivers.reduce(into: Tally()) { $0 += $1.collected }
      guard given == mirror.collected else {
        throw IdentityViolation(
          description: "mirror '\(name)': collected \(mirror.collected), given to receivers \(given)")
      }
      guard mirror.isOncePerRecord else { continue }
      let met =
        mirror.observed.packets + mirror.unattributed.packets + mirror.undecodable.packets + mirror.absent.packets
      guard met == records.packets else {
        throw IdentityViolation(
          description: "mirror '\(name)': \(records.packets) records, \(met) observed, unattributed or undecodable")
      }
    }
  }
}
