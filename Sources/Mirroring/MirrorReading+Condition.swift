import JSONText
import Wire

// Quintuple conditions and priority rules (sections 6.1 and 6.4).
extension MirrorReading {
  private static let conditionKeys = [
    "protocol", "source", "destination", "sourcePort", "destinationPort", "bidirectional",
  ]

  mutating func readQuintuple(_ field: DraftField) -> FilterExpression? {
    var conditions = field.elements
    // In Lua `quintuple = { protocol = "tcp" }` is plain enough.
    if conditions == nil, draft.isLua, field.members != nil { conditions = [field] }
    guard let conditions else {
      mistyped(field, "a list of conditions", hint: "as in [{\"protocol\": \"tcp\"}]")
      return nil
    }
    if conditions.isEmpty { report("filter.empty", field, "there is no condition", hint: "give at least one") }
    let read = conditions.map { field in
      table(field, known: Self.conditionKeys).flatMap { readCondition($0, field) }
    }
    return read.isEmpty || read.contains { $0 == nil } ? nil : .quintuple(read.compactMap(\.self))
  }

  /// - Returns: nil, reported, when a field of the condition is wrong.
  private mutating func readCondition(_ parts: [String: DraftField], _ field: DraftField) -> QuintupleCondition? {
    let errors = errorCount
    var condition = QuintupleCondition()
    if let part = given(parts["protocol"]) { condition.protocol = readProtocol(part) }
    if let part = given(parts["source"]) { condition.source = readCIDR(part) }
    if let part = given(parts["destination"]) { condition.destination = readCIDR(part) }
    if let part = given(parts["sourcePort"]) { condition.sourcePort = readPorts(part) }
    if let part = given(parts["destinationPort"]) { condition.destinationPort = readPorts(part) }
    if let part = parts["bidirectional"] { condition.isBidirectional = flag(part) ?? false }
    checkFamilies(condition, parts["destination"] ?? field)
    checkPortsAllowed(condition, parts)
    return errorCount == errors ? condition : nil
  }

  /// Absent, empty, `any`, `all` and `*` mean that the field is not given.
  private func given(_ field: DraftField?) -> DraftField? {
    guard let field, let text = field.value.string else { return field }
    return ["", "any", "all", "*"].contains(text.lowercased()) ? nil : field
  }

  private mutating func readProtocol(_ field: DraftField) -> IPProtocol? {
    if let number = field.value.integer, let byte = UInt8(exactly: number) { return IPProtocol(rawValue: byte) }
    if let text = field.value.string, let named = IPProtocol(text) { return named }
    let names = IPProtocol.names.map(\.name)
    let near = field.value.string.flatMap { Spelling.nearest(to: $0, among: names) }
    report(
      "filter.protocol", field, "\(field.value.shown) is no protocol",
      hint: near.map { "did you mean \($0.quotedForMessage)?" }
        ?? "a name such as tcp, udp, icmp, icmpv6, or a number from 0 to 255")
    return nil
  }

  private mutating func readCIDR(_ field: DraftField) -> CIDR? {
    guard let text = text(field) else { return nil }
    guard let (cidr, hadHostBits) = CIDR.parse(text) else {
      let isList = text.contains { ",; \n".contains($0) }
      report(
        "filter.cidr", field, "\(text.quotedForMessage) is no network",
        hint: isList ? "one network a condition" : "as in 10.20.1.0/24 or 2001:db8:20::/64")
      return nil
    }
    if hadHostBits {
      warn("filter.cidr", field, "\(text.quotedForMessage) has bits beyond its length", hint: "it is read as \(cidr)")
    }
    return cidr
  }

  /// - Returns: nil also for a range that is every port: not given.
  private mutating func readPorts(_ field: DraftField) -> ClosedRange<UInt16>? {
    if let number = field.value.integer, let port = UInt16(exactly: number) { return port...port }
    if let text = field.value.string {
      if text == "1-65535" || text == "0-65535" { return nil }
      if let ports = Self.parsePorts(text) { return ports }
    }
    report(
      "filter.port", field, "\(field.value.shown) is no port",
      hint: "any, a number from 0 to 65535, or a range as 80-90")
    return nil
  }

