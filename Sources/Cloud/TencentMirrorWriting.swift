internal import JSONText

/// One definition on its way to a `TrafficMirror`.
struct TencentMirrorWriting {
  let definition: JSONValue
  var notes: [CloudNote] = []

  init(_ definition: JSONValue) { self.definition = definition }

  private var name: String { definition["name"]?.string ?? "?" }

  private mutating func leaveOut(_ what: String) {
    notes.append(CloudNote("export.left-out", "mirror \(name.quotedForMessage): \(what)", isWarning: true))
  }

  /// nil: it would collect more than it should.
  mutating func value() -> JSONValue? {
    if definition["filter"]?["lua"] != nil {
      notes.append(
        CloudNote(
          "export.impossible", "mirror \(name.quotedForMessage): its filter is a Lua text, which the API cannot say",
          hint: "without the filter it would collect everything, so it was left out"))
      return nil
    }
    var members: [JSONMember] = [
      JSONMember("VpcId", definition["vpc"] ?? .null), JSONMember("TrafficMirrorName", definition["name"] ?? .null),
      JSONMember("TrafficMirrorDescribe", definition["description"] ?? ""),
      JSONMember("State", definition["enabled"]?.bool == false ? "STOPED" : "RUNNING"),
      JSONMember("Direction", direction()), JSONMember("CollectorSrcs", sources),
    ]
    members += filter()
    members.append(
      JSONMember(
        "CollectorTarget",
        ["TargetType": "IP", "TargetIps": definition["receivers"] ?? [], "AlgHash": .string(balance())]))
    nameWhatIsLeft()
    return .object(members)
  }

  private var rules: JSONValue? { definition["filter"]?["rules"] }

  private mutating func direction() -> JSONValue {
    let word = definition["direction"]?.string ?? "all"
    guard rules != nil else { return .string(["out": "EGRESS", "in": "INGRESS"][word] ?? "ALL") }
    if word != "all" { leaveOut("direction \(word) comes back as all, with the rules of that direction only") }
    return "NO-DIRECTION"
  }

  private var sources: JSONValue {
    let range = definition["range"]
    if range?["vpc"]?.bool == true { return [definition["vpc"] ?? .null] }
    return range?["subnet"] ?? range?["eni"] ?? []
  }

  private mutating func filter() -> [JSONMember] {
    let filter = definition["filter"]
    if filter?["bidirectional"]?.bool == true { leaveOut("bidirectional: packets back from the gateway") }
    var members = [JSONMember("NatId", filter?["nat"] ?? "")]
    let conditions = filter?["quintuple"]?.array ?? []
    members.append(JSONMember("CollectorNormalFilters", .array(conditions.map { .object(condition($0)) })))
    guard let rules else { return members }
    let direction = definition["direction"]?.string ?? "all"
    for (key, name, other) in [("in", "IngressFilterRules", "out"), ("out", "EgressFilterRules", "in")] {
      let list = direction == other ? [] : rules[key]?.array ?? []
      members.append(JSONMember(name, .array(list.map { rule($0) })))
    }
    return members
  }

  private mutating func condition(_ condition: JSONValue) -> [JSONMember] {
    if condition["bidirectional"]?.bool == true { leaveOut("bidirectional: the other half of the conversation") }
    var members: [JSONMember] = []
    if let value = condition["protocol"] {
      let text = value.string?.uppercased() ?? value.integer.map(String.init) ?? "ALL"
      members.append(JSONMember("Protocol", .string(text)))
    }
    for (key, name) in [
      ("source", "SrcNet"), ("destination", "DstNet"), ("sourcePort", "SrcPort"), ("destinationPort", "DstPort"),
    ] {
      if let value = condition[key] { members.append(JSONMember(name, value)) }
    }
    return members
  }

  private mutating func rule(_ rule: JSONValue) -> JSONValue {
    .object(
      [JSONMember("Priority", rule["priority"] ?? .null), JSONMember("Action", rule["action"] ?? .null)]
        + condition(rule))
  }

  private mutating func balance() -> String {
    switch definition["balance"]?.string {
    case "even": return "FIVE_TUPLE_FLOW"
    case "eni-hash": return "ENI"
    case let method:
      leaveOut("balance \(method ?? "weighted") becomes FIVE_TUPLE_FLOW, which comes back as even")
      return "FIVE_TUPLE_FLOW"
    }
  }

  private mutating func nameWhatIsLeft() {
    if let tags = definition["tags"]?.members, !tags.isEmpty {
      leaveOut("tags \(tags.map { "\($0.name)=\($0.value.string ?? "")" }.joined(separator: " "))")
    }
    if let encapsulation = definition["encapsulation"] { leaveOut("encapsulation \(encapsulation.text())") }
    for (key, usual) in [("copies", "once"), ("onError", "skip")] {
      if let word = definition[key]?.string, word != usual { leaveOut("\(key) \(word)") }
    }
  }
}
