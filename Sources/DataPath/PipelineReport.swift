public import Mirroring

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
  public var mirrors: [Mirror]

  public struct Conversations: Sendable {
    public var live: Int
    /// Dropped for room although not idle.
    public var evicted: UInt64
  }

  /// One enabled mirror.
  public struct Mirror: Sendable {
    /// Position in the plan's `mirrors`.
    public var index: Int
    /// Observations: sides of records (`copies: "per-eni"`), or records with at least one side (`once`).
    public var observed: Tally
    public var collected: Tally
    /// Records without a side in this mirror's VPC: not observed by it.
    public var unattributed: Tally
    /// In the order of the stages; all of them, those that never applied too.
    public var reasons: [(reason: Verdict, tally: Tally)]
    public var receivers: [Receiver]
    /// The same by ENI and direction, in the order of the ENIs.
    public var cells: [Cell]
  }

  public struct Receiver: Sendable {
    /// Copies the mirror gave to it.
    public var collected: Tally
    /// Of these the sink delivered.
    public var delivered: Tally
    public var drops: [(reason: DeliveryDrop, tally: Tally)]
  }

  public struct Cell: Sendable {
    /// Index into `SinkPlan.origins`.
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
    settle()
    var mirrors: [PipelineReport.Mirror] = []
    for (entry, index) in plan.enabled.enumerated() { mirrors.append(mirror(entry, index)) }
    let report = PipelineReport(
      records: records, undecodable: undecodable, unattributed: settledUnattributed,
      fragmentsWithoutPorts: fragmentsWithoutPorts,
      conversations: .init(live: conversations.live, evicted: conversations.evicted), mirrors: mirrors)
    try report.checkIdentity(plan)
    return report
  }

  /// What was counted so far of one enabled mirror, by its position among them; within a script's call of the records before
  /// the one that it judges.
  public func report(entry: Int) -> PipelineReport.Mirror {
    settle()
    return withoutRecordAtHand(mirror(entry, plan.enabled[entry]), entry: entry)
  }

  private func mirror(_ entry: Int, _ index: Int) -> PipelineReport.Mirror {
    var mirror = PipelineReport.Mirror(
      index: index, observed: Tally(), collected: Tally(), unattributed: unattributedByMirror[entry],
      reasons: Self.noReasons, receivers: receivers(entry), cells: [])
    for (position, key) in cells.keys.enumerated() where key.mirror == entry {
      let cell = cell(position, key)
      guard cell.observed.packets > 0 else { continue }
      mirror.observed += cell.observed
      mirror.collected += cell.collected
      for reason in mirror.reasons.indices { mirror.reasons[reason].tally += cell.reasons[reason].tally }
      mirror.cells.append(cell)
    }
    mirror.cells.sort { ($0.origin, $0.isOutbound ? 0 : 1) < ($1.origin, $1.isOutbound ? 0 : 1) }
    return mirror
  }

  private static let noReasons: [(reason: Verdict, tally: Tally)] =
    Verdict.allCases.filter { $0 != .collected }.map { ($0, Tally()) }

  private func cell(_ position: Int, _ key: CellKey) -> PipelineReport.Cell {
    PipelineReport.Cell(
      origin: Int(key.origin), isOutbound: key.isOutbound, observed: cells.observed(position),
      collected: cells.judged(position, .collected),
      reasons: Self.noReasons.map { ($0.reason, cells.judged(position, $0.reason)) })
  }

  private func receivers(_ entry: Int) -> [PipelineReport.Receiver] {
    (0..<plan.entries[entry].receiverCount).map { receiver in
      let route = plan.entries[entry].firstRoute + receiver
      let drops = DeliveryDrop.allCases.map { ($0, dropped[route][$0]) }
      let lost = drops.reduce(into: Tally()) { $0 += $1.1 }
      let given = routed[route]
      return .init(
        collected: given,
        delivered: Tally(packets: given.packets &- lost.packets, bytes: given.bytes &- lost.bytes), drops: drops)
    }
  }
}

extension PipelineReport {
  /// `observed = collected + Σ reasons` for every mirror, ENI and direction; `collected = Σ receivers` for every mirror;
  /// every decodable record is observed by a mirror or unattributed to it.
  func checkIdentity(_ plan: MirrorPlan) throws(IdentityViolation) {
    for mirror in mirrors {
      let name = plan.mirrors[mirror.index].name
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
      guard plan.mirrors[mirror.index].copies == .once else { continue }
      let met = mirror.observed.packets + mirror.unattributed.packets + undecodable.packets
      guard met == records.packets else {
        throw IdentityViolation(
          description: "mirror '\(name)': \(records.packets) records, \(met) observed, unattributed or undecodable")
      }
    }
  }
}
