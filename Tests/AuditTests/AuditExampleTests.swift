import Audit
import Foundation
import Inventory
import LuaRuntime
import Mirroring
import Policy
import Testing

/// Each audit of examples/audits finds what it is for, and nothing where all is in order.
@Suite struct AuditExampleTests {
  static let folder = repository.appending(path: "examples/audits")

  /// Script, what it finds (keys), the mirrors with which it is run over its captures; nil: none.
  static let traffic: [(script: String, keys: [String], mirrors: String?)] = [
    ("arp-spoofing", ["10.20.1.11 02:00:0a:14:01:0c"], nil),
    ("balance-skew", ["https-to-ids"], "good"),
    (
      "cleartext-credentials",
      [
        "FTP 192.0.2.7", "HTTP Basic 192.0.2.7", "IMAP 192.0.2.7", "POP3 192.0.2.7", "SMTP 192.0.2.7",
        "Telnet 192.0.2.7",
      ], nil
    ),
    ("dns-exfiltration", ["10.20.1.11 tunnel.example"], nil),
    ("expired-certificate", ["192.0.2.9 old.example"], nil),
    ("lateral-movement", ["10.20.1.11 10.20.3.4 tcp 22"], nil),
    ("nat-egress", ["eni-app1 tcp 6667"], nil),
    ("port-scan", ["ports 10.20.9.5 10.20.3.4"], nil),
    ("weak-tls", ["cipher old.example 0005", "version old.example"], nil),
  ]

  /// Script, what it finds: beginnings of keys.
  static let configuration: [(script: String, keys: [String])] = [
    ("mirror-coverage", ["eni-db2", "eni-db1"]),
    ("mirror-rules", ["direction.unknown sideways"]),
    ("mirror-filters", ["filter.unsatisfiable never", "filter.one-sided db-queries"]),
    ("mirror-receivers", ["receivers.no-route far-away", "receivers.other-vpc far-away"]),
  ]

  private func setup(mirrors: String?) throws -> AuditSetup {
    let folder = Self.folder.appending(path: "configurations")
    var setup = AuditSetup()
    let inventory = try Inventory(json: Array(Data(contentsOf: folder.appending(path: "shop.json"))), file: "shop.json")
    setup.inventory = inventory
    guard let mirrors else { return setup }
    let bytes = try Array(Data(contentsOf: folder.appending(path: "mirrors-\(mirrors).json")))
    let found = MirrorValidator(inventory: inventory).validate(
      try MirrorsFile(json: bytes, file: "mirrors.json").drafts)
    setup.configuration.mirrors = found.mirrors
    setup.configuration.violations = found.violations
    setup.configuration.hasMirrors = true
    return setup
  }

  private func run(_ script: String, _ setup: AuditSetup, captures: [String] = []) -> AuditResult {
    withLuaStack {
      let loaded = AuditScript(path: Self.folder.appending(path: script + ".lua").path, setup: setup)
      let read = captures.map {
        AuditCapture(name: $0, file: Self.folder.appending(path: "captures/\($0).pcap").path)
      }
      return AuditRun(setup, scripts: [loaded], captures: read, jobs: 1).carryOut().audits[0]
    }
  }

  @Test(arguments: traffic.indices) func findsWhatItIsFor(index: Int) throws {
    let (script, keys, mirrors) = Self.traffic[index]
    let result = run(script, try setup(mirrors: mirrors), captures: ["\(script)-bad"])
    #expect(result.failures.isEmpty, "\(result.failures)")
    #expect(result.findings.map(\.key) == keys)
  }

  @Test(arguments: traffic.indices) func passesOverWhatIsInOrder(index: Int) throws {
    let (script, _, mirrors) = Self.traffic[index]
    let result = run(script, try setup(mirrors: mirrors), captures: ["\(script)-good"])
    #expect(result.state == .pass, "\(result.failures) \(result.findings.map(\.message))")
  }

  @Test(arguments: configuration.indices) func findsWhatIsWrongWithAConfiguration(index: Int) throws {
    let (script, keys) = Self.configuration[index]
    let result = run(script, try setup(mirrors: "bad"))
    #expect(result.failures.isEmpty, "\(result.failures)")
    #expect(result.findings.count == keys.count)
    for (finding, key) in zip(result.findings, keys) { #expect(finding.key.hasPrefix(key), "\(finding.key)") }
    #expect(run(script, try setup(mirrors: "good")).state == .pass)
  }

  @Test func noOtherScriptIsThere() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter { $0.hasSuffix(".lua") }
    let tested = Self.traffic.map(\.script) + Self.configuration.map(\.script)
    #expect(names.map { String($0.dropLast(4)) }.sorted() == tested.sorted())
  }

  @Test func whatIsSaidOfCredentialsHoldsNone() throws {
    let result = run("cleartext-credentials", try setup(mirrors: nil), captures: ["cleartext-credentials-bad"])
    for finding in result.findings {
      let said = "\(finding.message) \(finding.evidence) \(finding.details)"
      for secret in ["lovelace", "YWRhOmxvdmVsYWNl", "AGFkYQBsb3ZlbGFjZQ"] { #expect(!said.contains(secret)) }
    }
  }
}
