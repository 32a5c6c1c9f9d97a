public import Inventory
internal import JSONText
public import Mirroring

/// What a store held at one moment: to judge by where nobody may wait for a disk or a lock.
public struct StoreSnapshot: Sendable {
  public var inventory: Inventory
  public var mirrors: [StoredMirror]

  public init(inventory: Inventory, mirrors: [StoredMirror]) {
    self.inventory = inventory
    self.mirrors = mirrors
  }

  /// What the store would say of a wanted mirror if nothing had changed since; texts of Lua filters are taken as they are.
  ///
  /// - Parameters:
  ///   - old: the mirror that is being changed.
  ///   - neighbours: mirrors that live elsewhere and count too.
  public func judge(
    _ wanted: WantedMirror, replacing old: StoredMirror?, besides neighbours: [MirrorDraft]
  ) throws(StoreError) -> MirrorFinding {
    let vpc = wanted.members.value("vpc")?.string
    let others = mirrors.filter { $0.id != old?.id }
    let taken = others.compactMap { UInt32(exactly: $0.definition["encapsulation"]?["vni"]?.integer ?? -1) }
    var finding = try MirrorBench(checkFilter: nil).judge(
      wanted, beside: others.filter { $0.vpc == vpc }.map(\.draft) + neighbours, Set(taken), in: inventory)
    if let fixed = old.flatMap({ MirrorBench.moved(wanted, from: $0) }) {
      finding = MirrorFinding(violations: [fixed] + finding.violations)
    }
    return finding
  }
}
