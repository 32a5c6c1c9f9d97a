internal import JSONText
internal import Policy

extension AuditReport {
  /// How the text report marks what matters; nothing when it is no terminal.
  public struct Style: Sendable {
    public var bold: @Sendable (String) -> String
    public var dim: @Sendable (String) -> String

    public init(bold: @escaping @Sendable (String) -> String, dim: @escaping @Sendable (String) -> String) {
      self.bold = bold
      self.dim = dim
    }

    public static let plain = Style(bold: { $0 }, dim: { $0 })
  }

  /// For people: findings, gravest first, then what was not evaluated, then a summary.
  public func text(_ style: Style = .plain) -> String {
    let shown = findings
    var text = shown.filter { $0.finding.waiver == nil }.map { Self.text($0.audit, $0.finding, style) }.joined()
    for audit in audits {
      // What is wrong with a capture is said once.
      for failure in audit.failures where !captures.contains(where: { $0.problem == failure.message }) {
        text += "error  \(style.bold(audit.id))  \(failure.place.cleanLine()): \(failure.message.cleanLine())\n"
      }
    }
    for capture in captures {
      if let problem = capture.problem { text += "error  \(capture.name.cleanLine()): \(problem.cleanLine())\n" }
    }
    for waiver in expiredWaivers { text += "expired waiver  \(waiver.cleanLine())\n" }
    return text + (text.isEmpty ? "" : "\n") + summaryText(style)
  }

  private static func text(_ audit: AuditResult, _ finding: Finding, _ style: Style) -> String {
    let severity = finding.severity.rawValue
    let padding = String(repeating: " ", count: max(0, 8 - severity.count))
    let subject = finding.subject.map { "  \($0.cleanLine(limit: 100))" } ?? ""
    var text = "\(severity)\(padding)  \(style.bold(audit.id))  \(finding.message.cleanLine())"
    text += style.dim(subject) + "\n"
    var facts = [finding.count == 1 ? "once" : "\(ReportText.count(finding.count)) times"]
    if let times = finding.times { facts.append(times) }
    text += style.dim("          " + facts.joined(separator: ", ")) + "\n"
    for line in finding.evidence.prefix(5) { text += "          \(line.cleanLine())\n" }
    for packet in finding.packets.prefix(2) {
      text += style.dim("          \(packet.capture.cleanLine())#\(packet.frame)  \(packet.text.cleanLine())") + "\n"
    }
    return text
  }

  private func summaryText(_ style: Style) -> String {
    let states = AuditResult.State.allCases.compactMap { state -> String? in
      let count = count(state)
      return count == 0 ? nil : "\(count) \(Self.words[state] ?? state.rawValue)"
    }
    var text = style.bold(ReportText.plural(audits.count, "audit")) + ": " + states.joined(separator: ", ") + "\n"
    let severities = FindingSeverity.allCases.reversed().compactMap { severity -> String? in
      let count = count(severity)
      return count == 0 ? nil : "\(ReportText.count(count)) \(severity.rawValue)"
    }
    let waived = audits.flatMap(\.findings).filter { $0.waiver != nil }.count
    let all = severities + (waived == 0 ? [] : ["\(ReportText.count(waived)) waived"])
    text += "findings: " + (all.isEmpty ? "none" : all.joined(separator: ", ")) + "\n"
    if !captures.isEmpty {
      let packets = captures.reduce(0) { $0 &+ $1.packets }
      text += "over \(ReportText.plural(captures.count, "capture")), \(ReportText.count(packets)) packets\n"
      let unseen = captures.reduce(0) { $0 &+ $1.undecodable }
      if unseen > 0 {
        text += "\(ReportText.count(unseen)) packets of link types without a decoder were not looked at\n"
      }
    }
    for audit in audits { if let why = audit.skipped { text += style.dim("skipped \(audit.id): \(why)") + "\n" } }
    return text
  }

  private static let words: [AuditResult.State: String] = [
    .pass: "passed", .findings: "with findings", .error: "not evaluated", .skipped: "skipped",
  ]
}

extension Finding {
  /// nil: it is not about traffic.
  var times: String? { ReportText.span(firstTime, lastTime) }
}
