internal import Inventory
internal import JSONText
internal import LuaRuntime
internal import Mirroring
internal import Wire

// What audits have besides: their declaration, findings, the configuration that they look at.
extension APIEntry {
  /// The language of audits: that of policies without what declares and changes mirrors, and more.
  static let ofAudits: [APIEntry] = all.filter(\.isInAudits) + onlyOfAudits

  /// What only audits have.
  static let onlyOfAudits: [APIEntry] = auditEntries + auditClockEntries + conversationEntries + protocolEntries

  /// An audit reads what is there: it makes no mirrors, and what it says, it says with findings.
  private var isInAudits: Bool {
    switch owner {
    case .namespace("source"), .namespace("target"), .namespace("balance"): false
    case .type(.receiver), .type(.counter), .type(.gauge), .type(.shared), .type(.mirrors): false
    case .global: !["mirror", "every", "counter", "gauge", "shared"].contains(name)
    case .type(.mirror): !isChange && name != "explain" && name != "stats" && name != "judge"
    default: true
    }
  }

  static let auditEntries: [APIEntry] = [
    APIEntry(
      owner: .global, name: "audit",
      parameters: [APIParameter("definition", .table, "its keys: see The keys of an audit")],
      doc: "Declares the audit of this script; each script declares one.",
      example:
        #"audit { id = "TEL-001", title = "Telnet", severity = "high", where = filter.quintuple { protocol = "tcp", destination_port = 23 }, packet = function(packet) finding { message = "telnet to " .. packet.destination } end }"#,
      isDeclaration: true,
      binding: .function { context, call throws(HostFailure) in try context.declareAudit(call) }),
    APIEntry(
      owner: .global, name: "finding",
      parameters: [APIParameter("finding", .table, "its keys: see The keys of a finding")],
      doc:
        "Raises a finding, in the functions of an audit. Those with the same key are one, with a count, the first and the last time.",
      example: #"finding { message = "telnet to " .. packet.destination, key = packet.destination, packet = packet }"#,
      binding: .function { context, call throws(HostFailure) in try context.raise(call) }),
    APIEntry(
      owner: .global, name: "findings",
      parameters: [
        APIParameter(
          "traffic", .either([.string, .object(.packet)]),
          "captures in the audit's own folder, or in one of --lib; or packets, in order of time", optional: true,
          variadic: true)
      ], returns: "table[]",
      doc:
        "Runs the audit, as moontap audit does, over captures, over packets made by packet.tcp and its like, or, without either, over the configuration. Gives what it found, in the order of reports: tables with key, message, severity, subject, count, packets, evidence, details. An error if the audit fails or is skipped.",
      example: #"findings(packet.tcp { source = "10.20.1.11", destination = "192.0.2.7", destination_port = 23 })"#,
      inTests: .only,
      binding: .function { context, call throws(HostFailure) in try context.auditTraffic(call) }),
    APIEntry(
      owner: .namespace("inventory"), name: "enis", returns: "list",
      doc: "All network interfaces by id; of equal ids in several regions the first.",
      example: #"for id, eni in pairs(inventory.enis) do log.info(id, eni.tags.env) end"#,
      binding: .value { $0.types.value(.list, InventoryList.allENIs.handle(0)) }),
    APIEntry(
      owner: .namespace("inventory"), name: "subnets", returns: "list",
      doc: "All subnets by id; of equal ids in several regions the first.",
      example: #"for id, subnet in pairs(inventory.subnets) do log.info(id, subnet.cidrs[1]) end"#,
      binding: .value { $0.types.value(.list, InventoryList.allSubnets.handle(0)) }),
    APIEntry(
      owner: .namespace("configuration"), name: "violations", returns: "table[]",
      doc:
        "What the console's rules say of the mirrors given: a list of tables with code, mirror, message, hint, place, and warning, which is true for what is allowed and yet probably not meant.",
      example: #"for _, each in ipairs(configuration.violations()) do log.info(each.code, each.message) end"#,
      binding: .function { context, call throws(HostFailure) in
        let violations = context.auditing?.configuration.violations ?? []
        call.charge(violations.count * 16)
        call.push(.table(LuaTable(items: violations.map { .table($0.table) })))
      }),
    APIEntry(
      owner: .type(.mirror), name: "covers", parameters: [APIParameter("eni", .object(.eni), "of the inventory")],
      returns: "boolean", doc: "Whether the network interface is in its collection range.",
      example: #"mirrors.web:covers(inventory.eni("eni-web1"))"#,
      binding: .method { context, call throws(HostFailure) in
        guard let mirror = call.handle(0, of: context.types.handle(.mirror)),
          let eni = call.handle(1, of: context.types.handle(.eni))
        else { return call.push(false) }
        call.push(context.mirrors[mirror].mirror.covers(eni, in: context.inventory))
      }),
    APIEntry(
      owner: .type(.mirror), name: "has_filter", returns: "boolean",
      doc: "Whether it collects only what a filter matches.", example: "mirrors.web.has_filter",
      binding: .property { context, call throws(HostFailure) in
        let mirror = context.mirrors[call.handle(0, of: context.types.handle(.mirror)) ?? 0].mirror
        call.push(mirror.filter != .any)
      }),
  ]
}

extension TrafficMirror {
  fileprivate func covers(_ eni: Int, in inventory: Inventory) -> Bool {
    let found = inventory.enis[eni]
    guard found.vpc == vpc else { return false }
    switch range {
    case .vpc: return true
    case .subnets(let subnets): return subnets.contains(found.subnet)
    case .enis(let enis), .selected(let enis, _): return enis.contains(eni)
    }
  }
}

