import Inventory
import JSONText
import Wire

// Which packets: from whatever was written to a `FilterExpression`.
extension MirrorReading {
  /// How deep filters may be combined; what carries them out walks them by recursion.
  static let maximumFilterDepth = 64

  mutating func readFilter() {
    guard let field = members["filter"] else {
      filter = .any
      return
    }
    switch field.value.content {
    case .filter(let draft): filter = resolve(draft, field, depth: 0)
    case .script(let function): filter = .script(function)
    case .table, .list: filter = readFilterTable(field)
    default: mistyped(field, "a filter", hint: filterHint)
    }
    if let filter { warn(about: filter, field) }
  }

  private var filterHint: String {
    draft.isLua
      ? "a function, or one of filter.quintuple, filter.nat, filter.rules, filter.bpf, ..."
      : "one of {\"quintuple\": [...]}, {\"nat\": id}, {\"rules\": {...}}"
  }

  /// The form that JSON has too: a table with exactly one of `quintuple`, `nat` and `rules`. All that are given are
  /// read, so that all their violations show.
  private mutating func readFilterTable(_ field: DraftField) -> FilterExpression? {
    guard field.members != nil, let parts = table(field, known: ["quintuple", "nat", "bidirectional", "rules"]) else {
      if field.members == nil { mistyped(field, "a filter", hint: filterHint) }
      return nil
    }
    let kinds = ["quintuple", "nat", "rules"].filter { parts[$0] != nil }
    if kinds.count > 1 {
      report("filter.coexist", field, "\(kinds.joined(separator: " and ")) are given", hint: "they exclude each other")
    }
    if kinds.isEmpty { report("filter.empty", field, "the filter has no condition", hint: filterHint) }
    if let flag = parts["bidirectional"], parts["nat"] == nil {
      report("key.unknown", flag, "\"bidirectional\" stands beside nat only", hint: "write it inside the condition")
    }
    let read = [
      parts["quintuple"].map { readQuintuple($0) }, parts["nat"].map { readNAT($0, parts["bidirectional"]) },
      parts["rules"].map { readRules($0) },
    ]
    return kinds.count == 1 ? read.compactMap(\.self).first ?? nil : nil
  }

  /// One node of a composed filter; `field` is the filter as a whole or the list that this one stands in.
  private mutating func resolve(_ filter: FilterDraft, _ field: DraftField, depth: Int) -> FilterExpression? {
    var place = field
    place.location = filter.location ?? field.location
    guard depth <= Self.maximumFilterDepth else {
      report("filter.too-deep", place, "the filter is combined more than \(Self.maximumFilterDepth) deep")
      return nil
    }
    switch filter.content {
    case .any: return .any
    case .quintuple(let conditions): return readQuintuple(place.member("quintuple", DraftValue(.list(conditions))))
    case .nat(let id, let flag): return readNAT(place.member("nat", id), flag.map { place.member("bidirectional", $0) })
    case .rules(let rules): return readRules(place.member("rules", rules))
    case .bpf(let text): return readBPF(place.member("bpf", text))
    case .first(let packets, let bytes, let id): return readFirst(packets, bytes, id, place.member("first", .absent))
    case .sample(let fraction): return readSample(place.member("sample", fraction))
    case .script(let function): return .script(function)
    case .all(let parts):
      let flat = FilterDraft.flat(parts) { if case .all(let inner) = $0 { inner } else { nil } }
      return resolve(flat, place, "all", depth).map { .all($0) }
    case .anyOf(let parts):
      let flat = FilterDraft.flat(parts) { if case .anyOf(let inner) = $0 { inner } else { nil } }
      return resolve(flat, place, "anyOf", depth).map { .anyOf($0) }
    case .not(let part):
      return resolve(part, place.member("not", .absent), depth: depth + 1).map { .not($0) }
    }
  }

  private mutating func resolve(
    _ parts: [FilterDraft], _ place: DraftField, _ name: String, _ depth: Int
  ) -> [FilterExpression]? {
    let list = place.member(draft.spell(name), .absent)
    if parts.isEmpty { report("filter.empty", list, "no filter is combined", hint: "give at least one") }
    var resolved: [FilterExpression] = []
    for (index, part) in parts.enumerated() {
      if let part = resolve(part, list.element(index, .absent), depth: depth + 1) { resolved.append(part) }
    }
    return resolved.count == parts.count && !parts.isEmpty ? resolved : nil
  }

