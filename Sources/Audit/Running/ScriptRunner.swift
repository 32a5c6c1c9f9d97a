internal import Capture
internal import DataPath
internal import LuaRuntime
internal import Mirroring
internal import Policy
internal import Wire

/// One script at one capture. A script that failed is done with: what it found before stays, and the failure with it.
final class ScriptRunner {
  let script: AuditScript
  let filter: PacketFilter
  let wantsPackets: Bool
  let wantsConversations: Bool
  private let policy: Policy
  private let severity: FindingSeverity
  private let captures: [String]
  /// The only one.
  private let capture: String?
  private let timeout: Int64
  private let takeCoverage: (@Sendable ([String: [Int: Int]]) -> Void)?
  private var used: Int64 = 0
  private(set) var findings = FindingFolder()
  private(set) var failure: AuditFailure?

  init(
    _ script: AuditScript, _ setup: AuditSetup, _ compiler: PcapFilterCompiler, captures: [String]
  ) throws(PolicyError) {
    self.script = script
    self.captures = captures
    capture = captures.count == 1 ? captures[0] : nil
    policy = try setup.load(script.path, bpf: compiler)
    let audit = policy.audit
    filter = PacketFilter(audit?.filter ?? .any, compiler: compiler)
    severity = audit?.severity ?? .info
    wantsPackets = audit?.subjects.contains(.packets) ?? false
    wantsConversations = audit?.subjects.contains(.conversations) ?? false
    hasTimer = audit?.subjects.contains(.timer) ?? false
    timeout = setup.timeout
    takeCoverage = setup.coverage
  }

  private let hasTimer: Bool
  var isDone: Bool { failure != nil }

  /// A batch in order of time: conversations that were over before a packet, the timer, the packet.
  ///
  /// - Parameters:
  ///   - masks: beside `packets`: scripts, by bit, that are to see each.
  ///   - seen: all of them together.
  func process(_ packets: [AuditPacket], _ masks: [UInt64], seen: UInt64, _ ended: [EndedConversation], bit: UInt64) {
    guard !isDone, hasTimer || !ended.isEmpty || wantsPackets && seen & bit != 0 else { return }
    timed { limits throws(AuditFailure) in
      var next = 0
      for position in masks.indices {
        while next < ended.count, ended[next].position <= position {
          try conclude(ended[next], bit, limits)
          next += 1
        }
        if hasTimer { try runTimer(packets[position].observed.time, limits) }
        if wantsPackets, masks[position] & bit != 0 { try audit(packets[position], limits) }
      }
      for over in ended[next...] { try conclude(over, bit, limits) }
    }
  }

  func auditConfiguration() {
    timed { limits throws(AuditFailure) in
      try policy.auditConfiguration(limits: limits)
      try take(nil, nil, [])
    }
    takeCoverage?(policy.coverage)
  }

  func finish(at time: Int64?) {
    timed { limits throws(AuditFailure) in
      try policy.auditFinish(at: time, limits: limits)
      try take(time, time, [])
    }
    policy.finishLog()
    takeCoverage?(policy.coverage)
  }

  func complete(_ read: (EvidencePacket) -> EvidencePacket) { findings.complete(read) }

  /// Runs a piece of work under what is left of the script's time.
  private func timed(_ body: (LuaLimits) throws(AuditFailure) -> Void) {
    guard !isDone else { return }
    let left = timeout - used
    let start = ContinuousClock.now
    do throws(AuditFailure) {
      try body(LuaLimits(wallNanoseconds: min(LuaLimits.audit.wallNanoseconds, max(1, left))))
    } catch {
      failure = error
    }
    let (seconds, rest) = (ContinuousClock.now - start).components
    used += seconds * 1_000_000_000 + rest / 1_000_000_000
    if failure == nil, used > timeout {
      failure = AuditFailure(
        place: script.path, message: "took longer than the \(timeout / 1_000_000_000) s of --timeout")
    }
  }

  private func audit(_ packet: AuditPacket, _ limits: LuaLimits) throws(AuditFailure) {
    var observed = packet.observed
    try unsafe policy.audit(
      packet: &observed, isAttributed: packet.isAttributed, hasFlow: packet.entry != nil, limits: limits)
    if policy.hasFindings { try take(observed.time, observed.time, [packet.place]) }
  }

  private func runTimer(_ time: Int64, _ limits: LuaLimits) throws(AuditFailure) {
    try policy.auditTimer(at: time, limits: limits)
    try take(time, time, [])
  }

  private func conclude(_ over: EndedConversation, _ bit: UInt64, _ limits: LuaLimits) throws(AuditFailure) {
    defer { policy.conversationEnded(over.id) }
    guard wantsConversations, over.counts.wanted & bit != 0 else { return }
    try unsafe over.observed { observed throws(AuditFailure) in
      try unsafe policy.audit(conversation: observed, limits: limits)
    }
    try take(over.counts.firstTime, over.counts.lastTime, over.body.places)
  }

  private func take(
    _ first: Int64?, _ last: Int64?, _ places: [PacketPlace]
  ) throws(AuditFailure) {
    guard policy.hasFindings else { return }
    for raised in policy.takeFindings() {
      let packets = places.map { EvidencePacket(capture: captures[$0.capture], frame: $0.frame) }
      guard
        findings.add(Finding(raised, severity: severity, capture: capture, first: first, last: last, packets: packets))
      else {
        throw AuditFailure(
          place: script.path,
          message: "more than \(FindingFolder.limit) different findings in one capture: give them coarser keys")
      }
    }
  }
}

extension EndedConversation {
  /// Lends it as scripts see it.
  func observed(_ use: (UnsafePointer<ObservedConversation>) throws(AuditFailure) -> Void) throws(AuditFailure) {
    var failure: AuditFailure?
    unsafe body.lowPayload.withUnsafeBytes { lowBytes in
      unsafe body.highPayload.withUnsafeBytes { highBytes in
        let ports = counts.key.ports
        let low = unsafe counts.low.observed(body.lowAddress, ports.low, lowBytes)
        let high = unsafe counts.high.observed(body.highAddress, ports.high, highBytes)
        var conversation = ObservedConversation(
          client: counts.clientIsHigh ? high : low, server: counts.clientIsHigh ? low : high,
          protocol: counts.protocolNumber, hasPorts: counts.key.hasPorts,
          isEstablished: counts.low.hasSYN && counts.high.hasSYN,
          ending: counts.isReset ? .reset : counts.isClosed ? .closed : .open, firstTime: counts.firstTime,
          lastTime: counts.lastTime)
        do throws(AuditFailure) {
          try unsafe use(&conversation)
        } catch {
          failure = error
        }
      }
    }
    if let failure { throw failure }
  }
}

extension ConversationCounts.End {
  fileprivate func observed(
    _ address: IPAddress, _ port: UInt16, _ payload: UnsafeRawBufferPointer
  ) -> ObservedConversation.End {
    unsafe ObservedConversation.End(
      address: address, port: port, packets: packets, bytes: bytes, payloadBytes: payloadBytes, payload: payload)
  }
}