extension MirrorViolation {
  fileprivate var table: LuaTable {
    var fields = [
      LuaTable.Field("code", .string(code)), .init("message", .string((path.isEmpty ? "" : path + ": ") + message)),
      .init("mirror", .string(mirror)), .init("warning", .boolean(isWarning)),
    ]
    if let hint { fields.append(.init("hint", .string(hint))) }
    if let location { fields.append(.init("place", .string(location.description))) }
    return LuaTable(fields: fields)
  }
}

extension MirrorObject {
  /// A mirror that an audit looks at.
  init(audited mirror: TrafficMirror) {
    let draft = MirrorDraft([], spelling: .snakeCase, location: SourceLocation(file: mirror.origin))
    self.init(draft: draft, mirror: mirror, warnings: [])
  }
}

// MARK: - Findings

extension PolicyContext {
  fileprivate func raise(_ call: HostCall) throws(HostFailure) {
    let auditing = try runningAudit("finding")
    guard auditing.raised.count < AuditContext.Limit.findings else {
      throw HostFailure("one call may raise at most \(AuditContext.Limit.findings) findings")
    }
    let table = call.table(0) ?? LuaTable()
    try table.allow(FindingKey.all.map(\.name), argument: 1)
    let fields = MakerFields(table: table)
    guard let message = try fields.line("message"), !message.isEmpty else {
      throw HostFailure(argument: 1, "message: a finding says what was found")
    }
    var finding = RaisedFinding(message: message, key: try fields.line("key") ?? message)
    finding.severity = try fields.parsed("severity", AuditKey.severities) { FindingSeverity(rawValue: $0) }
    finding.subject = try subject(table["subject"])
    finding.evidence = try lines(table["evidence"], "evidence", limit: AuditContext.Limit.lines)
    finding.details = try details(table["details"])
    let hasPacket = try hasPackets(table["packet"], "packet")
    finding.hasPackets = try hasPackets(table["conversation"], "conversation") && hasPacket
    call.charge(64 + message.utf8.count / 8)
    auditing.raised.append(finding)
  }

  /// `packet = packet` says what holds anyway: the packet that is looked at belongs to the finding. `false` leaves it out.
  private func hasPackets(_ value: LuaValue, _ key: String) throws(HostFailure) -> Bool {
    switch value {
    case .nil, .boolean(true), .record: return true
    case .boolean(false): return false
    default: throw HostFailure(argument: 1, "\(key): the \(key) of the function, or false, expected")
    }
  }

  private func subject(_ value: LuaValue) throws(HostFailure) -> String? {
    switch value {
    case .nil: return nil
    case .string(let text): return text.cleanLine(limit: AuditContext.Limit.text)
    case .handle(let handle):
      if let name = name(of: handle) { return name }
    default: break
    }
    throw HostFailure(argument: 1, "subject: text, or an eni, subnet, vpc or mirror, expected, got \(describe(value))")
  }

  private func name(of handle: LuaHandle) -> String? {
    if handle.type == types.handle(.eni) { return inventory.enis[handle.index].id }
    if handle.type == types.handle(.subnet) { return inventory.subnets[handle.index].id }
    if handle.type == types.handle(.vpc) { return inventory.vpcs[handle.index].id }
    return handle.type == types.handle(.mirror) ? mirrors[handle.index].mirror.name : nil
  }

  private func details(_ value: LuaValue) throws(HostFailure) -> [RaisedFinding.Member] {
    guard value != .nil else { return [] }
    guard case .table(let table) = value, table.items.isEmpty, table.sparse.isEmpty else {
      throw HostFailure(argument: 1, "details: a table of names and values expected")
    }
    guard table.fields.count <= AuditContext.Limit.details else {
      throw HostFailure(argument: 1, "details: at most \(AuditContext.Limit.details) of them")
    }
    var members: [RaisedFinding.Member] = []
    for field in table.fields {
      members.append(.init(field.key.cleanLine(limit: 64), try detail(field.value, field.key)))
    }
    return members
  }

  private func detail(_ value: LuaValue, _ name: String) throws(HostFailure) -> RaisedFinding.Detail {
    switch value {
    case .string(let text): return .text(text.cleanLine(limit: AuditContext.Limit.text))
    case .bytes(let bytes):
      return .text(String(decoding: bytes, as: UTF8.self).cleanLine(limit: AuditContext.Limit.text))
    case .integer(let number): return .integer(number)
    case .number(let number): return .number(number)
    case .boolean(let flag): return .flag(flag)
    default:
      let shown = ValueSetBuilder.shown(Array(name.utf8))
      throw HostFailure(argument: 1, "details: \(shown) is no text, number or boolean, but \(describe(value))")
    }
  }

  func lines(_ value: LuaValue, _ key: String, limit: Int) throws(HostFailure) -> [String] {
    guard value != .nil else { return [] }
    guard case .table(let table) = value, table.fields.isEmpty, table.sparse.isEmpty, table.items.count <= limit else {
      throw HostFailure(argument: 1, "\(key): a list of at most \(limit) texts expected")
    }
    var lines: [String] = []
    for item in table.items {
      switch item {
      case .string(let text): lines.append(text.cleanLine(limit: AuditContext.Limit.text))
      case .bytes(let bytes):
        lines.append(String(decoding: bytes, as: UTF8.self).cleanLine(limit: AuditContext.Limit.text))
      default: throw HostFailure(argument: 1, "\(key): a text expected, got \(describe(item))")
      }
    }
    return lines
  }
}

extension MakerFields {
  /// Text of one line, nothing in it that a terminal obeys.
  func line(_ key: String) throws(HostFailure) -> String? {
    try text(key).map { $0.cleanLine(limit: AuditContext.Limit.text) }
  }
}
