public import JSONText
internal import Policy

/// Why a report cannot be used.
public struct AuditReportError: Error, Sendable {
  public var message: String
}

// Reports of earlier runs: to be merged, or compared with.
extension AuditReport {
  /// Reads what `json` wrote.
  public init(_ document: JSONValue) throws(AuditReportError) {
    let root = ReportField(document, "")
    guard try root.text("format") == Self.format, try root.number("schemaVersion") == Self.schemaVersion else {
      throw AuditReportError(message: "is no report of format \(Self.format), version \(Self.schemaVersion)")
    }
    for field in try root.list("captures") { captures.append(try CaptureResult(field)) }
    for field in try root.list("audits") { audits.append(try AuditResult(field)) }
    for field in try root.optionalList("expiredWaivers") { expiredWaivers.append(try field.string()) }
  }
}

/// A value of a report with the way to it.
private struct ReportField {
  let value: JSONValue
  let path: String

  init(_ value: JSONValue, _ path: String) {
    self.value = value
    self.path = path
  }

  private func wrong(_ name: String, _ wanted: String) -> AuditReportError {
    AuditReportError(message: "\(path.isEmpty ? name : path + "." + name): \(wanted) expected")
  }

  func has(_ name: String) -> Bool { value[name] != nil }

  func string() throws(AuditReportError) -> String {
    guard let text = value.string else { throw AuditReportError(message: "\(path): a string expected") }
    return text
  }

  func text(_ name: String) throws(AuditReportError) -> String {
    guard let text = value[name]?.string else { throw wrong(name, "a string") }
    return text
  }

  func optionalText(_ name: String) throws(AuditReportError) -> String? { has(name) ? try text(name) : nil }

  func number(_ name: String) throws(AuditReportError) -> Int {
    guard let number = value[name]?.integer, number >= 0 else { throw wrong(name, "a whole number from 0") }
    return number
  }

  func flag(_ name: String) throws(AuditReportError) -> Bool {
    guard let flag = value[name]?.bool else { throw wrong(name, "true or false") }
    return flag
  }

  func time(_ name: String) throws(AuditReportError) -> Int64? {
    guard let text = try optionalText(name) else { return nil }
    guard let time = ReportText.nanoseconds(text) else { throw wrong(name, "a time as 2026-11-23T16:33:12.000000001Z") }
    return time
  }

  func severity(_ name: String) throws(AuditReportError) -> FindingSeverity {
    guard let severity = FindingSeverity(rawValue: try text(name)) else { throw wrong(name, "a severity") }
    return severity
  }

  func field(_ name: String) throws(AuditReportError) -> ReportField {
    guard let member = value[name] else { throw wrong(name, "an object") }
    return ReportField(member, path.isEmpty ? name : path + "." + name)
  }

  func list(_ name: String) throws(AuditReportError) -> [ReportField] {
    guard let elements = value[name]?.array else { throw wrong(name, "a list") }
    let here = path.isEmpty ? name : path + "." + name
    return elements.enumerated().map { ReportField($0.element, "\(here)[\($0.offset)]") }
  }

  func optionalList(_ name: String) throws(AuditReportError) -> [ReportField] { has(name) ? try list(name) : [] }

  func texts(_ name: String) throws(AuditReportError) -> [String] {
    var texts: [String] = []
    for field in try list(name) { texts.append(try field.string()) }
    return texts
  }
}

extension CaptureResult {
  fileprivate init(_ field: ReportField) throws(AuditReportError) {
    self.init(name: try field.text("name"))
    packets = UInt64(try field.number("packets"))
    bytes = UInt64(try field.number("bytes"))
    undecodable = UInt64(try field.number("undecodable"))
    conversations = UInt64(try field.number("conversations"))
    firstTime = try field.time("firstTime")
    lastTime = try field.time("lastTime")
    problem = try field.optionalText("problem")
    for talker in try field.list("talkers") {
      talkers.append(
        Talker(
          address: try talker.text("address"), packets: UInt64(try talker.number("packets")),
          bytes: UInt64(try talker.number("bytes"))))
    }
  }
}

extension AuditResult {
  fileprivate init(_ field: ReportField) throws(AuditReportError) {
    self.init(id: try field.text("id"), script: try field.text("script"))
    // Evidence is named after it.
    guard (1...255).contains(id.utf8.count), id.utf8.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "/") }) else {
      throw AuditReportError(message: "\(field.path).id: no name of an audit")
    }
    title = try field.text("title")
    severity = try field.severity("severity")
    line = try field.number("line")
    tags = try field.texts("tags")
    references = try field.texts("references")
    remediation = try field.text("remediation")
    isTogether = try field.flag("together")
    skipped = try field.optionalText("skipped")
    for failure in try field.list("errors") {
      failures.append(
        Failure(
          capture: try failure.optionalText("capture"), place: try failure.text("place"),
          message: try failure.text("message")))
    }
    for finding in try field.list("findings") { findings.append(try Finding(finding)) }
    // A result that claims more than its parts say is not believed.
    guard try field.text("result") == state.rawValue else {
      throw AuditReportError(message: "\(field.path).result: does not follow from errors and findings")
    }
  }
}

extension Finding {
  fileprivate init(_ field: ReportField) throws(AuditReportError) {
    self.init(
      key: try field.text("key"), message: try field.text("message"), severity: try field.severity("severity"),
      subject: try field.optionalText("subject"), count: try field.number("count"),
      capture: try field.optionalText("capture"), firstTime: try field.time("firstTime"),
      lastTime: try field.time("lastTime"),
      evidence: try field.texts("evidence"))
    for member in try field.field("details").value.members ?? [] {
      details.append(.init(member.name, try Self.detail(member.value, field.path)))
    }
    for packet in try field.list("packets") { packets.append(try EvidencePacket(packet)) }
    guard field.has("waived") else { return }
    let waived = try field.field("waived")
    waiver = WaivedBy(reason: try waived.text("reason"), expires: try waived.optionalText("expires"))
  }

  private static func detail(_ value: JSONValue, _ path: String) throws(AuditReportError) -> RaisedFinding.Detail {
    switch value.content {
    case .string(let text): return .text(text)
    case .bool(let flag): return .flag(flag)
    case .number(let number):
      if let whole = number.integer, !number.text.contains(".") { return .integer(Int64(whole)) }
      return .number(Double(number.text) ?? 0)
    case .null: return .number(.nan)
    case .array, .object: throw AuditReportError(message: "\(path).details: texts, numbers and booleans expected")
    }
  }
}

extension EvidencePacket {
  fileprivate init(_ field: ReportField) throws(AuditReportError) {
    self.init(
      capture: try field.text("capture"), frame: try field.number("frame"), time: try field.time("time") ?? 0,
      length: try field.number("length"), text: try field.text("text"))
    guard let bytes = ReportText.bytes(hex: try field.text("hex")),
      let link = UInt16(exactly: try field.number("linkType"))
    else { throw AuditReportError(message: "\(field.path): hexadecimal digits and a link type expected") }
    self.bytes = bytes
    linkType = link
  }
}
