import Inventory
import JSONText

// Keys, name, region and VPC, and the small modes.
extension MirrorReading {
  private static let keys = [
    "name", "description", "region", "vpc", "range", "direction", "filter", "receivers", "balance", "encapsulation",
    "copies", "enabled", "tags", "onError", "oversize", "budget", "priority",
  ]

  /// Lua writes `source` for the range, and `target` for receivers and encapsulation together.
  private static let luaKeys = [
    "name", "description", "region", "vpc", "source", "direction", "filter", "target", "balance", "copies", "enabled",
    "tags", "onError", "oversize", "budget", "priority",
  ]

  mutating func readMembers() {
    members = table(draft.root, known: draft.isLua ? Self.luaKeys : Self.keys) ?? [:]
    if draft.isLua { readLuaNames() }
    if let field = members["description"], let text = text(field) { description = text }
    if let field = members["enabled"], let flag = flag(field) { isEnabled = flag }
  }

  /// Their paths stay as written.
  private mutating func readLuaNames() {
    members["range"] = members.removeValue(forKey: "source")
    guard let target = members.removeValue(forKey: "target") else { return }
    guard target.members != nil else {
      isTargetBroken = true
      let text = target.value.string?.quotedForMessage ?? "\"10.20.9.10\""
      return mistyped(target, "a target", hint: "target = target.receivers \(text)")
    }
    let parts = table(target, known: ["receivers", "encapsulation"]) ?? [:]
    members.merge(parts) { _, part in part }
  }

  mutating func readNetwork() {
    var regions = Set(inventory.regions.indices)
    if let field = members["region"], let id = text(field) {
      guard let region = inventory.region(id: id) else {
        let known = inventory.regions.map(\.id)
        return report(
          "region.unknown", field, "the inventory has no region \(id.quotedForMessage)",
          hint: known.isEmpty ? nil : suggestion(for: id, among: known))
      }
      regions = [region]
    }
    guard let field = members["vpc"] else {
      return report("network.unknown", draft.root, "the mirror names no VPC", hint: knownVPCs(in: regions))
    }
    guard let id = text(field) else { return }
    vpc = findVPC(id, field, regions: regions)
    checkMirrorLimit(field)
  }

  private mutating func findVPC(_ id: String, _ field: DraftField, regions: Set<RegionIndex>) -> VPCIndex? {
    let found = inventory.vpcs(id: id).filter { regions.contains(inventory.vpcs[$0].region) }
    if found.count == 1 { return found[0] }
    if found.isEmpty {
      report(
        "network.unknown", field, "the inventory has no VPC \(id.quotedForMessage)\(regionNote)",
        hint: Spelling.nearest(to: id, among: vpcIDs(in: regions)).map { "did you mean \($0.quotedForMessage)?" }
          ?? knownVPCs(in: regions))
    } else {
      let names = found.map { inventory.regions[inventory.vpcs[$0].region].id }.joined(separator: ", ")
      report(
        "network.unknown", field, "several regions have a VPC \(id.quotedForMessage)",
        hint: "name the region: one of \(names)")
    }
    return nil
  }

  private var regionNote: String { members["region"]?.value.string.map { " in region \($0.quotedForMessage)" } ?? "" }

  private func vpcIDs(in regions: Set<RegionIndex>) -> [String] {
    inventory.vpcs.filter { regions.contains($0.region) }.map(\.id)
  }

  private func knownVPCs(in regions: Set<RegionIndex>) -> String? {
    let ids = vpcIDs(in: regions)
    return ids.isEmpty ? nil : "there is " + ids.prefix(8).joined(separator: ", ") + (ids.count > 8 ? ", ..." : "")
  }

  private mutating func checkMirrorLimit(_ field: DraftField) {
    guard let vpc else { return }
    let count = neighbours.count(in: vpc)
    guard count >= MirrorRule.mirrorsPerVPC else { return }
    report(
      "vpc.mirror-limit", field, "VPC \(inventory.vpcs[vpc].id) has \(count) mirrors already",
      hint: "at most \(MirrorRule.mirrorsPerVPC), disabled ones included: delete one")
  }

  mutating func readName() {
    guard let field = members["name"] else {
      return report("name.empty", draft.root, "the mirror has no name")
    }
    guard let text = text(field) else { return }
    if text.allSatisfy(\.isWhitespace) {
      return report("name.empty", field, "\(text.quotedForMessage) is no name")
    }
    if text.unicodeScalars.contains(where: \.isSteering) {
      report("name.control", field, "\(text.quotedForMessage) has a control character")
    }
    if text.count > 60 {
      report("name.too-long", field, "\(text.quotedForMessage) has \(text.count) characters", hint: "at most 60")
    }
    if let vpc, let origin = neighbours.origin(of: text, in: vpc) {
      report(
        "name.duplicate", field,
        "VPC \(inventory.vpcs[vpc].id) has a mirror \(text.quotedForMessage) already, from \(origin)")
    }
    name = text
  }

  mutating func readDirection() {
    direction = word("direction", default: .all, code: "direction.unknown", what: "direction")
  }

  mutating func readModes() {
    copies = word("copies", default: .once, code: "copies.unknown", what: "way of copying")
    onError = word("onError", default: .skip, code: "on-error.unknown", what: "answer to errors")
  }

  mutating func readTags() {
    guard let field = members["tags"] else { return }
    guard let members = field.members else { return mistyped(field, "a table of tags") }
    if members.count > 50 { report("tags.too-many", field, "there are \(members.count) tags", hint: "at most 50") }
    for member in members {
      let tag = field.member(member.name, member.value, at: member.location)
      if member.name.isEmpty || member.name.count > 127 {
        report("tags.key", tag, "the key has \(member.name.count) characters", hint: "1 to 127")
      }
      guard let text = text(tag) else { continue }
      if text.count > 255 { report("tags.value", tag, "the value has \(text.count) characters", hint: "at most 255") }
      if tags.updateValue(text, forKey: member.name) != nil { report("tags.duplicate", tag, "the key stands twice") }
    }
  }
}
