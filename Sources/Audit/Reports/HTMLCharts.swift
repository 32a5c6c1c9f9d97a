internal import Policy

/// Charts as inline SVG, with text that screen readers find.
enum HTMLCharts {
  private static let width = 480
  private static let labelWidth = 130
  private static let rowHeight = 22
  private static let rowLimit = 15

  /// When findings were seen: a row for each audit, a mark from the first to the last time of each finding.
  static func timeline(_ report: AuditReport) -> String? {
    let audits = report.audits.filter { $0.findings.contains { $0.firstTime != nil } }.prefix(rowLimit)
    let findings = audits.flatMap(\.findings)
    guard let start = findings.compactMap(\.firstTime).min(), let end = findings.compactMap(\.lastTime).max() else {
      return nil
    }
    let span = Double(max(1, end &- start))
    let room = Double(width - labelWidth - 10)
    func place(_ time: Int64) -> Double {
      Double(labelWidth) + min(1, max(0, Double(time &- start) / span)) * room
    }
    var body = ""
    for (row, audit) in audits.enumerated() {
      let y = row * rowHeight
      body += label(audit.id, y)
      for finding in audit.findings.reversed() {
        guard let first = finding.firstTime, let last = finding.lastTime else { continue }
        let x = place(first)
        let length = max(4, place(last) - x)
        body +=
          "<rect class=\"\(finding.severity.rawValue)\" x=\"\(number(x))\" y=\"\(y + 5)\" width=\"\(number(length))\" "
          + "height=\"12\" rx=\"2\"><title>\(Markup.escaped(finding.message))</title></rect>\n"
      }
    }
    let y = audits.count * rowHeight + 14
    // Where seconds do not tell the ends apart, their milliseconds are shown.
    let isShort = ReportText.shortTime(start) == ReportText.shortTime(end)
    func tick(_ time: Int64) -> String { isShort ? ReportText.milliseconds(time) : ReportText.shortTime(time) }
    body += "<text x=\"\(labelWidth)\" y=\"\(y)\" class=\"axis\">\(tick(start))</text>\n"
    body += "<text x=\"\(width)\" y=\"\(y)\" class=\"axis\" text-anchor=\"end\">\(tick(end))</text>\n"
    return figure("When", "Findings over time", body, height: y + 6)
  }

  /// Who sent most, over all captures.
  static func talkers(_ report: AuditReport) -> String? {
    var sums: [String: UInt64] = [:]
    for capture in report.captures {
      for talker in capture.talkers { sums[talker.address, default: 0] &+= talker.bytes }
    }
    let most = sums.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(10)
    guard let top = most.first?.value, top > 0 else { return nil }
    let room = Double(width - labelWidth - 90)
    var body = ""
    for (row, talker) in most.enumerated() {
      let y = row * rowHeight
      let length = max(2, Double(talker.value) / Double(top) * room)
      body += label(talker.key, y)
      body +=
        "<rect class=\"talker\" x=\"\(labelWidth)\" y=\"\(y + 5)\" width=\"\(number(length))\" height=\"12\" rx=\"2\"/>\n"
      body +=
        "<text x=\"\(number(Double(labelWidth) + length + 6))\" y=\"\(y + 15)\" class=\"axis\">"
        + "\(ReportText.count(talker.value)) B</text>\n"
    }
    return figure("Top talkers", "Bytes sent by address", body, height: most.count * rowHeight + 6)
  }

  private static func label(_ text: String, _ y: Int) -> String {
    let short =
      text.unicodeScalars.count > 20 ? String(String.UnicodeScalarView(text.unicodeScalars.prefix(19))) + "…" : text
    return "<text x=\"\(labelWidth - 8)\" y=\"\(y + 15)\" text-anchor=\"end\">\(Markup.escaped(short))</text>\n"
  }

  private static func figure(_ title: String, _ description: String, _ body: String, height: Int) -> String {
    """
    <figure><figcaption>\(title)</figcaption>
    <svg viewBox="0 0 \(width) \(height)" role="img" aria-label="\(description)">
    \(body)</svg></figure>
    """
  }

  /// One digit behind the point.
  private static func number(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }
}
