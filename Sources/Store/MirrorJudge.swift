internal import GRDB
internal import Inventory
internal import JSONText
internal import Mirroring

/// Judges a wanted mirror by the rules, beside what the store holds at this moment of a transaction.
struct MirrorJudge {
  struct Finding {
    /// Everything written out; nil: a rule is broken.
    var definition: JSONValue?
    var violations: [MirrorViolation]
  }

  let session: StoreSession

  init(_ session: StoreSession) throws {
    self.session = session
    guard try Bool.fetchOne(session.database, sql: "SELECT EXISTS (SELECT * FROM vpcs)") == true else {
      throw StoreError.noInventory
    }
  }

  /// Asks with the inventory of the wanted VPC alone, which is small; only when something is wrong with the whole one, so
  /// that messages name what other VPCs have.
  ///
  /// - Parameter old: the mirror that is being changed.
  func judge(_ wanted: WantedMirror, replacing old: StoredMirror?) throws -> Finding {
    let vpc = wanted.members.value("vpc")?.string
    let others = try StoredMirror.all(
      session.database, where: "vpc = ? AND id IS NOT ?", arguments: [vpc, old?.id]
    ).map(\.draft)
    let taken = try takenVNIs(outside: vpc)
    let fixed = old.flatMap { Self.moved(wanted, from: $0) }
    if fixed == nil, let vpc, let part = try session.inventory(vpc: vpc) {
      let finding = try judge(wanted, beside: others, taken, in: part)
      if finding.definition != nil { return finding }
    }
    var finding = try judge(wanted, beside: others, taken, in: try session.inventory() ?? Inventory())
    if let fixed { finding = Finding(violations: [fixed] + finding.violations) }
    return finding
  }

  func judge(
    _ wanted: WantedMirror, beside others: [MirrorDraft], _ taken: Set<UInt32>, in inventory: Inventory
  ) throws -> Finding {
    let lua = FilterText.take(from: wanted.members, file: wanted.file)
    let draft = MirrorDraft(
      wanted.members, file: wanted.file, luaFilter: lua?.text, path: wanted.path, line: wanted.line)
    let result = MirrorValidator(inventory: inventory).validate(draft, beside: others, takenVNIs: taken)
    var violations = result.violations + (lua?.violations.map { $0.named(draft) } ?? [])
    guard let mirror = result.mirrors.first, lua?.violations.isEmpty ?? true else {
      return Finding(violations: violations)
    }
    let definition = try definition(of: mirror, lua?.text, in: inventory)
    if let text = lua?.text, let check = session.store.checkFilter {
      violations += check(text, definition, inventory).map { $0.named(draft) }
    }
    if violations.contains(where: { !$0.isWarning }) { return Finding(violations: violations) }
    return Finding(definition: definition, violations: violations)
  }

  private func definition(
    of mirror: TrafficMirror, _ text: FilterText?, in inventory: Inventory
  ) throws -> JSONValue {
    var plain = mirror
    if text != nil { plain.filter = .any }
    do {
      var members = try plain.json(in: inventory).members ?? []
      if let text { members.set("filter", text.json) }
      return .object(members)
    } catch {
      throw StoreError.failed(path: session.store.path, detail: error.description)
    }
  }

  private func takenVNIs(outside vpc: String?) throws -> Set<UInt32> {
    let numbers = try Int64.fetchAll(
      session.database, sql: "SELECT vni FROM mirrors WHERE vni IS NOT NULL AND vpc IS NOT ?", arguments: [vpc])
    return Set(numbers.compactMap { UInt32(exactly: $0) })
  }

  /// A mirror stays in its VPC: its number, its history and its VNI belong to that network.
  private static func moved(_ wanted: WantedMirror, from old: StoredMirror) -> MirrorViolation? {
    for (name, kept) in [("vpc", old.vpc), ("region", old.region)] {
      let value = wanted.members.value(name)
      guard value?.string != kept else { continue }
      return MirrorViolation(
        code: "network.fixed", mirror: old.name, path: name, location: SourceLocation(file: wanted.file),
        message: "the mirror is in \(kept) and stays there", hint: "create another one, then delete this one")
    }
    return nil
  }
}

extension MirrorViolation {
  fileprivate func named(_ draft: MirrorDraft) -> MirrorViolation {
    var violation = self
    let name = draft.definition.first { $0.name == "name" }?.value.content
    if violation.mirror.isEmpty, case .string(let name)? = name { violation.mirror = name }
    return violation
  }
}
