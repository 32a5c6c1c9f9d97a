internal import GRDB
internal import Inventory
internal import JSONText
internal import Mirroring

/// Judges a wanted mirror by the rules, beside what the store holds at this moment of a transaction.
struct MirrorJudge {
  let session: StoreSession
  private let bench: MirrorBench

  init(_ session: StoreSession) throws {
    self.session = session
    bench = MirrorBench(checkFilter: session.store.checkFilter)
    guard try Bool.fetchOne(session.database, sql: "SELECT EXISTS (SELECT * FROM vpcs)") == true else {
      throw StoreError.noInventory
    }
  }

  /// Asks with the inventory of the wanted VPC alone, which is small; only when something is wrong with the whole one, so
  /// that messages name what other VPCs have.
  ///
  /// - Parameter old: the mirror that is being changed.
  func judge(_ wanted: WantedMirror, replacing old: StoredMirror?) throws -> MirrorFinding {
    let vpc = wanted.members.value("vpc")?.string
    let others =
      try StoredMirror.all(session.database, where: "vpc = ? AND id IS NOT ?", arguments: [vpc, old?.id]).map(\.draft)
      + session.store.neighbours
    let taken = try takenVNIs(outside: vpc)
    let fixed = old.flatMap { MirrorBench.moved(wanted, from: $0) }
    if fixed == nil, let vpc, let part = try session.inventory(vpc: vpc) {
      let finding = try bench.judge(wanted, beside: others, taken, in: part)
      if finding.definition != nil { return finding }
    }
    var finding = try bench.judge(wanted, beside: others, taken, in: try session.inventory() ?? Inventory())
    if let fixed { finding = MirrorFinding(violations: [fixed] + finding.violations) }
    return finding
  }

  private func takenVNIs(outside vpc: String?) throws -> Set<UInt32> {
    let numbers = try Int64.fetchAll(
      session.database, sql: "SELECT vni FROM mirrors WHERE vni IS NOT NULL AND vpc IS NOT ?", arguments: [vpc])
    return Set(numbers.compactMap { UInt32(exactly: $0) })
  }
}
