internal import Policy

// One file that needs nothing else: no script, no font, no picture from elsewhere. Everything that captures and scripts say
// is escaped; and since the page forbids scripts (Content-Security-Policy), nothing in it could run.

/// The report as a page.
public struct HTMLReport {
  private let report: AuditReport
  /// Packets of a finding that are shown with their bytes.
  private static let shownPackets = 5

  public init(_ report: AuditReport) { self.report = report }

  public var text: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Audit report</title>
    <style>
    \(HTMLStyle.text)
    </style>
    </head>
    <body>
    <main>
    <h1>Audit report</h1>
    \(verdict)
    \(cards)
    \(charts)
    \(findings)
    \(failures)
    \(audits)
    \(captures)
    </main>
    </body>
    </html>

    """
  }

  // MARK: Summary

  private var verdict: String {
    let counted = report.audits.flatMap(\.findings).filter { $0.waiver == nil }.count
    let (word, kind) =
      report.isIncomplete
      ? ("Not everything was evaluated", "error")
      : counted > 0 ? (ReportText.plural(counted, "finding"), "bad") : ("No findings", "good")
    let packets = report.captures.reduce(0) { $0 &+ $1.packets }
    let over =
      report.captures.isEmpty
      ? "" : ", over \(ReportText.plural(report.captures.count, "capture")), \(ReportText.count(packets)) packets"
    return
      "<p class=\"verdict \(kind)\"><strong>\(word)</strong> in \(ReportText.plural(report.audits.count, "audit"))\(over)</p>"
  }

  /// Counts by severity; each is a switch that hides its findings.
  private var cards: String {
    let switches = FindingSeverity.allCases.reversed().map { severity -> String in
      let name = severity.rawValue
      return """
        <label class="card \(name)"><input type="checkbox" id="show-\(name)" checked>
        <b>\(ReportText.count(report.count(severity)))</b> <span>\(name)</span></label>
        """
    }
    let waived = report.audits.flatMap(\.findings).filter { $0.waiver != nil }.count
    let more =
      waived == 0
      ? ""
      : "<label class=\"card waived\"><input type=\"checkbox\" id=\"show-waived\"><b>\(waived)</b> <span>waived</span></label>"
    return
      "<section class=\"cards\" aria-label=\"Findings by severity; untick to hide\">\n\(switches.joined(separator: "\n"))\(more)\n</section>"
  }

  private var charts: String {
    let both = [HTMLCharts.timeline(report), HTMLCharts.talkers(report)].compactMap(\.self)
    return both.isEmpty ? "" : "<section class=\"charts\">\n\(both.joined(separator: "\n"))\n</section>"
  }

  // MARK: Findings

  private var findings: String {
    let found = report.findings
    guard !found.isEmpty else { return "" }
    return
      "<section>\n<h2>Findings</h2>\n\(found.map { Self.article($0.audit, $0.finding) }.joined(separator: "\n"))\n</section>"
  }

  private static func article(_ audit: AuditResult, _ finding: Finding) -> String {
    let severity = finding.severity.rawValue
    let waived = finding.waiver == nil ? "" : " is-waived"
    var facts = [finding.count == 1 ? "once" : "\(ReportText.count(finding.count)) times"]
    if let times = finding.times { facts.append(times) }
    if let subject = finding.subject { facts.append(Markup.escaped(subject)) }
    var inside = "<p class=\"facts\">\(facts.joined(separator: " · "))</p>\n"
    if let waiver = finding.waiver {
      inside +=
        "<p>Waived\(waiver.expires.map { " until \(Markup.escaped($0))" } ?? ""): \(Markup.escaped(waiver.reason))</p>\n"
    }
    if !finding.evidence.isEmpty {
      inside += "<ul>" + finding.evidence.map { "<li><code>\(Markup.escaped($0))</code></li>" }.joined() + "</ul>\n"
    }
    if !finding.details.isEmpty {
      inside +=
        "<dl>"
        + finding.details.map { "<dt>\(Markup.escaped($0.name))</dt><dd>\(Markup.escaped($0.value.shown))</dd>" }
        .joined()
        + "</dl>\n"
    }
    let packets = finding.packets.prefix(shownPackets).map(packet).joined(separator: "\n")
    if !packets.isEmpty { inside += "<div class=\"packets\">\n\(packets)\n</div>\n" }
    if !audit.remediation.isEmpty { inside += "<p class=\"remedy\">\(Markup.escaped(audit.remediation))</p>\n" }
    return """
      <article class="finding \(severity)\(waived)">
      <h3><span class="severity">\(severity)</span> <span class="id">\(Markup.escaped(audit.id))</span> \(Markup.escaped(finding.message))</h3>
      \(inside)</article>
      """
  }

  private static func packet(_ packet: EvidencePacket) -> String {
    let place = "\(Markup.escaped(packet.capture))#\(packet.frame)"
    guard !packet.bytes.isEmpty else { return "<p class=\"facts\">\(place)</p>" }
    return """
      <details><summary><span class="facts">\(place)</span> <code>\(Markup.escaped(packet.text))</code></summary>
      <pre>\(Markup.escaped(ReportText.dump(packet.bytes)))</pre></details>
      """
  }

  // MARK: The rest

  private var failures: String {
    var lines = report.audits.flatMap { audit in
      audit.failures.map { failure in
        let place = failure.capture.map { Markup.escaped($0) + ": " } ?? ""
        return
          "<li><span class=\"id\">\(Markup.escaped(audit.id))</span> \(place)\(Markup.escaped(failure.place)): \(Markup.escaped(failure.message))</li>"
      }
    }
    lines += report.expiredWaivers.map { "<li>Expired waiver: \(Markup.escaped($0))</li>" }
    return lines.isEmpty
      ? ""
      : "<section class=\"failures\">\n<h2>Not evaluated</h2>\n<ul>\n\(lines.joined(separator: "\n"))\n</ul>\n</section>"
  }

  private var audits: String {
    let rows = report.audits.map { audit -> String in
      let counted = audit.findings.filter { $0.waiver == nil }.count
      let state = audit.skipped.map { "skipped: \(Markup.escaped($0))" } ?? audit.state.rawValue
      let references = audit.references.map(Markup.escaped).joined(separator: ", ")
      return
        "<tr class=\"\(audit.state.rawValue)\"><td class=\"id\">\(Markup.escaped(audit.id))</td><td>\(Markup.escaped(audit.title))</td>"
        + "<td>\(state)</td><td class=\"number\">\(counted)</td><td>\(references)</td></tr>"
    }
    return Self.table("Audits", ["id", "title", "result", "findings", "references"], rows)
  }

  private var captures: String {
    guard !report.captures.isEmpty else { return "" }
    let rows = report.captures.map { capture -> String in
      let times = ReportText.span(capture.firstTime, capture.lastTime) ?? ""
      let problem = capture.problem.map(Markup.escaped) ?? ""
      return "<tr\(capture.problem == nil ? "" : " class=\"error\"")><td>\(Markup.escaped(capture.name))</td>"
        + "<td class=\"number\">\(ReportText.count(capture.packets))</td><td class=\"number\">\(ReportText.count(capture.bytes))</td>"
        + "<td>\(times)</td><td>\(problem)</td></tr>"
    }
    return Self.table("Captures", ["capture", "packets", "bytes", "time (UTC)", "problem"], rows)
  }

  private static func table(_ title: String, _ heads: [String], _ rows: [String]) -> String {
    """
    <section>
    <h2>\(title)</h2>
    <div class="wide"><table>
    <thead><tr>\(heads.map { "<th>\($0)</th>" }.joined())</tr></thead>
    <tbody>
    \(rows.joined(separator: "\n"))
    </tbody>
    </table></div>
    </section>
    """
  }
}