  private mutating func readNAT(_ field: DraftField, _ flag: DraftField?) -> FilterExpression? {
    var isBidirectional: Bool? = false
    if let flag, !flag.value.isNull { isBidirectional = self.flag(flag) }
    guard let id = text(field), let vpc else { return nil }
    let found = inventory.natGateways(id: id)
    if let own = found.first(where: { inventory.natGateways[$0].vpc == vpc }) {
      return isBidirectional.map { .nat(own, bidirectional: $0) }
    }
    let known = inventory.vpcs[vpc].natGateways.map { inventory.natGateways[$0].id }
    let hint = suggestion(forID: id, among: known, what: "NAT gateway")
    if let other = found.first {
      let place = inventory.vpcs[inventory.natGateways[other].vpc].id
      report(
        "filter.nat-other-vpc", field,
        "NAT gateway \(id) is in VPC \(place), the mirror in \(inventory.vpcs[vpc].id)", hint: hint)
    } else {
      report("filter.nat-unknown", field, "the inventory has no NAT gateway \(id.quotedForMessage)", hint: hint)
    }
    return nil
  }

  private mutating func readBPF(_ field: DraftField) -> FilterExpression? {
    guard let text = text(field) else { return nil }
    do {
      // The commonest link type; the program itself is made for the link type of each capture.
      _ = try bpf?.compile(text, linkType: .ethernet)
      return .bpf(String(text.map { $0.isWhitespace ? " " : $0 }).cleanLine())
    } catch {
      let words = ((error as? any BPFRefusal)?.words ?? "\(error)").cleanLine(limit: 300)
      report("filter.bpf", field, "\(text.quotedForMessage): \(words)", hint: "see pcap-filter(7)")
      return nil
    }
  }

  private mutating func readFirst(
    _ packets: DraftValue?, _ bytes: DraftValue?, _ id: Int, _ field: DraftField
  ) -> FilterExpression? {
    let limits = [("packets", packets), ("bytes", bytes)].map { name, value -> (isGiven: Bool, limit: UInt64?) in
      guard let value, !value.isNull else { return (false, nil) }
      return (true, readLimit(field.member(name, value)))
    }
    if !limits.contains(where: \.isGiven) {
      report("filter.first", field, "neither packets nor bytes are given", hint: "as in { packets = 10 }")
      return nil
    }
    guard limits.allSatisfy({ $0.isGiven == ($0.limit != nil) }) else { return nil }
    return .first(packets: limits[0].limit, bytes: limits[1].limit, id: id)
  }

  private mutating func readLimit(_ field: DraftField) -> UInt64? {
    if let number = field.value.integer, number >= 1 { return UInt64(number) }
    report(
      "filter.first", field,
      "\(field.value.shown) is no number of \(field.path.hasSuffix("bytes") ? "bytes" : "packets")",
      hint: "a whole number from 1")
    return nil
  }

  private mutating func readSample(_ field: DraftField) -> FilterExpression? {
    let fraction: Double? =
      switch field.value.content {
      case .integer(let number): Double(number)
      case .number(let number): number
      default: nil
      }
    guard let fraction, fraction > 0, fraction <= 1 else {
      report("filter.sample", field, "\(field.value.shown) is no fraction above 0 and up to 1", hint: "as in 1/100")
      return nil
    }
    // 1 is no threshold: 2^64 does not fit.
    return fraction == 1 ? .any : .sample(threshold: UInt64(fraction * 0x1p64))
  }
}

extension DraftValue {
  static let absent = DraftValue(.null)
}

extension FilterDraft {
  /// The parts of `all` with those of an `all` among them in its place, and so for `anyOf`: `a & b & c` is one list,
  /// whichever way it was put together and however long it is.
  fileprivate static func flat(_ parts: [FilterDraft], _ inner: (Content) -> [FilterDraft]?) -> [FilterDraft] {
    var open = Array(parts.reversed())
    var result: [FilterDraft] = []
    while let part = open.popLast() {
      if let inner = inner(part.content), !inner.isEmpty { open += inner.reversed() } else { result.append(part) }
    }
    return result
  }
}
