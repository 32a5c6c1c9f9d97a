internal import GRDB
public import Inventory
internal import JSONText
internal import Mirroring

/// What an import of an inventory does, or would do.
public struct InventoryImport: Sendable {
  public var diff = InventoryDiff()
  /// Stored mirrors that break a rule in the new inventory; they stay as they are.
  public var invalid: [StoredMirror] = []
  /// Those that were invalid and are not any more.
  public var mended: [StoredMirror] = []
  /// NAT gateways that go although mirrors name them.
  public var lostGateways: [StoreError.GatewayInUse] = []
}

extension MirrorStore {
  /// nil: nothing has been imported yet.
  public func inventory() throws(StoreError) -> Inventory? {
    try read { database in
      let session = StoreSession(database: database, store: self)
      return try session.regions().isEmpty ? nil : session.inventory()
    }
  }

  /// Puts the regions of `inventory` in the place of those of the same id; other regions stay.
  ///
  /// - Parameters:
  ///   - force: also if a NAT gateway goes that a mirror names; without it that is refused.
  ///   - isRehearsal: only says what would happen.
  public func importInventory(
    _ inventory: Inventory, force: Bool = false, isRehearsal: Bool = false
  ) throws(StoreError) -> InventoryImport {
    try change(isRehearsal: isRehearsal) { database in
      var importing = InventoryImporting(session: StoreSession(database: database, store: self), inventory: inventory)
      try importing.replaceRegions()
      try importing.judgeMirrors()
      let lost = importing.result.lostGateways
      if !force, !isRehearsal, !lost.isEmpty { throw StoreError.gatewaysInUse(lost) }
      return importing.result
    }
  }
}

/// One import, inside its transaction.
private struct InventoryImporting {
  let session: StoreSession
  let inventory: Inventory
  var result = InventoryImport()

  mutating func replaceRegions() throws {
    for (index, region) in inventory.regions.enumerated() {
      let before = try stored(region.id)
      let after = RegionDocuments(
        vpcs: inventory.vpcs.filter { $0.region == index }.map { ($0.id, inventory.json($0)) })
      result.diff.compare(region: region.id, before: before, after: after)
      if before == nil {
        try session.database.execute(
          sql: "INSERT INTO regions (id, position) SELECT ?, coalesce(max(position) + 1, 0) FROM regions",
          arguments: [region.id])
      }
      try replace(region.id, before ?? RegionDocuments(vpcs: []), after)
    }
  }

  private func stored(_ region: String) throws -> RegionDocuments? {
    guard try session.regions().contains(region) else { return nil }
    let rows = try Row.fetchAll(
      session.database, sql: "SELECT id, document FROM vpcs WHERE region = ? ORDER BY position", arguments: [region])
    return RegionDocuments(vpcs: try rows.map { ($0["id"], try StoredText.json($0["document"])) })
  }

  private func replace(_ region: String, _ before: RegionDocuments, _ after: RegionDocuments) throws {
    let old = Dictionary(before.vpcs.map { ($0.id, $0.document) }, uniquingKeysWith: { first, _ in first })
    for (position, vpc) in after.vpcs.enumerated() {
      let text = vpc.document.text()
      try session.database.execute(
        sql: """
          INSERT INTO vpcs (region, id, position, document) VALUES (?, ?, ?, ?)
          ON CONFLICT (region, id) DO UPDATE SET position = excluded.position, document = excluded.document
          """, arguments: [region, vpc.id, position, text])
      guard old[vpc.id] != vpc.document else { continue }
      try session.remember(.importInventory, region: region, vpc: vpc.id, before: old[vpc.id]?.text(), after: text)
    }
    let kept = Set(after.vpcs.map(\.id))
    for vpc in before.vpcs where !kept.contains(vpc.id) {
      try session.database.execute(
        sql: "DELETE FROM vpcs WHERE region = ? AND id = ?", arguments: [region, vpc.id])
      try session.remember(.importInventory, region: region, vpc: vpc.id, before: vpc.document.text(), after: nil)
    }
  }

  /// Every mirror of the regions once more, by all rules.
  mutating func judgeMirrors() throws {
    let regions = Set(inventory.regions.map(\.id))
    let removed = Set(result.diff.changes.filter { $0.kind == .natGateway && $0.sort == .removed }.map(\.id))
    for mirror in try StoredMirror.all(session.database) where regions.contains(mirror.region) {
      let problems = try session.problems(of: mirror)
      if problems != mirror.problems { try session.setProblems(mirror.id, problems) }
      var updated = mirror
      updated.problems = problems
      if !problems.isEmpty { result.invalid.append(updated) }
      if problems.isEmpty, !mirror.problems.isEmpty { result.mended.append(updated) }
      if let gateway = mirror.definition["filter"]?["nat"]?.string, removed.contains(gateway) {
        note(gateway, lostBy: mirror)
      }
    }
  }

  private mutating func note(_ gateway: String, lostBy mirror: StoredMirror) {
    let index = result.lostGateways.firstIndex { $0.gateway == gateway && $0.vpc == mirror.vpc }
    if let index {
      result.lostGateways[index].mirrors.append(mirror.name)
    } else {
      result.lostGateways.append(.init(gateway: gateway, vpc: mirror.vpc, mirrors: [mirror.name]))
    }
  }
}

extension StoreSession {
  /// What is wrong with a stored mirror at this moment; without places, which mean nothing in a store.
  func problems(of mirror: StoredMirror) throws -> [MirrorViolation] {
    let wanted = WantedMirror(mirror.definition.members ?? [], file: StoredText.place)
    do {
      return try MirrorJudge(self).judge(wanted, replacing: mirror).violations.filter { !$0.isWarning }.map {
        var violation = $0
        violation.location = nil
        return violation
      }
    } catch StoreError.noInventory {
      return [
        MirrorViolation(
          code: "network.unknown", mirror: mirror.name, path: "vpc", message: "the inventory has no VPC at all")
      ]
    }
  }
}
