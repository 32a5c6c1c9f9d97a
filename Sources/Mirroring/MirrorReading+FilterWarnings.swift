// Filters that are right and yet hardly meant.
extension MirrorReading {
  mutating func warn(about filter: FilterExpression, _ field: DraftField) {
    var joined = JoinedTests()
    joined.collect(filter)
    warnAboutConditions(joined, field)
    if direction == .in, joined.hasOneSidedNAT {
      warn(
        "filter.one-sided", field, "only packets going out have a next hop, so direction \"in\" collects nothing",
        hint: "add bidirectional = true to nat, or use direction \"out\" or \"all\"")
    }
    for rules in joined.rules where !hasAccept(rules) {
      let wanted = direction == .all ? "" : " for direction \"\(direction?.rawValue ?? "")\""
      warn("filter.unsatisfiable", field, "no rule accepts anything\(wanted), so nothing is collected")
    }
  }

  /// Decided for ANDed conditions only; what stands under `|` or `~` may well be one half of a whole.
  private mutating func warnAboutConditions(_ joined: JoinedTests, _ field: DraftField) {
    guard let boxes = ConditionBox.intersection(of: joined.conditions) else { return }
    let text = joined.conditions.map(\.description).joined(separator: " and ")
    if boxes.isEmpty {
      warn(
        "filter.unsatisfiable", field, "no packet meets \(text)",
        hint: "conditions are ANDed; for one or the other, use rules or several mirrors")
    } else if direction == .all, !joined.hasOneSidedNAT, isOneSided(boxes) {
      warn(
        "filter.one-sided", field, "\(text) matches only one half of a conversation, and direction \"all\" wants both",
        hint: "add bidirectional = true to the condition")
    }
  }

  private func isOneSided(_ boxes: Set<ConditionBox>) -> Bool {
    let whole = Set(boxes.map(\.withBothFamilies))
    return whole != Set(whole.map(\.swapped))
  }

  private func hasAccept(_ rules: (inbound: [PriorityRule], outbound: [PriorityRule])) -> Bool {
    let wanted =
      switch direction {
      case .in: rules.inbound
      case .out: rules.outbound
      default: rules.inbound + rules.outbound
      }
    return wanted.contains { $0.action == .accept }
  }
}

/// The tests that all must pass: those on the top of a filter and inside its `all`.
private struct JoinedTests {
  var conditions: [QuintupleCondition] = []
  var rules: [(inbound: [PriorityRule], outbound: [PriorityRule])] = []
  var hasOneSidedNAT = false

  mutating func collect(_ filter: FilterExpression) {
    switch filter {
    case .quintuple(let given): conditions += given.filter { !$0.isEmpty }
    case .rules(let inbound, let outbound): rules.append((inbound, outbound))
    case .nat(_, let isBidirectional): hasOneSidedNAT = hasOneSidedNAT || !isBidirectional
    case .all(let parts): for part in parts { collect(part) }
    default: break
    }
  }
}
