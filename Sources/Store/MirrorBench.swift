internal import Inventory
public import JSONText
public import Mirroring

/// What the rules say of a wanted mirror.
public struct MirrorFinding: Sendable {
  /// Everything written out; nil: a rule is broken.
  public var definition: JSONValue?
  public var violations: [MirrorViolation]
}

/// Where wanted mirrors are laid beside others and judged, wherever those come from: a transaction, or a copy of what the
/// store held.
struct MirrorBench {
  /// nil: texts of Lua filters are taken as they are.
  var checkFilter: MirrorStore.FilterCheck?

  /// - Parameters:
  ///   - others: at least those of the wanted mirror's VPC.
  ///   - taken: VNIs of mirrors that are not among `others`.
  func judge(
    _ wanted: WantedMirror, beside others: [MirrorDraft], _ taken: Set<UInt32>, in inventory: Inventory
  ) throws(StoreError) -> MirrorFinding {
    let lua = FilterText.take(from: wanted.members, file: wanted.file)
    let draft = MirrorDraft(
      wanted.members, file: wanted.file, luaFilter: lua?.text, path: wanted.path, line: wanted.line)
    let result = MirrorValidator(inventory: inventory).validate(draft, beside: others, takenVNIs: taken)
    var violations = result.violations + (lua?.violations.map { $0.named(draft) } ?? [])
    guard let mirror = result.mirrors.first, lua?.violations.isEmpty ?? true else {
      return MirrorFinding(violations: violations)
    }
    let definition = try definition(of: mirror, lua?.text, in: inventory)
    if let text = lua?.text, let checkFilter {
      violations += checkFilter(text, definition, inventory).map { $0.named(draft) }
    }
    if violations.contains(where: { !$0.isWarning }) { return MirrorFinding(violations: violations) }
    return MirrorFinding(definition: definition, violations: violations)
  }

  private func definition(
    of mirror: TrafficMirror, _ text: FilterText?, in inventory: Inventory
  ) throws(StoreError) -> JSONValue {
    var plain = mirror
    if text != nil { plain.filter = .any }
    do {
      var members = try plain.json(in: inventory).members ?? []
      if let text { members.set("filter", text.json) }
      return .object(members)
    } catch {
      throw StoreError.failed(path: StoredText.place, detail: error.description)
    }
  }

  /// A mirror stays in its VPC: its number, its history and its VNI belong to that network.
  static func moved(_ wanted: WantedMirror, from old: StoredMirror) -> MirrorViolation? {
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
