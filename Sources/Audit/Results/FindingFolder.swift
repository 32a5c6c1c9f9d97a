internal import Policy

/// Folds findings by their keys, in the order in which they come.
struct FindingFolder {
  /// Different findings of one audit in one capture; with more, its keys are too fine to help anyone.
  static let limit = 10_000

  private(set) var findings: [Finding] = []
  private var positions: [String: Int] = [:]

  /// - Returns: false if there are too many different ones.
  mutating func add(_ finding: Finding) -> Bool {
    if let known = positions[finding.key] {
      findings[known].fold(finding)
      return true
    }
    guard findings.count < Self.limit else { return false }
    positions[finding.key] = findings.count
    findings.append(finding)
    return true
  }

  /// Puts frames, once they were read again, in the place of their numbers.
  mutating func complete(_ read: (EvidencePacket) -> EvidencePacket) {
    for index in findings.indices { findings[index].packets = findings[index].packets.map(read) }
  }
}

extension Finding {
  init(
    _ raised: RaisedFinding, severity: FindingSeverity, capture: String?, first: Int64?, last: Int64?,
    packets: [EvidencePacket]
  ) {
    self.init(
      key: raised.key, message: raised.message, severity: raised.severity ?? severity, subject: raised.subject,
      capture: capture, firstTime: first, lastTime: last, evidence: raised.evidence, details: raised.details,
      packets: raised.hasPackets ? Array(packets.prefix(Finding.packetLimit)) : [])
  }
}
