import Audit
import Capture
import Foundation
import Inventory
import Policy
import Synchronization

/// The audit of a test file, run as `moontap audit` runs it over whatever a test gives it.
final class TestedAudit {
  private let script: String
  private let setup: AuditSetup
  private let takeLine: (String) -> Void
  private let heard: Heard

  /// What the audit's own states say; they run on other threads.
  private final class Heard: Sendable {
    let lines = Mutex<[String]>([])
    let coverage = Mutex<[String: [Int: Int]]>([:])
  }

  /// - Parameter log: takes what the audit logs and prints.
  init(_ file: TestFile, _ setup: AuditSetup, coversLines: Bool, log: @escaping (String) -> Void) {
    script = file.policy
    let heard = Heard()
    var setup = setup
    setup.log = { line in heard.lines.withLock { $0.append(line) } }
    if coversLines {
      setup.coverage = { counted in
        heard.coverage.withLock { all in
          for (file, lines) in counted { all[file, default: [:]].merge(lines) { $0 + $1 } }
        }
      }
    }
    self.setup = setup
    self.heard = heard
    takeLine = log
  }

  /// How often each line with code began, by file.
  var coverage: [String: [Int: Int]] { heard.coverage.withLock { $0 } }

  /// - Throws: why the audit came to no result.
  func findings(_ traffic: AuditedTraffic) throws(TestRefusal) -> [TestedFinding] {
    let captures = try captures(of: traffic)
    defer { captures.forEach(AuditLoader.close) }
    var run = AuditRun(setup, scripts: [AuditScript(path: script, setup: setup)], captures: captures, jobs: 1)
    run.isCancelled = { Interrupt.isRequested }
    let result = run.carryOut().audits[0]
    let lines = heard.lines.withLock { lines in
      defer { lines = [] }
      return lines
    }
    lines.forEach(takeLine)
    if let failure = result.failures.first {
      throw TestRefusal("the audit failed: \(failure.place): \(failure.message)")
    }
    if let reason = result.skipped { throw TestRefusal("the audit is skipped: it \(reason)") }
    return result.findings.map(TestedFinding.init)
  }

  private func captures(of traffic: AuditedTraffic) throws(TestRefusal) -> [AuditCapture] {
    switch traffic {
    case .configuration: return []
    case .captures(let files):
      return files.map { AuditCapture(name: $0.name, file: UnnamedFile.path(of: $0.descriptor)) }
    case .packets(let frames):
      let bytes = MadeCapture.bytes(frames, in: setup.inventory ?? Inventory())
      guard let descriptor = UnnamedFile.make(), UnnamedFile.write(bytes, to: descriptor) else {
        throw TestRefusal("the packets cannot be written to a temporary file: \(TextFile.reason())")
      }
      return [AuditCapture(name: "packets", file: UnnamedFile.path(of: descriptor))]
    }
  }
}

extension TestedFinding {
  init(_ finding: Finding) {
    var raised = RaisedFinding(message: finding.message, key: finding.key)
    raised.subject = finding.subject
    raised.evidence = finding.evidence
    raised.details = finding.details
    self.init(raised, severity: finding.severity, count: finding.count, packets: finding.packets.count)
  }
}
