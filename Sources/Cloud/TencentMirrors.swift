public import JSONText

/// Traffic mirrors as Tencent Cloud's API says them (`TrafficMirror` of DescribeTrafficMirrors and CreateTrafficMirror),
/// and as definitions of `moontap.mirrors/1`. What one side cannot say is listed, never dropped in silence.
///
/// | API | definition |
/// | --- | --- |
/// | `State` RUNNING, STOPED (the API's spelling) | `enabled` |
/// | `Direction` EGRESS, INGRESS, ALL; NO-DIRECTION with rules | `direction`; `all` with `rules` |
/// | `CollectorSrcs` | `range` |
/// | `CollectorNormalFilters`; `NatId`; `IngressFilterRules`, `EgressFilterRules` | `quintuple`; `nat`; `rules` |
/// | `CollectorTarget.TargetIps`, `AlgHash` FIVE_TUPLE_FLOW, ENI | `receivers`, `balance` even, eni-hash |
public enum TencentMirrors {
  /// What an id of `CollectorSrcs` names.
  public enum SourceKind: String, Sendable { case vpc, subnet, eni }

  /// One mirror of an answer.
  public struct Incoming: Sendable {
    public var members: [JSONMember]
    public var line: Int
  }

  /// The mirrors of a whole answer, of what stands inside it, of a bare list, or a single one.
  static func mirrors(in document: JSONValue) -> [JSONValue]? {
    if let list = document.array { return list }
    let inner = document["Response"] ?? document
    if let list = inner["TrafficMirrorSet"]?.array { return list }
    if let one = inner["TrafficMirror"] { return [one] }
    return inner["TrafficMirrorName"] != nil || inner["TrafficMirrorId"] != nil ? [inner] : nil
  }

  // MARK: To definitions

  /// - Parameter kind: what an id names, as far as the inventory knows; otherwise its prefix tells.
  public static func definitions(
    of document: JSONValue, file: String, kind: (String) -> SourceKind?
  ) -> (mirrors: [Incoming], notes: [CloudNote]) {
    if let error = (document["Response"] ?? document)["Error"] {
      let words = [error["Code"]?.string, error["Message"]?.string].compactMap(\.self).joined(separator: ": ")
      return ([], [CloudNote("import.error-answer", file: file, "the answer is an error: \(words)")])
    }
    guard let list = mirrors(in: document), !list.isEmpty else {
      return ([], [CloudNote("import.format", file: file, "holds no TrafficMirror")])
    }
    var notes: [CloudNote] = []
    let mirrors = list.map { value -> Incoming in
      var reading = TencentMirrorReading(CloudObject(value), file: file)
      let members = reading.members(kind)
      notes += reading.notes
      return Incoming(members: members, line: value.position.line)
    }
    return (mirrors, notes)
  }

  // MARK: From definitions

  /// - Returns: the answer that DescribeTrafficMirrors would give. A mirror that would collect more without what the API
  ///   cannot say is left out, with a note that is no warning.
  public static func answer(for definitions: [JSONValue]) -> (document: JSONValue, notes: [CloudNote]) {
    var notes: [CloudNote] = []
    let list = definitions.compactMap { definition -> JSONValue? in
      var writing = TencentMirrorWriting(definition)
      let value = writing.value()
      notes += writing.notes
      return value
    }
    let document: JSONValue = [
      "Response": ["TotalCount": .integer(list.count), "TrafficMirrorSet": .array(list)]
    ]
    return (document, notes)
  }
}

/// One `TrafficMirror` on its way to a definition.
struct TencentMirrorReading {
  let mirror: CloudObject
  let file: String
  var notes: [CloudNote] = []

  init(_ mirror: CloudObject, file: String) {
    self.mirror = mirror
    self.file = file
  }

  private var name: String { mirror.text("TrafficMirrorName") ?? mirror.text("TrafficMirrorId") ?? "?" }

  private mutating func leaveOut(_ what: String, hint: String? = nil) {
    notes.append(
      CloudNote(
        "import.left-out", file: file, "mirror \(name.quotedForMessage): \(what)", hint: hint, isWarning: true))
  }

  mutating func members(_ kind: (String) -> TencentMirrors.SourceKind?) -> [JSONMember] {
    var members: [JSONMember] = []
    func add(_ name: String, _ value: JSONValue?) { if let value { members.append(JSONMember(name, value)) } }
    add("name", mirror.text("TrafficMirrorName").map { .string($0) })
    add("description", mirror.text("TrafficMirrorDescribe").map { .string($0) })
    add("vpc", mirror.text("VpcId").map { .string($0) })
    add("range", range(kind))
    add("direction", direction())
    add("filter", filter())
    let target = mirror.object("CollectorTarget")
    add("receivers", .array((target?.texts("TargetIps") ?? []).map { .string($0) }))
    add("balance", balance(target))
    add("enabled", .bool(isRunning()))
    nameWhatIsLeft(target)
    return members
  }

