public import JSONText
internal import Policy

// `moontap.audit/1`, as docs/audit-report.schema.json says.
extension AuditReport {
  public static let format = "moontap.audit/1"
  public static let schemaVersion = 1

  public var json: JSONValue {
    var members = [
      JSONMember("format", .string(Self.format)), JSONMember("schemaVersion", .integer(Self.schemaVersion)),
      JSONMember("summary", summary), JSONMember("captures", .array(captures.map(\.json))),
      JSONMember("audits", .array(audits.map(\.json))),
    ]
    if !expiredWaivers.isEmpty {
      members.append(JSONMember("expiredWaivers", .array(expiredWaivers.map { .string($0) })))
    }
    return .object(members)
  }

  private var summary: JSONValue {
    .object([
      JSONMember(
        "audits", .object(AuditResult.State.allCases.map { JSONMember($0.rawValue, .integer(count($0))) })),
      JSONMember(
        "findings",
        .object(
          FindingSeverity.allCases.reversed().map { JSONMember($0.rawValue, .integer(count($0))) }
            + [JSONMember("waived", .integer(audits.flatMap(\.findings).filter { $0.waiver != nil }.count))])),
      JSONMember("captures", .integer(captures.count)),
      JSONMember("packets", .integer(captures.reduce(0) { $0 &+ $1.packets })),
      JSONMember("bytes", .integer(captures.reduce(0) { $0 &+ $1.bytes })),
    ])
  }

  /// One line for each finding and each failure: JSON Lines.
  public var jsonLines: String {
    let found = findings.map { audit, finding -> JSONValue in
      .object(
        [
          JSONMember("type", "finding"), JSONMember("audit", .string(audit.id)),
          JSONMember("title", .string(audit.title)),
        ] + finding.members)
    }
    let states = audits.map { audit -> JSONValue in
      .object(
        [JSONMember("type", "audit"), JSONMember("audit", .string(audit.id))]
          + audit.members.filter { ["result", "skipped", "errors", "script"].contains($0.name) })
    }
    return (found + states).map { $0.text() + "\n" }.joined()
  }
}

extension CaptureResult {
  fileprivate var json: JSONValue {
    var members = [
      JSONMember("name", .string(name)), JSONMember("packets", .integer(packets)), JSONMember("bytes", .integer(bytes)),
      JSONMember("undecodable", .integer(undecodable)), JSONMember("conversations", .integer(conversations)),
    ]
    if let firstTime { members.append(JSONMember("firstTime", .string(ReportText.time(firstTime)))) }
    if let lastTime { members.append(JSONMember("lastTime", .string(ReportText.time(lastTime)))) }
    if let problem { members.append(JSONMember("problem", .string(problem))) }
    members.append(
      JSONMember(
        "talkers",
        .array(
          talkers.map {
            ["address": .string($0.address), "packets": .integer($0.packets), "bytes": .integer($0.bytes)]
          })))
    return .object(members)
  }
}

extension AuditResult {
  fileprivate var json: JSONValue { .object(members) }

  fileprivate var members: [JSONMember] {
    var members = [
      JSONMember("id", .string(id)), JSONMember("title", .string(title)),
      JSONMember("severity", .string(severity.rawValue)), JSONMember("script", .string(script)),
      JSONMember("line", .integer(line)), JSONMember("result", .string(state.rawValue)),
      JSONMember("tags", .array(tags.map { .string($0) })),
      JSONMember("references", .array(references.map { .string($0) })),
      JSONMember("remediation", .string(remediation)), JSONMember("together", .bool(isTogether)),
    ]
    if let skipped { members.append(JSONMember("skipped", .string(skipped))) }
    members.append(JSONMember("errors", .array(failures.map(\.json))))
    members.append(JSONMember("findings", .array(findings.map { .object($0.members) })))
    return members
  }
}

extension AuditResult.Failure {
  fileprivate var json: JSONValue {
    var members = [JSONMember("place", .string(place)), JSONMember("message", .string(message))]
    if let capture { members.insert(JSONMember("capture", .string(capture)), at: 0) }
    return .object(members)
  }
}

extension Finding {
  fileprivate var members: [JSONMember] {
    var members = [
      JSONMember("key", .string(key)), JSONMember("message", .string(message)),
      JSONMember("severity", .string(severity.rawValue)), JSONMember("count", .integer(count)),
    ]
    if let subject { members.append(JSONMember("subject", .string(subject))) }
    if let capture { members.append(JSONMember("capture", .string(capture))) }
    if let firstTime { members.append(JSONMember("firstTime", .string(ReportText.time(firstTime)))) }
    if let lastTime { members.append(JSONMember("lastTime", .string(ReportText.time(lastTime)))) }
    members.append(JSONMember("evidence", .array(evidence.map { .string($0) })))
    members.append(JSONMember("details", .object(details.map { JSONMember($0.name, $0.value.json) })))
    members.append(JSONMember("packets", .array(packets.map(\.json))))
    if let waiver {
      var waived = [JSONMember("reason", .string(waiver.reason))]
      if let expires = waiver.expires { waived.append(JSONMember("expires", .string(expires))) }
      members.append(JSONMember("waived", .object(waived)))
    }
    return members
  }
}

extension RaisedFinding.Detail {
  fileprivate var json: JSONValue {
    switch self {
    case .text(let text): .string(text)
    case .integer(let number): .integer(number)
    case .number(let number): .double(number)
    case .flag(let flag): .bool(flag)
    }
  }

  /// For people.
  var shown: String {
    switch self {
    case .text(let text): text
    case .integer(let number): String(number)
    case .number(let number): String(number)
    case .flag(let flag): String(flag)
    }
  }
}

extension EvidencePacket {
  fileprivate var json: JSONValue {
    [
      "capture": .string(capture), "frame": .integer(frame), "time": .string(ReportText.time(time)),
      "length": .integer(length), "linkType": .integer(linkType), "text": .string(text),
      "hex": .string(ReportText.hex(Array(bytes.prefix(Self.printedLimit)))),
    ]
  }
}
