internal import JSONText
internal import LuaRuntime
internal import Mirroring

/// A key of `audit{}`, for its reading and its page.
struct AuditKey: Sendable {
  var name: String
  var type: String
  var doc: String

  static let severities = #"one of "info", "low", "medium", "high", "critical""#

  static let all: [AuditKey] = [
    AuditKey(
      name: "id", type: "string", doc: "Required: `TLS-001`; letters, digits, `.`, `_` and `-`; unique in a run."),
    AuditKey(name: "title", type: "string", doc: "Required: what it looks for, in a few words."),
    AuditKey(name: "severity", type: "string", doc: "Required: " + severities + ". Its findings may say another."),
    AuditKey(name: "tags", type: "string[]", doc: "For `--tag`."),
    AuditKey(name: "references", type: "string[]", doc: "What to read: standards, links."),
    AuditKey(name: "remediation", type: "string", doc: "What to do about its findings."),
    AuditKey(
      name: "where", type: "filter",
      doc:
        "Which packets it sees, carried out natively: any, quintuple, bpf, sample, and their combinations. A conversation is seen if one of its packets is."
    ),
    AuditKey(name: "packet", type: "fun(packet: packet)", doc: "Called with each packet that `where` matches."),
    AuditKey(
      name: "conversation", type: "fun(conversation: conversation)",
      doc: "Called with each conversation that is over: closed, silent for long, or at the end of the capture."),
    AuditKey(
      name: "config", type: "fun(inventory: table, mirrors: mirrors)",
      doc: "Called once with the inventory and the mirrors of `--mirrors`. Needs an inventory."),
    AuditKey(
      name: "every", type: "{ seconds, fun() }",
      doc: "Called again and again in packet time. Periods without packets are not made up for."),
    AuditKey(name: "finish", type: "fun()", doc: "Called once at the end of a capture."),
    AuditKey(
      name: "needs", type: "string[]",
      doc: #"What it cannot do without, besides what its functions need: "inventory", "mirrors". Else it is skipped."#),
    AuditKey(
      name: "captures", type: "string",
      doc:
        #""each" (default): a capture is audited by itself, globals begin anew. "together": all captures as one, in order of time."#
    ),
  ]
}

/// A key of `finding{}`.
struct FindingKey: Sendable {
  var name: String
  var type: String
  var doc: String

  static let all: [FindingKey] = [
    FindingKey(name: "message", type: "string", doc: "Required: what was found, in one line."),
    FindingKey(
      name: "key", type: "string", doc: "Findings of one audit with the same key are one; if not given, the message."),
    FindingKey(name: "subject", type: "string, eni, subnet, vpc or mirror", doc: "What it is about."),
    FindingKey(name: "severity", type: "string", doc: "If it is not the audit's."),
    FindingKey(
      name: "packet", type: "packet or false",
      doc: "The packet at hand, or the first packets of the conversation at hand, belong to it; `false`: they do not."),
    FindingKey(
      name: "conversation", type: "conversation or false", doc: "The same as `packet`, in the function `conversation`."),
    FindingKey(name: "evidence", type: "string[]", doc: "Lines that show it, at most 16."),
    FindingKey(name: "details", type: "table<string, string|number|boolean>", doc: "Values for programs, at most 32."),
  ]
}

extension PolicyContext {
  func declareAudit(_ call: HostCall) throws(HostFailure) {
    guard let auditing else { throw HostFailure("audit can be used in the scripts of moontap audit only") }
    guard auditing.declaration == nil else {
      throw HostFailure("a script declares one audit; put the other into a file of its own")
    }
    let table = call.table(0) ?? LuaTable()
    try table.allow(AuditKey.all.map(\.name), argument: 1)
    let fields = MakerFields(table: table)
    var audit = AuditDeclaration(
      id: try identifier(fields), title: try required("title", fields), severity: try severity(fields))
    audit.tags = try lines(table["tags"], "tags", limit: AuditContext.Limit.list)
    audit.references = try lines(table["references"], "references", limit: AuditContext.Limit.list)
    audit.remediation = try fields.line("remediation") ?? ""
    audit.filter = try whereFilter(table["where"], call)
    audit.isTogether =
      try fields.parsed("captures", #""each" or "together""#) { ["each", "together"].firstIndex(of: $0) }
      == 1
    audit.line = call.place?.line ?? 0
    try takeFunctions(table, &audit, auditing)
    audit.needs.formUnion(try needs(table["needs"]))
    auditing.declaration = audit
    // What the argument `inventory` of config has besides its lists.
    call.next(source: "return inventory.eni", chunkName: "(inventory)") { answer throws(HostFailure) in
      auditing.findENI = answer.function(0)
    }
  }

  private func identifier(_ fields: MakerFields) throws(HostFailure) -> String {
    let id = try required("id", fields)
    let isPlain = id.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f: true
      default: false
      }
    }
    guard isPlain, id.utf8.count <= 64 else {
      throw HostFailure(argument: 1, "id: 1 to 64 letters, digits, '.', '_' and '-' expected")
    }
    return id
  }