  private func range(_ kind: (String) -> TencentMirrors.SourceKind?) -> JSONValue? {
    var ids: [TencentMirrors.SourceKind: [JSONValue]] = [:]
    for id in mirror.texts("CollectorSrcs") {
      let found = kind(id) ?? (id.hasPrefix("vpc-") ? .vpc : id.hasPrefix("subnet-") ? .subnet : .eni)
      ids[found, default: []].append(.string(id))
    }
    // Several kinds at once are the rules' to refuse.
    var kinds: [JSONMember] = []
    if ids[.vpc] != nil { kinds.append(JSONMember("vpc", true)) }
    for kind in [TencentMirrors.SourceKind.subnet, .eni] {
      if let list = ids[kind] { kinds.append(JSONMember(kind.rawValue, .array(list))) }
    }
    return kinds.isEmpty ? nil : .object(kinds)
  }

  private func direction() -> JSONValue? {
    let words = ["EGRESS": "out", "INGRESS": "in", "ALL": "all", "NO-DIRECTION": "all"]
    guard let text = mirror.text("Direction") else { return nil }
    // An unknown word is the rules' to refuse.
    return .string(words[text] ?? text)
  }

  private mutating func isRunning() -> Bool {
    let state = mirror.text("State") ?? ""
    if state != "RUNNING", state != "STOPED", state != "STOPPED" {
      leaveOut("State \(state.quotedForMessage) is stored as stopped", hint: "moontap mirror enable starts it")
    }
    return state == "RUNNING"
  }

  private mutating func balance(_ target: CloudObject?) -> JSONValue? {
    switch target?.text("AlgHash") {
    case nil: return nil
    case "FIVE_TUPLE_FLOW": return "even"
    case "ENI": return "eni-hash"
    case let text?: return .string(text)
    }
  }

  // MARK: Filters of both generations

  private func filter() -> JSONValue? {
    var kinds: [JSONMember] = []
    if let gateway = mirror.text("NatId") { kinds.append(JSONMember("nat", .string(gateway))) }
    let conditions = mirror.list("CollectorNormalFilters")
    if !conditions.isEmpty { kinds.append(JSONMember("quintuple", .array(conditions.map { .object(condition($0)) }))) }
    let rules = [("in", "IngressFilterRules"), ("out", "EgressFilterRules")].compactMap { key, list -> JSONMember? in
      let rules = mirror.list(list)
      return rules.isEmpty ? nil : JSONMember(key, .array(rules.map(rule)))
    }
    if !rules.isEmpty { kinds.append(JSONMember("rules", .object(rules))) }
    return kinds.isEmpty ? nil : .object(kinds)
  }

  private func condition(_ filter: CloudObject) -> [JSONMember] {
    var members: [JSONMember] = []
    if let text = filter.text("Protocol") { members.append(JSONMember("protocol", protocolValue(text))) }
    for (name, key) in [
      ("SrcNet", "source"), ("DstNet", "destination"), ("SrcPort", "sourcePort"), ("DstPort", "destinationPort"),
    ] {
      if let text = filter.text(name) { members.append(JSONMember(key, .string(text))) }
    }
    return members
  }

  private func protocolValue(_ text: String) -> JSONValue {
    Int(text).map { .integer($0) } ?? .string(text.lowercased())
  }

  private func rule(_ rule: CloudObject) -> JSONValue {
    var members: [JSONMember] = []
    if let priority = rule.value["Priority"] { members.append(JSONMember("priority", priority)) }
    if let action = rule.text("Action") { members.append(JSONMember("action", .string(action.lowercased()))) }
    return .object(members + condition(rule))
  }

  // MARK: What a definition has no words for

  private mutating func nameWhatIsLeft(_ target: CloudObject?) {
    for member in ["TrafficMirrorId", "CreateTime", "SubnetId"] {
      if let text = mirror.text(member) { leaveOut("\(member) \(text.quotedForMessage) is the cloud's own") }
    }
    if let type = target?.text("TargetType"), type != "IP" {
      leaveOut("TargetType \(type): the receiving IPs are taken as they are", hint: "the cloud resolves them itself")
    }
    if let points = target?.texts("TargetEndPoints"), !points.isEmpty {
      leaveOut("TargetEndPoints \(points.joined(separator: ", "))", hint: "a receiver is an address of the VPC")
    }
    for list in ["IngressFilterRules", "EgressFilterRules"] {
      for rule in mirror.list(list) {
        if let text = rule.text("Description") { leaveOut("the description \(text.quotedForMessage) of a rule") }
      }
    }
  }
}
