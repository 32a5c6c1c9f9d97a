public import Policy

/// What one audit found, over everything that it looked at.
public struct AuditResult: Sendable, Hashable {
  /// An error is never a pass, whatever else was found.
  public enum State: String, Sendable, Hashable, CaseIterable { case pass, findings, error, skipped }

  public struct Failure: Sendable, Hashable {
    /// nil: it is not about one capture.
    public var capture: String?
    /// `audits/tls.lua:12`
    public var place: String
    public var message: String

    public init(capture: String? = nil, place: String, message: String) {
      self.capture = capture
      self.place = place
      self.message = message
    }
  }

  public var id: String
  public var title = ""
  public var severity = FindingSeverity.info
  public var tags: [String] = []
  public var references: [String] = []
  public var remediation = ""
  /// The script's path.
  public var script: String
  public var line = 0
  /// All captures are looked at as one.
  public var isTogether = false
  /// Why it was not run; nil: it was.
  public var skipped: String?
  public var failures: [Failure] = []
  /// By severity, then key.
  public var findings: [Finding] = []

  public init(id: String, script: String) {
    self.id = id
    self.script = script
  }

  public init(_ declaration: AuditDeclaration, script: String) {
    id = declaration.id
    title = declaration.title
    severity = declaration.severity
    tags = declaration.tags
    references = declaration.references
    remediation = declaration.remediation
    isTogether = declaration.isTogether
    line = declaration.line
    self.script = script
  }

  public var state: State {
    if !failures.isEmpty { return .error }
    if skipped != nil { return .skipped }
    return findings.contains { $0.waiver == nil } ? .findings : .pass
  }
}

/// One capture that was read.
public struct CaptureResult: Sendable, Hashable {
  public struct Talker: Sendable, Hashable {
    public var address: String
    public var packets: UInt64
    public var bytes: UInt64
  }

  public var name: String
  public var packets: UInt64 = 0
  public var bytes: UInt64 = 0
  /// Packets whose link type has no decoder: no audit saw them.
  public var undecodable: UInt64 = 0
  public var conversations: UInt64 = 0
  public var firstTime: Int64?
  public var lastTime: Int64?
  /// Who sent most, most first.
  public var talkers: [Talker] = []
  /// Why it was not read to its end, or not understood.
  public var problem: String?

  public static let talkerLimit = 10

  public init(name: String) { self.name = name }
}

/// Everything that came of a run.
public struct AuditReport: Sendable, Hashable {
  /// By name.
  public var captures: [CaptureResult] = []
  /// By id.
  public var audits: [AuditResult] = []
  /// Waivers that let nothing pass any more.
  public var expiredWaivers: [String] = []

  public init() {}

  public var findings: [(audit: AuditResult, finding: Finding)] {
    audits.flatMap { audit in audit.findings.map { (audit, $0) } }
      .sorted {
        ($1.finding.severity.rank, $0.audit.id, $0.finding.key) < (
          $0.finding.severity.rank, $1.audit.id, $1.finding.key
        )
      }
  }

  /// Findings that no waiver lets pass, by severity.
  public func count(_ severity: FindingSeverity) -> Int {
    audits.reduce(0) { $0 + $1.findings.filter { $0.waiver == nil && $0.severity == severity }.count }
  }

  public func count(_ state: AuditResult.State) -> Int { audits.filter { $0.state == state }.count }

  /// Something was not evaluated.
  public var isIncomplete: Bool {
    audits.contains { $0.state == .error } || captures.contains { $0.problem != nil }
  }

  /// A finding that counts, at least as grave.
  public func hasFinding(from severity: FindingSeverity) -> Bool {
    audits.contains { audit in audit.findings.contains { $0.waiver == nil && $0.severity >= severity } }
  }

  /// In the order in which reports list everything, whatever the order in which it came.
  mutating func sort() {
    captures.sort { $0.name < $1.name }
    audits.sort { ($0.id, $0.script) < ($1.id, $1.script) }
    for index in audits.indices {
      audits[index].findings.sort { ($1.severity.rank, $0.key) < ($0.severity.rank, $1.key) }
      audits[index].failures.sort {
        ($0.capture ?? "", $0.place, $0.message) < ($1.capture ?? "", $1.place, $1.message)
      }
    }
  }
}
