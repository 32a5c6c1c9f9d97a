public import JSONText
internal import Policy

/// Findings that are let pass, for a reason and until a day: `moontap.waivers/1`.
///
///     {"format": "moontap.waivers/1", "waivers": [
///       {"id": "TLS-001", "key": "version old.example*", "reason": "goes in March", "expires": "2027-03-31"}]}
public struct AuditWaivers: Sendable {
  public static let format = "moontap.waivers/1"

  struct Waiver: Sendable {
    var id: String
    var key: KeyPattern
    var reason: String
    var expires: String?
    var expiryDay: Int64?
  }

  let list: [Waiver]

  /// - Throws: everything that is wrong, with its place in the document.
  public init(_ document: JSONValue) throws(AuditReportError) {
    guard document["format"]?.string == Self.format else {
      throw AuditReportError(message: "format: \"\(Self.format)\" expected")
    }
    guard let elements = document["waivers"]?.array else { throw AuditReportError(message: "waivers: a list expected") }
    var list: [Waiver] = []
    for (index, element) in elements.enumerated() {
      list.append(try Self.read(element, "line \(element.position.line): waivers[\(index)]"))
    }
    self.list = list
  }

  private static func read(_ element: JSONValue, _ place: String) throws(AuditReportError) -> Waiver {
    let known = ["id", "key", "reason", "expires"]
    for member in element.members ?? [] where !known.contains(member.name) && !member.name.hasPrefix("x-") {
      throw AuditReportError(
        message:
          "\(place): \(member.name.quotedForMessage) means nothing here; known are \(known.joined(separator: ", "))")
    }
    guard let id = element["id"]?.string, let key = element["key"]?.string, let reason = element["reason"]?.string,
      !reason.isEmpty
    else { throw AuditReportError(message: "\(place): id, key and reason are needed, all of them text") }
    guard let expires = element["expires"] else {
      return Waiver(id: id, key: KeyPattern(key), reason: reason)
    }
    guard let day = expires.string.flatMap({ ReportText.days($0) }) else {
      throw AuditReportError(message: "\(place).expires: a day as 2027-03-31 expected")
    }
    return Waiver(id: id, key: KeyPattern(key), reason: reason, expires: expires.string, expiryDay: day)
  }

  /// Lets findings pass.
  ///
  /// - Parameters:
  ///   - today: days since 1970. Expired waivers let nothing pass; those that would have are named in the report.
  ///   - isCancelled: asked often.
  /// - Returns: false when it was cancelled: some findings were not looked at.
  public func apply(to report: inout AuditReport, today: Int64, isCancelled: () -> Bool = { false }) -> Bool {
    let valid = Dictionary(grouping: list.filter { ($0.expiryDay ?? .max) >= today }, by: \.id)
    for audit in report.audits.indices {
      guard let waivers = valid[report.audits[audit].id] else { continue }
      for finding in report.audits[audit].findings.indices {
        let key = Array(report.audits[audit].findings[finding].key.utf8)
        for waiver in waivers {
          if isCancelled() { return false }
          guard waiver.key.matches(key) else { continue }
          report.audits[audit].findings[finding].waiver = WaivedBy(reason: waiver.reason, expires: waiver.expires)
          break
        }
      }
    }
    report.expiredWaivers += list.filter { ($0.expiryDay ?? .max) < today }.map {
      "\($0.id) \($0.key.text) expired on \($0.expires ?? ""): \($0.reason)"
    }
    return true
  }
}

/// A day of the calendar.
public struct AuditDay: Sendable {
  /// Days since 1970.
  public var number: Int64

  /// - Returns: nil unless the text is a day as `2027-03-31`.
  public init?(_ text: String) {
    guard let days = ReportText.days(text) else { return nil }
    number = days
  }
}

extension AuditReport {
  /// Takes out what an earlier report knew already: findings by audit and key. Audits that failed stay.
  public mutating func subtract(_ baseline: AuditReport) {
    let known = Set(baseline.audits.flatMap { audit in audit.findings.map { audit.id + "\n" + $0.key } })
    for index in audits.indices {
      let id = audits[index].id
      audits[index].findings.removeAll { known.contains(id + "\n" + $0.key) }
    }
  }
}
