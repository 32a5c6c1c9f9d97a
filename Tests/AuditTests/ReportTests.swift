import Audit
import Foundation
import FoundationXML
import JSONText
import LuaRuntime
import Policy
import Testing

/// Reports say the same in each format, and nothing that a stranger wrote becomes markup.
@Suite struct ReportTests {
  private static let hostile = #"</style><script>alert(1)</script>&lt;"' \#u{202e}]]>"#

  /// A report with findings, failures and a name server's worth of strangers' texts.
  private func report(_ text: String = hostile) throws -> AuditReport {
    var bench = try AuditBench()
    bench.setup.arguments = ["text": text]
    try bench.script(
      """
      local text = policy.args.text
      audit {
        id = "H-1", title = text, severity = "high", tags = { text }, references = { text }, remediation = text,
        conversation = function(conversation)
          finding { message = text, key = "k", subject = text, evidence = { text }, details = { [text] = text, n = 1.5, yes = true } }
          finding { message = "second", severity = "low" }
        end,
      }
      """, name: "hostile")
    try bench.script(
      #"audit { id = "H-2", title = "fails", severity = "low", packet = function() error(policy.args.text) end }"#,
      name: "fails")
    try bench.script(
      #"audit { id = "H-3", title = "skipped", severity = "low", config = function() end }"#, name: "skipped")
    try bench.script(
      #"audit { id = "H-4", title = "passes", severity = "low", packet = function() end }"#, name: "passes")
    var traffic = Traffic()
    try traffic.tcp("10.0.0.1:4000", "10.0.0.2:80", ".P", text)
    try traffic.tcp("10.0.0.2:80", "10.0.0.1:4000", ".P", "answer")
    try bench.capture(traffic, name: text.replacingOccurrences(of: "/", with: "_"), file: "hostile")
    return bench.run()
  }

  @Test func theJSONIsWhatTheSchemaSays() throws {
    let schema = "docs/audit-report.schema.json"
    #expect(try schemaErrors([try report().json, AuditReport().json], schema: schema) == [])
    let wrong: [JSONValue] = [["format": "moontap.audit/2"], .array([])]
    let errors = try schemaErrors(wrong, schema: schema)
    #expect(errors.contains("0 format const") && errors.contains { $0.hasPrefix("1 ") }, "\(errors)")
  }

  @Test func theJSONIsReadBackAsItWas() throws {
    let report = try report()
    let again = try AuditReport(JSONValue(json: Array(report.json.text(.pretty).utf8), file: "report"))
    #expect(again.json.text() == report.json.text())
    #expect(again.text() == report.text())
  }

  @Test func aReportThatClaimsAPassWithErrorsIsRefused() throws {
    let text = try report().json.text().replacingOccurrences(of: #""result":"error""#, with: #""result":"pass""#)
    #expect(throws: AuditReportError.self) {
      try AuditReport(JSONValue(json: Array(text.utf8), file: "report"))
    }
  }

  @Test func eachLineOfJSONLinesIsOne() throws {
    let lines = try report().jsonLines.split(separator: "\n")
    let values = try lines.map { try JSONValue(json: Array($0.utf8), file: "line") }
    #expect(values.map { $0["type"]?.string } == ["finding", "finding", "audit", "audit", "audit", "audit"])
    #expect(values[0]["message"]?.string == Self.hostile.cleanLine())
  }

  @Test func theJUnitIsWellFormedAndSaysWhatFailed() throws {
    let junit = try report().junit
    let parser = XMLParser(data: Data(junit.utf8))
    let counter = ElementCounter()
    parser.delegate = counter
    #expect(parser.parse(), "\(String(describing: parser.parserError))")
    #expect(counter.counts == ["testsuites": 1, "testsuite": 1, "testcase": 4, "failure": 1, "error": 1, "skipped": 1])
  }

  private final class ElementCounter: NSObject, XMLParserDelegate {
    var counts: [String: Int] = [:]

    func parser(
      _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
      attributes: [String: String]
    ) { counts[name, default: 0] += 1 }
  }

  /// What SARIF 2.1.0 demands of the objects that we write; then, what no schema says: indices and ids agree.
  @Test func theSARIFIsWhatTheStandardSays() throws {
    var report = try report()
    report.audits[0].findings[0].waiver = WaivedBy(reason: "known")
    report.audits[0].tags = ["t", "t", "security"]
    var twin = report.audits[0]
    twin.script = "another"
    report.audits.append(twin)
    for index in report.audits.indices {
      for finding in report.audits[index].findings.indices {
        report.audits[index].findings[finding].capture = "C:\\captures\\a b:c#1?.pcap"
        report.audits[index].findings[finding].packets = []
      }
    }
    let sarif = report.sarif(version: "1.2.3")
    let schema = "Tests/Fixtures/sarif-2.1.0-parts.schema.json"
    #expect(
      try schemaErrors(
        [sarif, AuditReport().sarif(version: "1.2.3"), try self.report().sarif(version: "0.1.0")], schema: schema) == []
    )
    let text = sarif.text().replacingOccurrences(of: #""kind":"external""#, with: #""kind":"elsewhere""#)
      .replacingOccurrences(of: #""level":"error""#, with: #""level":"grave""#)
      .replacingOccurrences(of: "C%3A", with: "C:")
    let errors = try schemaErrors([JSONValue(json: Array(text.utf8), file: "sarif")], schema: schema)
    for fault in ["kind enum", "level enum", "uri pattern"] { #expect(errors.contains { $0.hasSuffix(fault) }) }
    let run = try #require(sarif["runs"]?.array?.first)
    let rules = try #require(run["tool"]?["driver"]?["rules"]?.array)
    #expect(rules.map { $0["id"]?.string } == ["H-1", "H-2", "H-3", "H-4"])
    let results = try #require(run["results"]?.array)
    #expect(results.count == 4)
    for result in results {
      let index = try #require(result["ruleIndex"]?.integer)
      #expect(rules[index]["id"] == result["ruleId"])
    }
    #expect(results[0]["suppressions"]?.array?.first?["kind"]?.string == "external")
    let invocation = try #require(run["invocations"]?.array?.first)
    #expect(invocation["executionSuccessful"]?.bool == false)
  }

  @Test func nothingOfAStrangerBecomesMarkup() throws {
    let page = HTMLReport(try report()).text
    #expect(!page.contains("<script"))
    #expect(page.components(separatedBy: "</style>").count == 2)
    #expect(!page.unicodeScalars.contains("\u{202e}"))
    #expect(page.contains("&lt;/style&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;lt;&quot;&#39;"))
    // Whatever slipped through: the page itself forbids scripts and everything from elsewhere.
    #expect(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'\""))
    let allowed: Set<String> = [
      "!DOCTYPE", "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "strong", "section",
      "label", "input", "b", "span", "figure", "figcaption", "svg", "text", "rect", "article", "ul", "li", "code", "dl",
      "dt", "dd", "details", "summary", "pre", "div", "table", "thead", "tbody", "tr", "th", "td",
    ]
    let tags = page.components(separatedBy: "<").dropFirst().map {
      String($0.drop { $0 == "/" }.prefix { $0.isLetter || $0.isNumber || $0 == "!" })
    }
    #expect(Set(tags).subtracting(allowed) == [])
    #expect(!page.contains("http:") && !page.contains("https:") && !page.contains("src="))
  }

  @Test func theTextReportIsFitForATerminal() throws {
    let text = try report("\u{1b}[2J evil \u{7}").text()
    #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || !$0.isSteering })
    #expect(text.contains("\\x1b[2J evil"))
    #expect(text.contains("4 audits: 1 passed, 1 with findings, 1 not evaluated, 1 skipped"))
  }

  @Test func evidenceIsACaptureOfThePackets() throws {
    let report = try report()
    let (audit, finding) = try #require(report.findings.first)
    let bytes = try #require(EvidenceFile.bytes(of: finding, audit: audit))
    var bench = try AuditBench()
    try bench.script(
      """
      audit { id = "E", title = "e", severity = "low",
        packet = function(packet) finding { message = packet.payload:sub(1, 6), details = { time = packet.time } } end }
      """)
    try bench.capture(bytes, name: "evidence")
    let found = bench.run().audits[0]
    #expect(found.failures.isEmpty, "\(found.failures)")
    #expect(found.findings.map(\.message).sorted() == ["</styl", "answer"])
    #expect(found.findings.map(\.firstTime).contains(1_700_000_000_000_000_000))
  }

  @Test func absurdNumbersOfAReportAreNoTrap() throws {
    var report = try report()
    report.captures += [CaptureResult(name: "a"), CaptureResult(name: "b")]
    for index in report.captures.indices {
      report.captures[index].packets = .max
      report.captures[index].bytes = .max
    }
    report.audits[0].findings[0].firstTime = .max
    report.audits[0].findings[0].lastTime = .min
    report.audits[0].findings[0].count = .max
    _ = HTMLReport(report).text + report.text() + report.junit + report.jsonLines + report.sarif(version: "1").text()
    var other = report
    for index in other.captures.indices { other.captures[index].name += " of another" }
    #expect(try AuditReport.merging([report, other]).audits[0].findings.map(\.count).contains(.max))
  }

  /// One part over a capture of its own, with one audit.
  private func part(_ capture: String, _ change: (inout AuditResult) -> Void = { _ in }) -> AuditReport {
    var report = AuditReport()
    report.captures = [CaptureResult(name: capture)]
    var audit = AuditResult(id: "A-1", script: "a.lua")
    change(&audit)
    report.audits = [audit]
    return report
  }

  @Test func anAuditThatDidNotLookAtAPartDoesNotPass() throws {
    var without = part("b")
    without.audits = []
    for other in [without, part("b") { $0.skipped = "needs an inventory" }] {
      for order in [[part("a"), other], [other, part("a")]] {
        let audit = try #require(try AuditReport.merging(order).audits.first)
        #expect(audit.state == .error && audit.failures.map(\.capture) == ["b"])
      }
    }
    #expect(try AuditReport.merging([part("a"), part("b")]).audits.map(\.state) == [.pass])
    #expect(try AuditReport.merging([part("a") { $0.isTogether = true }, part("b")]).audits[0].state == .error)
    #expect(try AuditReport.merging([part("a"), part("b") { $0.isTogether = true }]).audits[0].state == .error)
  }

  @Test func aFindingThatOnePartDoesNotLetPassIsOne() throws {
    var whole = try report()
    let known = try waivers(#"{"id": "H-1", "key": "*", "reason": "known"}"#)
    #expect(known.apply(to: &whole, today: 0))
    let waived = try #require(whole.audits.flatMap(\.findings).first { $0.waiver != nil })
    func finding(_ capture: String, isWaived: Bool) -> AuditReport {
      var finding = waived
      (finding.capture, finding.firstTime) = (capture, 1)
      if !isWaived { finding.waiver = nil }
      return part(capture) { $0.findings = [finding] }
    }
    for order in [
      [finding("a", isWaived: true), finding("b", isWaived: false)],
      [finding("a", isWaived: false), finding("b", isWaived: true)],
    ] {
      #expect(try AuditReport.merging(order).audits.map(\.state) == [.findings])
    }
    #expect(
      try AuditReport.merging([finding("a", isWaived: true), finding("b", isWaived: true)]).audits.map(\.state) == [
        .pass
      ])
  }

  @Test(arguments: ["../../escaped", "a/b", "", "a\nb"])
  func anIDThatIsNoNameIsRefused(id: String) throws {
    var report = part("a")
    report.audits[0].id = id
    let text = Array(report.json.text().utf8)
    #expect(throws: AuditReportError.self) { try AuditReport(JSONValue(json: text, file: "part")) }
  }

  @Test(arguments: [
    "2023-11-14T25:13:20.000000000Z", "2023-11-14T24:00:00.000000000Z", "2023-11-14T22:60:20.000000000Z",
    "2023-11-14T22:13:60.000000000Z", "2023-11-14T+2:13:20.000000000Z", "2023-11-14T22:13:20.-00000001Z",
    "2023-02-29T22:13:20.000000000Z", "9999-11-14T22:13:20.000000000Z", "2262-04-11T23:47:16.999999999Z",
    "2023-11-14T22.13.20.000000000Z",
  ])
  func aTimeThatNoClockShowsIsRefused(time: String) throws {
    let text = try report().json.text()
    let good = #""firstTime":"2023-11-14T22:13:20.000000000Z""#
    #expect(text.contains(good))
    let wrong = Array(text.replacingOccurrences(of: good, with: #""firstTime":"\#(time)""#).utf8)
    #expect(throws: AuditReportError.self) { try AuditReport(JSONValue(json: wrong, file: "report")) }
  }

  // MARK: Waivers and baselines

  private func waivers(_ list: String) throws -> AuditWaivers {
    let text = #"{"format": "moontap.waivers/1", "waivers": [\#(list)]}"#
    return try AuditWaivers(JSONValue(json: Array(text.utf8), file: "waivers"))
  }

  @Test func waiversLetFindingsPassUntilTheyExpire() throws {
    let day = try #require(AuditDay("2026-11-26")).number
    var report = try report()
    let several = try waivers(
      #"{"id": "H-1", "key": "sec*d", "reason": "known", "expires": "2026-11-26"}, {"id": "H-2", "key": "*", "reason": "no"}"#
    )
    #expect(several.apply(to: &report, today: day))
    #expect(report.audits[0].findings.map(\.waiver?.reason) == [nil, "known"])
    #expect(report.expiredWaivers == [])
    #expect(report.count(.low) == 0)
    var later = try self.report()
    let expired = try waivers(#"{"id": "H-1", "key": "*", "reason": "known", "expires": "2026-11-25"}"#)
    #expect(expired.apply(to: &later, today: day))
    #expect(later.audits[0].findings.allSatisfy { $0.waiver == nil })
    #expect(later.expiredWaivers == ["H-1 * expired on 2026-11-25: known"])
  }

  /// Whether a waiver of the pattern lets the finding pass under a key.
  private func covers(_ pattern: String, _ key: String, _ finding: Finding) throws -> Bool {
    var finding = finding
    finding.key = key
    var report = part("a") { $0.findings = [finding] }
    let waivers = try waivers(#"{"id": "A-1", "key": "\#(pattern)", "reason": "r"}"#)
    #expect(waivers.apply(to: &report, today: 0))
    return report.audits[0].findings[0].waiver != nil
  }

  /// Compared with a regular expression, over all short patterns and keys of two letters.
  @Test func aStarIsAnyTextAndNothingElseIs() throws {
    func words(_ letters: [String], upTo length: Int) -> [String] {
      (1...length).reduce(into: [""]) { words, _ in words += words.flatMap { word in letters.map { word + $0 } } }
    }
    let patterns = Array(Set(words(["a", "b", "*"], upTo: 4))).sorted()
    let keys = Array(Set(words(["a", "b"], upTo: 5))).sorted()
    let finding = try #require(try report().audits[0].findings.first)
    for pattern in patterns {
      let regex = try Regex("^" + pattern.replacingOccurrences(of: "*", with: ".*") + "$")
      for key in keys {
        let matches = try regex.wholeMatch(in: key) != nil
        #expect(try covers(pattern, key, finding) == matches, "\(pattern) \(key)")
      }
    }
  }

  /// Chosen to be slow: a matcher that tries again from each place would need hours.
  @Test func longPatternsAreLookedUpInTheirLength() throws {
    let finding = try #require(try report().audits[0].findings.first)
    let a = String(repeating: "a", count: 200_000)
    for pattern in ["*\(a)b*\(a)b*", String(repeating: "a*", count: 100_000) + "b", "*\(a)b*"] {
      #expect(try !covers(pattern, a + a + "c", finding))
    }
    #expect(try covers("*\(a)b*", "\(a)\(a)bc", finding))
  }

  @Test func lookingUpWaiversCanBeEnded() throws {
    var report = try report()
    var asked = 0
    let waivers = try waivers(#"{"id": "H-1", "key": "no", "reason": "r"}, {"id": "H-1", "key": "*", "reason": "r"}"#)
    let isWhole = waivers.apply(to: &report, today: 0) {
      asked += 1
      return asked > 1
    }
    #expect(!isWhole)
    #expect(report.audits[0].findings.allSatisfy { $0.waiver == nil })
  }

  @Test func anErrorIsNotWaived() throws {
    var report = try report()
    let both = try waivers(
      #"{"id": "H-2", "key": "*", "reason": "known"}, {"id": "H-1", "key": "*", "reason": "known"}"#)
    #expect(both.apply(to: &report, today: 0))
    #expect(report.audits.map(\.state) == [.pass, .error, .skipped, .pass])
  }

  @Test func wrongWaiversAreRefused() {
    for (list, what) in [
      (#"{"id": "A", "key": "*"}"#, "reason"), (#"{"id": "A", "key": "*", "reason": ""}"#, "reason"),
      (#"{"id": "A", "key": "*", "reason": "x", "expires": "2026-02-30"}"#, "expires"),
      (#"{"id": "A", "key": "*", "reason": "x", "expire": "2026-02-20"}"#, "expire"),
    ] {
      #expect(throws: AuditReportError.self, "\(what)") { try waivers(list) }
    }
  }

  @Test func aBaselineTakesAwayWhatIsKnown() throws {
    let report = try report()
    var old = report
    old.audits[0].findings.removeAll { $0.key == "second" }
    var new = report
    new.subtract(old)
    #expect(new.audits[0].findings.map(\.key) == ["second"])
    #expect(new.audits[1].state == .error)
  }
}
