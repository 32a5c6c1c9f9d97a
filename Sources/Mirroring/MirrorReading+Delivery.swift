import Inventory
import JSONText
import Wire

// How copies are shared out and how they travel.
extension MirrorReading {
  private static let methods: [String: BalanceMethod] = [
    "even": .even, "eni-hash": .eniHash, "flow-hash": .flowHash, "round-robin": .roundRobin,
  ]

  mutating func readBalance() {
    guard let field = members["balance"] else {
      balance = .even
      return
    }
    switch field.value.content {
    case .string(let text): readMethod(text, field)
    case .script(let function): balance = .script(function)
    case .table, .list:
      guard field.members != nil, let parts = table(field, known: ["weighted"]) else {
        if field.members == nil { mistyped(field, "a balance method") }
        return
      }
      guard let weights = parts["weighted"] else {
        return report("balance.unknown", field, "no method is named", hint: Self.methodHint)
      }
      readWeights(weights)
    default: mistyped(field, "a balance method", hint: Self.methodHint)
    }
  }

  private static let methodHint = "one of even, eni-hash, flow-hash, round-robin, {\"weighted\": {\"10.20.9.10\": 3}}"

  private mutating func readMethod(_ text: String, _ field: DraftField) {
    let word = draft.isLua ? String(text.map { $0 == "_" ? "-" : $0 }) : text
    if let method = Self.methods[word] {
      balance = method
    } else {
      let near = Spelling.nearest(to: text, among: Self.methods.keys.sorted() + ["weighted"])
      let hint = near == "weighted" ? Self.methodHint : near.map { "did you mean \($0.quotedForMessage)?" }
      report("balance.unknown", field, "\(text.quotedForMessage) is no balance method", hint: hint ?? Self.methodHint)
    }
  }

  private mutating func readWeights(_ field: DraftField) {
    guard let members = field.members else {
      return mistyped(field, "a table of weights by receiving IP", hint: "as in {\"10.20.9.10\": 3}")
    }
    let errors = errorCount
    if members.isEmpty {
      report("balance.weights", field, "no receiver has a weight", hint: "use flow-hash, or name one")
    }
    var weights: [IPAddress: UInt32] = [:]
    for member in members {
      let place = field.member(member.name, member.value, at: member.location)
      guard let (address, weight) = readWeight(member.name, place) else { continue }
      if weights.updateValue(weight, forKey: address) != nil {
        report("balance.weights", place, "\(address) has a weight already")
      }
    }
    guard errorCount == errors, let receivers else { return }
    balance = .weighted(receivers.map { weights[$0] ?? 1 })
  }

  private mutating func readWeight(_ name: String, _ place: DraftField) -> (IPAddress, UInt32)? {
    let address = IPAddress(name)
    if let receivers, address.map({ !receivers.contains($0) }) ?? true {
      report(
        "balance.weights", place, "\(name.quotedForMessage) is no receiving IP of the mirror",
        hint: suggestion(for: name, among: receivers.map(\.description)))
    }
    guard let number = place.value.integer, number >= 1, let weight = UInt32(exactly: number) else {
      report(
        "balance.weights", place, "\(place.value.shown) is no weight", hint: "a whole number from 1 to \(UInt32.max)")
      return nil
    }
    return address.map { ($0, weight) }
  }

  mutating func readEncapsulation() {
    let errors = errorCount
    var parts: [String: DraftField] = [:]
    if let field = members["encapsulation"] {
      parts = table(field, known: ["type", "vni", "port"]) ?? [:]
    }
    let kind = parts["type"].map { readKind($0) } ?? .vxlan
    let vni = parts["vni"].flatMap { readVNI($0, kind) }
    let port = parts["port"].flatMap { readPort($0) }
    guard errorCount == errors, let kind else { return }
    warnAboutUnused(parts, kind)
    encapsulation = Encapsulation(
      kind: kind, vni: kind == .none ? 0 : vni ?? defaultVNI(kind), port: kind == .vxlan ? port ?? 4789 : 0)
  }

  private mutating func readKind(_ field: DraftField) -> Encapsulation.Kind? {
    guard let text = text(field) else { return nil }
    if let kind = Encapsulation.Kind(rawValue: text) { return kind }
    let known = Encapsulation.Kind.allCases.map(\.rawValue)
    report(
      "encapsulation.type", field, "\(text.quotedForMessage) is no encapsulation",
      hint: suggestion(for: text, among: known))
    return nil
  }

  private mutating func readVNI(_ field: DraftField, _ kind: Encapsulation.Kind?) -> UInt32? {
    let limit = kind == .erspan2 ? 1_023 : 0xff_ffff
    if let number = field.value.integer, number >= 0, number <= limit { return UInt32(number) }
    let what = kind == .erspan2 ? "ERSPAN session" : kind == .gre ? "GRE key" : "VNI"
    report("encapsulation.vni", field, "\(field.value.shown) is no \(what)", hint: "a whole number from 0 to \(limit)")
    return nil
  }

  private mutating func readPort(_ field: DraftField) -> UInt16? {
    if let number = field.value.integer, number >= 1, let port = UInt16(exactly: number) { return port }
    report(
      "encapsulation.port", field, "\(field.value.shown) is no UDP port", hint: "a whole number from 1 to 65535")
    return nil
  }

  private mutating func warnAboutUnused(_ parts: [String: DraftField], _ kind: Encapsulation.Kind) {
    if let field = parts["port"], kind != .vxlan {
      warn("encapsulation.unused", field, "encapsulation \(kind.rawValue) has no port; it is not used")
    }
    if let field = parts["vni"], kind == .none {
      warn("encapsulation.unused", field, "without encapsulation there is no VNI; it is not used")
    }
  }

  private func defaultVNI(_ kind: Encapsulation.Kind) -> UInt32 {
    guard let vpc, let name else { return 1 }
    let network = inventory.vpcs[vpc]
    return identifiers.number(
      region: inventory.regions[network.region].id, vpc: network.id, name: name, limit: kind == .erspan2 ? 1_023 : nil)
  }
}
