public import Inventory
import JSONText

// Whose traffic is collected.
extension MirrorReading {
  mutating func readRange() {
    let kinds = "{\"vpc\": true}, {\"subnet\": [ids]} or {\"eni\": [ids]}"
    let luaKinds = "source.vpc(), source.subnet(...), source.eni(...) or source.where(fn)"
    let hint = draft.isLua ? luaKinds : kinds
    guard let field = members["range"] else {
      return report("range.missing", draft.root, "the mirror has no collection range", hint: hint)
    }
    if case .selection(let enis, let name) = field.value.content { return readSelection(enis, name: name, field) }
    guard field.members != nil else { return mistyped(field, "a collection range", hint: hint) }
    guard let parts = table(field, known: ["vpc", "subnet", "eni"]) else { return }
    readKinds(parts, field, hint: hint)
  }

  private mutating func readKinds(_ parts: [String: DraftField], _ field: DraftField, hint: String) {
    var wantsVPC = false
    if let part = parts["vpc"] {
      guard let flag = flag(part) else { return }
      wantsVPC = flag
    }
    let given = (wantsVPC ? ["vpc"] : []) + ["subnet", "eni"].filter { parts[$0] != nil }
    if given.count > 1 {
      report(
        "range.ambiguous", field, "\(given.joined(separator: " and ")) are given", hint: "exactly one of \(hint)")
    }
    let subnets = parts["subnet"].map { readSubnets($0) }
    let enis = parts["eni"].map { readENIs($0) }
    if given.isEmpty { report("range.missing", field, "no kind of range is given", hint: hint) }
    guard given.count == 1 else { return }
    if wantsVPC { range = .vpc }
    if let subnets { range = subnets.map { .subnets($0) } }
    if let enis { range = enis.map { .enis($0) } }
  }

  private mutating func readSubnets(_ field: DraftField) -> [SubnetIndex]? {
    let known = vpc.map { inventory.vpcs[$0].subnets.map { inventory.subnets[$0].id } } ?? []
    return readIDs(field, what: "subnet", known: known) { reading, id in
      reading.inventory.subnets(id: id).map { ($0, reading.inventory.subnets[$0].vpc) }
    }
  }

  private mutating func readENIs(_ field: DraftField) -> [ENIIndex]? {
    let known = vpc.map { inventory.vpcs[$0].enis.map { inventory.enis[$0].id } } ?? []
    return readIDs(field, what: "ENI", known: known) { reading, id in
      reading.inventory.enis(id: id).map { ($0, reading.inventory.enis[$0].vpc) }
    }
  }

  /// - Parameter find: what has the id, in whichever VPC.
  private mutating func readIDs(
    _ field: DraftField, what: String, known: [String],
    find: (MirrorReading, String) -> [(index: Int, vpc: VPCIndex)]
  ) -> [Int]? {
    guard let elements = field.elements else {
      mistyped(field, "a list of \(what) ids", hint: "write [\"id\", ...]")
      return nil
    }
    if elements.isEmpty { report("range.missing", field, "the list names no \(what)", hint: "name at least one") }
    var ids: Set<String> = []
    var found: [Int] = []
    var isWhole = !elements.isEmpty
    for element in elements {
      guard let id = text(element) else {
        isWhole = false
        continue
      }
      guard ids.insert(id).inserted else { continue }
      let index = place(id, element, what: what, known: known, among: find(self, id))
      if let index { found.append(index) } else { isWhole = false }
    }
    if ids.count > 20 { report("range.too-many", field, "\(ids.count) ids are named", hint: "at most 20") }
    return isWhole ? found : nil
  }

  private mutating func place(
    _ id: String, _ field: DraftField, what: String, known: [String], among found: [(index: Int, vpc: VPCIndex)]
  ) -> Int? {
    guard let vpc else {
      if found.isEmpty { report("range.unknown", field, "the inventory has no \(what) \(id.quotedForMessage)") }
      return nil
    }
    if let own = found.first(where: { $0.vpc == vpc }) { return own.index }
    let hint = suggestion(forID: id, among: known, what: what)
    if let other = found.first {
      report(
        "range.other-vpc", field,
        "\(what) \(id) is in VPC \(inventory.vpcs[other.vpc].id), the mirror in \(inventory.vpcs[vpc].id)", hint: hint)
    } else {
      report("range.unknown", field, "the inventory has no \(what) \(id.quotedForMessage)", hint: hint)
    }
    return nil
  }

  /// A script's predicate was asked about every ENI; those of other VPCs are not meant.
  private mutating func readSelection(_ enis: [ENIIndex], name: String, _ field: DraftField) {
    guard let vpc else { return }
    let own = enis.filter { inventory.enis.indices.contains($0) && inventory.enis[$0].vpc == vpc }
    if own.isEmpty {
      warn("range.empty", field, "\(name.quotedForMessage) chooses none of the ENIs of VPC \(inventory.vpcs[vpc].id)")
    }
    range = .selected(own, name: name)
  }
}

extension Inventory {
  /// Where the packets of a range come from: all subnets of the VPC, the subnets, or those of the ENIs.
  func sourceSubnets(of range: CollectionRange, vpc: VPCIndex) -> [SubnetIndex] {
    switch range {
    case .vpc: vpcs[vpc].subnets
    case .subnets(let subnets): subnets
    case .enis(let chosen), .selected(let chosen, _): Set(chosen.map { enis[$0].subnet }).sorted()
    }
  }

  /// The listed ENIs of a range.
  public func enis(of range: CollectionRange, vpc: VPCIndex) -> [ENIIndex] {
    switch range {
    case .vpc: vpcs[vpc].enis
    case .subnets(let subnets): vpcs[vpc].enis.filter { subnets.contains(enis[$0].subnet) }
    case .enis(let chosen), .selected(let chosen, _): chosen
    }
  }
}
