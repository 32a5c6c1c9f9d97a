public import JSONText
internal import Policy

extension AuditReport {
  /// SARIF 2.1.0 (OASIS): audits are rules, findings results; what was not evaluated is a notification, and the
  /// invocation did not succeed.
  public func sarif(version: String) -> JSONValue {
    // Ids of rules differ (3.49.3): two scripts of one id, which are errors, are one rule.
    var places: [String: Int] = [:]
    let ruling = audits.filter { audit in
      guard places[audit.id] == nil else { return false }
      places[audit.id] = places.count
      return true
    }
    let results = findings.map { audit, finding in finding.sarif(audit, rule: places[audit.id] ?? -1) }
    let run: JSONValue = [
      "tool": [
        "driver": [
          "name": "moontap", "version": .string(version), "semanticVersion": .string(version),
          "rules": .array(ruling.map(\.sarifRule)),
        ]
      ],
      "invocations": [
        [
          "executionSuccessful": .bool(!isIncomplete),
          "toolExecutionNotifications": .array(notifications),
        ]
      ],
      "columnKind": "unicodeCodePoints", "results": .array(results),
    ]
    return [
      "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run],
    ]
  }

  private var notifications: [JSONValue] {
    let failed = audits.flatMap { audit in
      audit.failures.map { failure -> JSONValue in
        [
          "level": "error", "message": ["text": .string("\(failure.place): \(failure.message)")],
          "associatedRule": ["id": .string(audit.id)],
        ]
      }
    }
    let skipped = audits.compactMap { audit in
      audit.skipped.map { why -> JSONValue in
        ["level": "note", "message": ["text": .string("skipped: \(why)")], "associatedRule": ["id": .string(audit.id)]]
      }
    }
    return failed + skipped
      + captures.compactMap { capture in
        capture.problem.map { ["level": "error", "message": ["text": .string($0)]] }
      }
  }
}

extension AuditResult {
  fileprivate var sarifRule: JSONValue {
    var members = [
      JSONMember("id", .string(id)), JSONMember("name", .string(title.isEmpty ? id : title)),
      JSONMember("shortDescription", ["text": .string(title.isEmpty ? id : title)]),
      JSONMember("defaultConfiguration", ["level": .string(severity.sarifLevel)]),
    ]
    if !remediation.isEmpty { members.append(JSONMember("help", ["text": .string(remediation)])) }
    members.append(
      JSONMember(
        "properties",
        [
          "tags": .array(Set(tags + ["security"]).sorted().map { .string($0) }),
          "references": .array(references.map { .string($0) }), "security-severity": .string(severity.score),
        ]))
    return .object(members)
  }
}

extension FindingSeverity {
  fileprivate var sarifLevel: String {
    switch self {
    case .info: "note"
    case .low, .medium: "warning"
    case .high, .critical: "error"
    }
  }

  /// On the scale of ten that code hosts sort by.
  fileprivate var score: String {
    switch self {
    case .info: "0.0"
    case .low: "3.0"
    case .medium: "5.5"
    case .high: "8.0"
    case .critical: "9.5"
    }
  }
}

extension Finding {
  fileprivate func sarif(_ audit: AuditResult, rule: Int) -> JSONValue {
    var members = [
      JSONMember("ruleId", .string(audit.id)), JSONMember("ruleIndex", .integer(rule)),
      JSONMember("level", .string(severity.sarifLevel)), JSONMember("message", ["text": .string(message)]),
      JSONMember("locations", [location(audit)]),
      JSONMember("partialFingerprints", ["moontapFinding/v1": .string("\(audit.id) \(key)")]),
      JSONMember("occurrenceCount", .integer(max(1, count))), JSONMember("properties", properties),
    ]
    if let waiver {
      members.append(
        JSONMember(
          "suppressions", [["kind": "external", "status": "accepted", "justification": .string(waiver.reason)]]))
    }
    return .object(members)
  }

  /// The capture where it was found, else the script that found it.
  private func location(_ audit: AuditResult) -> JSONValue {
    let uri = packets.first?.capture ?? capture ?? audit.script
    var members = [
      JSONMember("physicalLocation", ["artifactLocation": ["uri": .string(Self.uri(uri))]])
    ]
    if let subject {
      members.append(JSONMember("logicalLocations", [["name": .string(subject), "kind": "resource"]]))
    }
    return .object(members)
  }

  /// A path as a relative reference (RFC 3986): what is no letter, digit or mark of paths is written by its number.
  private static func uri(_ path: String) -> String {
    path.utf8.map { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e, 0x2f: String(UnicodeScalar(byte))
      default: "%" + ReportText.hex([byte]).uppercased()
      }
    }.joined()
  }

  private var properties: JSONValue {
    var members = [JSONMember("severity", .string(severity.rawValue))]
    if let firstTime { members.append(JSONMember("firstTime", .string(ReportText.time(firstTime)))) }
    if let lastTime { members.append(JSONMember("lastTime", .string(ReportText.time(lastTime)))) }
    members.append(
      JSONMember("packets", .array(packets.map { .string("\($0.capture)#\($0.frame) \($0.text)") })))
    members.append(JSONMember("details", .object(details.map { JSONMember($0.name, .string($0.value.shown)) })))
    return .object(members)
  }
}
