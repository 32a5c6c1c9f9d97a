// The whole run: what the plan in force has counted, and what the ledger holds.

/// Names of origins, those of the plan in force first.
struct OriginNames {
  private(set) var names: [String]
  private var positions: [String: Int]

  init(_ names: [String]) {
    self.names = names
    positions = Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
  }

  mutating func position(_ name: String) -> Int {
    if let known = positions[name] { return known }
    names.append(name)
    positions[name] = names.count - 1
    return names.count - 1
  }
}

extension Ledger {
  /// - Parameters:
  ///   - period: what was counted since the plan came into force.
  ///   - records: read in the whole run.
  func total(_ period: PipelineReport, _ plan: MirrorPlan, records: Tally, undecodable: Tally) -> PipelineReport {
    var total = period
    total.records = records
    total.undecodable = undecodable
    guard period.records != records || !isEmpty else { return total }
    var origins = OriginNames(period.origins)
    total.mirrors = period.mirrors.map { sum($0, enabledFor: period.records, &origins, records) }
    total.former = former(plan, besides: Set(period.mirrors.map(\.identity))).map {
      sum($0, enabledFor: Tally(), &origins, records)
    }
    total.origins = origins.names
    return total
  }

  /// One mirror over the whole run, without its cells.
  func sums(_ mirror: PipelineReport.Mirror, enabledFor period: Tally, records: Tally) -> PipelineReport.Mirror {
    var total = mirror
    let account = self[mirror.identity] ?? Account()
    total.add(account)
    total.absent = records.without(period).without(account.records)
    for cell in account.cells.values { total.count(cell) }
    total.cells = []
    return total
  }

  /// Mirrors that have an account and are not enabled, empty as yet.
  private func former(_ plan: MirrorPlan, besides enabled: Set<MirrorIdentity>) -> [PipelineReport.Mirror] {
    let positions = Dictionary(
      plan.mirrors.indices.map { (plan.identity($0), $0) }, uniquingKeysWith: { first, _ in first })
    return identities.filter { !enabled.contains($0) }.map { identity in
      PipelineReport.Mirror(
        identity: identity, index: positions[identity], observed: Tally(), collected: Tally(), unattributed: Tally(),
        undecodable: Tally(), isOncePerRecord: true, reasons: PipelineReport.Mirror.noReasons, receivers: [], cells: [])
    }
  }

  private func sum(
    _ mirror: PipelineReport.Mirror, enabledFor period: Tally, _ origins: inout OriginNames, _ records: Tally
  ) -> PipelineReport.Mirror {
    var total = mirror
    let account = self[mirror.identity] ?? Account()
    total.add(account)
    total.absent = records.without(period).without(account.records)
    var known: [Account.CellKey: Int] = [:]
    for (position, cell) in total.cells.enumerated() {
      known[Account.CellKey(origin: origins.names[cell.origin], isOutbound: cell.isOutbound)] = position
    }
    for (key, cell) in account.cells {
      if let position = known[key] {
        total.cells[position] = cell + total.cells[position]
      } else {
        total.cells.append(cell)
        total.cells[total.cells.count - 1].origin = origins.position(key.origin)
      }
      total.count(cell)
    }
    total.sortCells()
    return total
  }
}

extension PipelineReport.Mirror {
  /// All of an account but its cells.
  fileprivate mutating func add(_ account: Ledger.Account) {
    unattributed += account.unattributed
    undecodable += account.undecodable
    isOncePerRecord = isOncePerRecord && account.isOncePerRecord
    for receiver in account.receivers {
      if let known = receivers.firstIndex(where: { $0.address == receiver.address }) {
        receivers[known] = receiver + receivers[known]
      } else {
        receivers.append(receiver)
      }
    }
  }
}

extension Tally {
  /// What is left; nothing, where accounts that were put together met the same records.
  fileprivate func without(_ part: Tally) -> Tally {
    Tally(
      packets: packets > part.packets ? packets - part.packets : 0, bytes: bytes > part.bytes ? bytes - part.bytes : 0)
  }
}