  private func required(_ key: String, _ fields: MakerFields) throws(HostFailure) -> String {
    guard let text = try fields.line(key), !text.isEmpty else {
      throw HostFailure(argument: 1, "\(key) is missing: every audit has one")
    }
    return text
  }

  private func severity(_ fields: MakerFields) throws(HostFailure) -> FindingSeverity {
    _ = try required("severity", fields)
    return try fields.parsed("severity", AuditKey.severities) { FindingSeverity(rawValue: $0) } ?? .info
  }

  private func needs(_ value: LuaValue) throws(HostFailure) -> Set<AuditDeclaration.Need> {
    var needs: Set<AuditDeclaration.Need> = []
    for word in try lines(value, "needs", limit: 8) {
      guard let need = AuditDeclaration.Need(rawValue: word) else {
        throw HostFailure(
          argument: 1,
          #"needs: \#(ValueSetBuilder.shown(Array(word.utf8))) is not "inventory", "mirrors" or "captures""#)
      }
      needs.insert(need)
    }
    return needs
  }

  /// `where`: a filter that can be asked about packets alone.
  private func whereFilter(_ value: LuaValue, _ call: HostCall) throws(HostFailure) -> FilterExpression {
    guard value != .nil else { return .any }
    if case .function = value {
      throw HostFailure(argument: 1, "where: a filter expected, which is native; a function goes into packet = ...")
    }
    let read = validator.filter(try filter(value, argument: 1))
    if let what = read.violations.first(where: { !$0.isWarning }) {
      throw HostFailure(argument: 1, "where: \(what.message)\(what.hint.map { "; " + $0 } ?? "")")
    }
    guard let expression = read.filter else {
      throw HostFailure(argument: 1, "where: filter.nat has no meaning outside of a mirror")
    }
    if let what = expression.unsupportedInAudits {
      throw HostFailure(argument: 1, "where: \(what) cannot be asked about a packet alone")
    }
    return expression
  }

  private func takeFunctions(
    _ table: LuaTable, _ audit: inout AuditDeclaration, _ auditing: AuditContext
  ) throws(HostFailure) {
    auditing.packet = try function(table["packet"], "packet")
    auditing.conversation = try function(table["conversation"], "conversation")
    auditing.config = try function(table["config"], "config")
    auditing.finish = try function(table["finish"], "finish")
    try takeTimer(table["every"], &audit, auditing)
    if auditing.packet != nil { audit.subjects.insert(.packets) }
    if auditing.conversation != nil { audit.subjects.insert(.conversations) }
    if auditing.config != nil { audit.subjects.insert(.configuration) }
    if auditing.finish != nil { audit.subjects.insert(.finish) }
    guard !audit.subjects.subtracting([.finish, .timer]).isEmpty else {
      throw HostFailure(argument: 1, "nothing to look at: give at least one of packet, conversation and config")
    }
    if auditing.config != nil { audit.needs.insert(.inventory) }
    if auditing.packet != nil || auditing.conversation != nil { audit.needs.insert(.captures) }
  }

  private func takeTimer(
    _ value: LuaValue, _ audit: inout AuditDeclaration, _ auditing: AuditContext
  ) throws(HostFailure) {
    guard value != .nil else { return }
    guard case .table(let table) = value, table.items.count == 2, table.fields.isEmpty else {
      throw HostFailure(argument: 1, "every: { seconds, function } expected")
    }
    let seconds: Double =
      switch table.items[0] {
      case .integer(let number): Double(number)
      case .number(let number): number
      default: 0
      }
    guard seconds >= 0.001, seconds <= 1e9 else {
      throw HostFailure(argument: 1, "every: 0.001 to 1,000,000,000 seconds expected")
    }
    auditing.timer = try function(table.items[1], "every")
    audit.period = Int64(seconds * 1e9)
    audit.subjects.insert(.timer)
  }

  private func function(_ value: LuaValue, _ key: String) throws(HostFailure) -> LuaFunctionReference? {
    switch value {
    case .nil: return nil
    case .function(let function):
      try refuse(library: function, as: key)
      return function
    default: throw HostFailure(argument: 1, "\(key): a function expected, got \(describe(value))")
    }
  }
}

extension FilterExpression {
  /// What needs more than a packet: a mirror's side, a conversation's count, a script.
  fileprivate var unsupportedInAudits: String? {
    switch self {
    case .any, .quintuple, .bpf, .sample: nil
    case .nat: "filter.nat"
    case .rules: "filter.rules"
    case .first: "filter.first"
    case .script: "a function"
    case .all(let parts), .anyOf(let parts): parts.lazy.compactMap(\.unsupportedInAudits).first
    case .not(let part): part.unsupportedInAudits
    }
  }
}