  /// `n`, or `a-b` with 1 ≤ a ≤ b.
  private static func parsePorts(_ text: String) -> ClosedRange<UInt16>? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    let ports = parts.compactMap { $0.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } ? UInt16($0) : nil }
    guard ports.count == parts.count else { return nil }
    if ports.count == 1 { return ports[0]...ports[0] }
    guard ports.count == 2, ports[0] >= 1, ports[0] <= ports[1] else { return nil }
    return ports[0]...ports[1]
  }

  private mutating func checkFamilies(_ condition: QuintupleCondition, _ field: DraftField) {
    guard let source = condition.source, let destination = condition.destination, source.family != destination.family
    else { return }
    report(
      "filter.family", field, "the source \(source) and the destination \(destination) are of two families",
      hint: "both IPv4 or both IPv6: no packet has one of each")
  }

  private mutating func checkPortsAllowed(_ condition: QuintupleCondition, _ parts: [String: DraftField]) {
    guard let number = condition.protocol, !number.hasPorts else { return }
    for (name, ports) in [("sourcePort", condition.sourcePort), ("destinationPort", condition.destinationPort)] {
      guard ports != nil, let field = parts[name] else { continue }
      report(
        "filter.port", field, "protocol \(number) has no ports, so \(field.value.shown) never matches",
        hint: "ports stand with tcp, udp, sctp, dccp, udplite or without a protocol")
    }
  }

}

// Rules by priority.
extension MirrorReading {
  private typealias PlacedRule = (rule: PriorityRule, field: DraftField)

  mutating func readRules(_ field: DraftField) -> FilterExpression? {
    let errors = errorCount
    guard let parts = table(field, known: ["in", "out"]) else { return nil }
    let inbound = parts["in"].map { readRuleList($0) } ?? []
    let outbound = parts["out"].map { readRuleList($0) } ?? []
    if errorCount == errors, inbound.isEmpty, outbound.isEmpty {
      report(
        "filter.empty", field, "there is no rule", hint: "give one for \(draft.spell("in")) or \(draft.spell("out"))")
    }
    guard errorCount == errors else { return nil }
    warnAboutShadows(inbound)
    warnAboutShadows(outbound)
    return .rules(inbound: inbound.map(\.rule), outbound: outbound.map(\.rule))
  }

  /// Sorted by priority; a rule with an error is left out.
  private mutating func readRuleList(_ field: DraftField) -> [PlacedRule] {
    guard let elements = field.elements else {
      mistyped(field, "a list of rules", hint: "as in [{\"priority\": 1, \"action\": \"accept\"}]")
      return []
    }
    var rules: [PlacedRule] = []
    var paths: [Int: String] = [:]
    for element in elements {
      guard let rule = readRule(element) else { continue }
      if let twin = paths[rule.priority] {
        report("rules.duplicate-priority", element, "priority \(rule.priority) is that of \(twin) already")
      } else {
        paths[rule.priority] = element.path
      }
      rules.append((rule, element))
    }
    return rules.sorted { $0.rule.priority < $1.rule.priority }
  }

  private mutating func readRule(_ field: DraftField) -> PriorityRule? {
    guard let parts = table(field, known: ["priority", "action"] + Self.conditionKeys) else { return nil }
    let priority = readPriority(parts["priority"], field)
    let action = readAction(parts["action"], field)
    let condition = readCondition(parts, field)
    guard let priority, let action, let condition else { return nil }
    return PriorityRule(priority: priority, action: action, condition: condition)
  }

  private mutating func readPriority(_ field: DraftField?, _ rule: DraftField) -> Int? {
    guard let field else {
      report("rules.priority", rule, "the rule has no priority", hint: "a whole number; the lowest decides first")
      return nil
    }
    if let number = field.value.integer, number >= 0 { return number }
    report("rules.priority", field, "\(field.value.shown) is no priority", hint: "a whole number from 0")
    return nil
  }

  private mutating func readAction(_ field: DraftField?, _ rule: DraftField) -> PriorityRule.Action? {
    guard let field else {
      report("rules.action", rule, "the rule has no action", hint: "accept or drop")
      return nil
    }
    guard let text = text(field) else { return nil }
    if let action = PriorityRule.Action(rawValue: text) { return action }
    report("rules.action", field, "\(text.quotedForMessage) is no action", hint: "accept or drop")
    return nil
  }

  /// Pairs of rules that are compared: all of 2,000 rules, the first ones of more.
  private static let comparedPairs = 2_000_000

  /// By one rule before it; several rules that only together cover a later one go unnoticed.
  private mutating func warnAboutShadows(_ rules: [PlacedRule]) {
    let boxes = rules.map { Array(ConditionBox.boxes($0.rule.condition)) }
    var pairs = 0
    for (position, later) in rules.enumerated() {
      pairs += position
      guard pairs <= Self.comparedPairs else {
        return warn("rules.shadowed", later.field, "\(rules.count) rules: from here on they are not compared")
      }
      let shadow = boxes[..<position].firstIndex { ConditionBox.covers($0, boxes[position]) }
      guard let shadow = shadow.map({ rules[$0] }) else { continue }
      warn(
        "rules.shadowed", later.field,
        "priority \(later.rule.priority) never decides: priority \(shadow.rule.priority)"
          + " (\(shadow.rule.action.rawValue) \(shadow.rule.condition)) matches all of its packets",
        hint: "give it a priority below \(shadow.rule.priority), or remove it")
    }
  }
}
