internal import JSONText
internal import Policy

extension AuditReport {
  /// JUnit XML: a case for each audit; findings that count are a failure, what was not evaluated is an error.
  public var junit: String {
    let failed = count(.findings)
    let errors = count(.error) + captures.filter { $0.problem != nil }.count
    let tests = audits.count + captures.filter { $0.problem != nil }.count
    var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    text += "<testsuites name=\"moontap audit\" tests=\"\(tests)\" failures=\"\(failed)\" errors=\"\(errors)\">\n"
    text +=
      "  <testsuite name=\"audits\" tests=\"\(tests)\" failures=\"\(failed)\" errors=\"\(errors)\" "
      + "skipped=\"\(count(.skipped))\">\n"
    for audit in audits { text += Self.testCase(audit) }
    for capture in captures { if let problem = capture.problem { text += Self.testCase(capture.name, problem) } }
    return text + "  </testsuite>\n</testsuites>\n"
  }

  private static func testCase(_ capture: String, _ problem: String) -> String {
    "    <testcase classname=\"captures\" name=\(Markup.attribute(capture))>\n      <error message="
      + Markup.attribute(problem) + "/>\n    </testcase>\n"
  }

  private static func testCase(_ audit: AuditResult) -> String {
    let head =
      "    <testcase classname=\(Markup.attribute(audit.id)) name=\(Markup.attribute(audit.title)) "
      + "file=\(Markup.attribute(audit.script)) line=\"\(audit.line)\""
    var inside = audit.failures.prefix(1).map { failure in
      "      <error message=\(Markup.attribute(failure.message))>"
        + Markup.escaped(audit.failures.map { "\($0.place): \($0.message)" }.joined(separator: "\n")) + "</error>\n"
    }.joined()
    let counted = audit.findings.filter { $0.waiver == nil }
    if audit.state == .findings {
      let lines = counted.map { "\($0.severity.rawValue): \($0.message) (\($0.count))" }
      inside +=
        "      <failure type=\(Markup.attribute(counted[0].severity.rawValue)) "
        + "message=\(Markup.attribute(ReportText.plural(counted.count, "finding")))>"
        + Markup.escaped(lines.joined(separator: "\n")) + "</failure>\n"
    }
    if audit.state == .skipped { inside += "      <skipped message=\(Markup.attribute(audit.skipped ?? ""))/>\n" }
    return inside.isEmpty ? head + "/>\n" : head + ">\n" + inside + "    </testcase>\n"
  }
}
