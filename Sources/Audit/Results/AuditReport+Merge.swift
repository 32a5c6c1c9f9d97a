extension AuditReport {
  /// Puts reports of runs over parts of an archive together: what one run over all of it would have said.
  ///
  /// Audits that look at all captures together cannot be merged from parts: they become errors, unless one part alone
  /// has captures.
  ///
  /// - Throws: when a capture is in several of them.
  public static func merging(_ reports: [AuditReport]) throws(AuditReportError) -> AuditReport {
    var merged = AuditReport()
    let names = reports.flatMap { $0.captures.map(\.name) }
    if let twice = Dictionary(grouping: names, by: { $0 }).filter({ $0.value.count > 1 }).keys.min() {
      throw AuditReportError(message: "the capture \(twice) is in several of the reports")
    }
    let withCaptures = reports.filter { !$0.captures.isEmpty }.count
    var expired: Set<String> = []
    var order: [String] = []
    var parts: [String: [AuditResult]] = [:]
    for report in reports.sorted(by: { $0.firstCapture < $1.firstCapture }) {
      merged.captures += report.captures
      merged.expiredWaivers += report.expiredWaivers.filter { expired.insert($0).inserted }
      for audit in report.audits {
        let name = name(of: audit)
        if parts[name] == nil { order.append(name) }
        parts[name, default: []].append(audit)
      }
    }
    merged.audits = order.map { name in
      var audit = merge(parts[name]!, severalCaptures: withCaptures > 1)
      audit.failures += missing(name, in: reports)
      return audit
    }
    merged.sort()
    return merged
  }

  /// What makes an audit the same in several parts.
  private static func name(of audit: AuditResult) -> String { audit.id + "\n" + audit.script }

  private var firstCapture: String { captures.map(\.name).min() ?? "" }

  /// An audit that ran over the captures of one part must have run over those of all: a pass would claim more.
  private static func missing(_ name: String, in reports: [AuditReport]) -> [AuditResult.Failure] {
    let parts = reports.filter { !$0.captures.isEmpty }.map { report in
      (report, report.audits.first { Self.name(of: $0) == name })
    }
    guard let ran = parts.lazy.compactMap(\.1).first(where: { $0.skipped == nil }) else { return [] }
    return parts.filter { $0.1 == nil || $0.1?.skipped != nil }.map { report, audit in
      let reason = audit?.skipped.map { " (skipped: \($0))" } ?? ""
      return .init(
        capture: report.firstCapture, place: ran.script,
        message: "not evaluated over the captures of this part" + reason)
    }
  }

  private static func merge(_ parts: [AuditResult], severalCaptures: Bool) -> AuditResult {
    var result = parts[0]
    var findings: [String: Finding] = [:]
    // In the order of captures: what was first says how the finding reads. Those of the configuration come before.
    let all = parts.flatMap(\.findings).enumerated().sorted {
      ($0.element.capture ?? "", $0.offset) < ($1.element.capture ?? "", $1.offset)
    }
    for (_, finding) in all {
      if findings[finding.key]?.merge(finding) == nil { findings[finding.key] = finding }
    }
    result.findings = Array(findings.values)
    var known: Set<AuditResult.Failure> = []
    result.failures = parts.flatMap(\.failures).filter { known.insert($0).inserted }
    result.isTogether = parts.contains(where: \.isTogether)
    result.skipped = parts.allSatisfy { $0.skipped != nil } ? parts[0].skipped : nil
    if result.isTogether, severalCaptures, result.skipped == nil {
      result.failures.append(
        .init(place: result.script, message: "looks at all captures together: it cannot be merged from parts of them"))
    }
    return result
  }
}
