import Foundation
import Testing

/// Each audit of examples/audits has tests of its own (`moontap test examples/audits`, run by MoontapTests), which show it
/// something that it is for, and something that is in order.
@Suite struct AuditExampleTests {
  private static let folder = repository.appending(path: "examples/audits")

  @Test func eachAuditIsTestedWithWhatIsWrongAndWithWhatIsNot() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter { $0.hasSuffix(".lua") }
    let tests = try names.filter { $0.hasSuffix("_test.lua") }.map { name in
      try String(contentsOf: Self.folder.appending(path: name), encoding: .utf8)
    }
    let audits = names.filter { !$0.hasSuffix("_test.lua") }
    #expect(audits.count == 13)
    for audit in audits {
      let own = tests.filter { $0.hasPrefix("-- audit: \(audit)\n") }
      #expect(own.contains { $0.contains("-bad.") }, "\(audit)")
      #expect(
        own.contains { $0.contains("-good.") && $0.contains("equals {}") || $0.contains("equals({})") }, "\(audit)")
    }
  }
}
