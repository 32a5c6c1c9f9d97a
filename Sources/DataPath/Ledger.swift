// What was counted under plans that are no longer in force. The loop counts by index; when a plan goes, its counters are
// closed and added here under names, which outlive it.

internal import Mirroring

/// The closed accounts of a run, by mirror.
///
/// Invariant: every account is a sum of reports whose identity held when they were closed.
struct Ledger {
  /// Accounts of mirrors that are gone, beyond which the oldest are put together: scripts and people may invent new names
  /// for ever.
  static let formerLimit = 256

  private var accounts: [MirrorIdentity: Account] = [:]
  /// Rises with every plan that is closed.
  private var serial = 0

  /// One mirror's counters, with names instead of indices.
  struct Account {
    struct CellKey: Hashable {
      var origin: String
      var isOutbound: Bool
    }

    var records = Tally()
    var undecodable = Tally()
    var unattributed = Tally()
    /// It had `copies: "once"` all the time.
    var isOncePerRecord = true
    var cells: [CellKey: PipelineReport.Cell] = [:]
    var receivers: [PipelineReport.Receiver] = []
    /// When its last plan was closed.
    var closed = 0
  }

  var isEmpty: Bool { accounts.isEmpty }

  subscript(identity: MirrorIdentity) -> Account? { accounts[identity] }

  /// Identities of accounts, sorted.
  var identities: [MirrorIdentity] { accounts.keys.sorted() }

  /// Adds what a plan's mirrors have counted.
  ///
  /// - Parameter period: what was counted since that plan came into force, nothing of this ledger in it.
  mutating func close(_ period: PipelineReport, _ plan: MirrorPlan) {
    serial += 1
    for mirror in period.mirrors {
      guard let index = mirror.index else { continue }
      var account = accounts[plan.identity(index)] ?? Account()
      account.add(mirror, period, isOncePerRecord: plan.mirrors[index].copies == .once)
      account.closed = serial
      accounts[plan.identity(index)] = account
    }
  }

  /// Mirrors go on under other names; names may be exchanged.
  mutating func rename(_ renamed: [MirrorIdentity: MirrorIdentity]) {
    let moved = renamed.compactMap { old, new in accounts[old].map { (new, $0) } }
    for old in renamed.keys { accounts[old] = nil }
    for (new, account) in moved {
      // A mirror that is gone was called so: by VPC and name it is the same one.
      if accounts[new] == nil { accounts[new] = account } else { accounts[new]!.merge(account) }
    }
  }

  /// Bounds the accounts of mirrors that no plan has any more: the oldest become one account, of no VPC.
  /// Sums stay.
  mutating func fold(keeping wanted: Set<MirrorIdentity>) {
    let former = accounts.keys.filter { !wanted.contains($0) && $0 != Self.older }
    guard former.count > Self.formerLimit else { return }
    let oldest = former.sorted { (accounts[$0]!.closed, $0) < (accounts[$1]!.closed, $1) }
    var older = accounts[Self.older] ?? Account()
    for identity in oldest.prefix(former.count - Self.formerLimit) {
      older.fold(accounts[identity]!)
      accounts[identity] = nil
    }
    accounts[Self.older] = older
  }

  static let older = MirrorIdentity(region: "", vpc: "", name: "(older ones)")
}

extension Ledger.Account {
  mutating func add(_ mirror: PipelineReport.Mirror, _ period: PipelineReport, isOncePerRecord isOnce: Bool) {
    records += period.records
    undecodable += mirror.undecodable
    unattributed += mirror.unattributed
    isOncePerRecord = isOncePerRecord && isOnce
    for cell in mirror.cells {
      let key = CellKey(origin: period.origins[cell.origin], isOutbound: cell.isOutbound)
      cells[key] = cells[key].map { $0 + cell } ?? cell
    }
    add(mirror.receivers)
  }

  mutating func add(_ more: [PipelineReport.Receiver]) {
    for receiver in more {
      if let known = receivers.firstIndex(where: { $0.address == receiver.address }) {
        receivers[known] = receivers[known] + receiver
      } else {
        receivers.append(receiver)
      }
    }
  }

  /// Adds another mirror's account; both may have met the same records.
  mutating func merge(_ other: Ledger.Account) {
    for (key, cell) in other.cells { cells[key] = cells[key].map { $0 + cell } ?? cell }
    add(other.receivers)
    mergeRecords(other)
  }

  private mutating func mergeRecords(_ other: Ledger.Account) {
    if other.records.packets > records.packets { records = other.records }
    undecodable += other.undecodable
    unattributed += other.unattributed
    isOncePerRecord = false
    closed = max(closed, other.closed)
  }

  /// The same without its parts: one cell, one receiver.
  mutating func fold(_ other: Ledger.Account) {
    mergeRecords(other)
    let key = CellKey(origin: "(all)", isOutbound: true)
    for cell in other.cells.values { cells[key] = cells[key].map { $0 + cell } ?? cell }
    let sum = other.receivers.dropFirst().reduce(other.receivers.first) { sum, next in sum.map { $0 + next } }
    guard var sum else { return }
    sum.address = nil
    add([sum])
  }
}

extension PipelineReport.Cell {
  /// The same cell's counters at two times.
  static func + (a: Self, b: Self) -> Self {
    var sum = b
    sum.observed += a.observed
    sum.collected += a.collected
    for position in sum.reasons.indices { sum.reasons[position].tally += a.reasons[position].tally }
    return sum
  }
}

extension PipelineReport.Receiver {
  static func + (a: Self, b: Self) -> Self {
    var sum = b
    sum.collected += a.collected
    sum.delivered += a.delivered
    for position in sum.drops.indices { sum.drops[position].tally += a.drops[position].tally }
    return sum
  }
}
