import Audit
import Foundation
import Inventory
import LuaRuntime
import Policy
import Testing

/// The page of the language of audits is printed from the table of entries; `MOONTAP_WRITE_DOCS=1` writes it anew.
@Suite struct AuditReferenceTests {
  @Test func thePageIsWhatTheTableSays() throws {
    let file = repository.appending(path: "docs/audit-language.md")
    if ProcessInfo.processInfo.environment["MOONTAP_WRITE_DOCS"] != nil {
      try Data(PolicyReference.auditPage.utf8).write(to: file)
    }
    let found = try String(contentsOf: file, encoding: .utf8)
    #expect(found == PolicyReference.auditPage, "run the tests with MOONTAP_WRITE_DOCS=1")
  }

  @Test func theDefinitionsDeclareTheNamesOfAudits() {
    for name in PolicyReference.auditNames {
      let last = name.split(whereSeparator: { ".:".contains($0) }).last.map(String.init) ?? name
      #expect(PolicyReference.definitions.contains(last), "\(name)")
    }
  }

  /// Each example stands where it may, in an audit over a conversation and an inventory.
  @Test func everyExampleRuns() throws {
    let inventory = try Inventory(
      json: Array(Data(contentsOf: repository.appending(path: "examples/inventories/shop.json"))),
      file: "shop.json")
    for (path, example, subject) in PolicyReference.auditExamples
    where path != "mirror:covers" && path != "mirror.has_filter" {
      var bench = try AuditBench()
      bench.setup.inventory = inventory
      let isStatement = example.hasPrefix("finding") || example.hasPrefix("for ") || subject == nil
      let line = isStatement ? example : "local _ = " + example
      let head = #"audit { id = "E", title = "an example", severity = "low", "#
      let script =
        subject.map { "local blocked = set.cidrs { '10.0.0.0/8' }\n\(head)\($0) = function(\($0)) \(line) end }" }
        ?? line
      try bench.script(script)
      var traffic = Traffic()
      try traffic.udp(
        "10.20.1.11:4000", "10.20.3.4:53", [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0x61, 0, 0, 1, 0, 1])
      try traffic.tcp("10.20.1.11:4000", "10.20.3.4:80", ".P", "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      try bench.capture(traffic)
      let result = bench.run().audits[0]
      #expect(result.failures.isEmpty, "\(path): \(result.failures)")
    }
  }
}
