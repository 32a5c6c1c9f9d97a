// Why a packet was, or was not, collected: written down by the very functions that judge it.

public import Mirroring
public import Wire

/// Every mirror's story of one frame.
public struct Explanation: Sendable {
  public struct Step: Sendable, Hashable {
    public enum Answer: String, Sendable, Hashable { case yes, no, failed }
    /// The test in words: `quintuple protocol tcp, destination port 443`.
    public var test: String
    public var answer: Answer
    /// The answer follows from the flow and is remembered with it; false: each packet is asked.
    public var isOfFlow: Bool
    /// Of a script's answer: where it came from, in words.
    public var memory: String?
  }

  /// One side of the record, as far as it was looked at.
  public struct Observation: Sendable {
    /// Index into `SinkPlan.origins`.
    public var origin: Int
    public var isOutbound: Bool
    /// How far this side came; nil: not judged to its end, since the other side was collected.
    public var verdict: Verdict?
    /// Filter tests in the order in which they ran; empty when an earlier stage decided.
    public var steps: [Step]
    /// Of a script balancer: where its answer came from, in words.
    public var balanceMemory: String?
  }

  /// What was decided: one conclusion, or one a side with `copies: "per-eni"`.
  public struct Conclusion: Sendable, Hashable {
    public var origin: Int
    public var isOutbound: Bool
    public var verdict: Verdict
    /// Position in the mirror's receivers, if collected.
    public var receiver: Int?
  }

  /// An enabled mirror; no conclusions: the frame has no side in its VPC.
  public struct Mirror: Sendable {
    /// Position in the plan's `mirrors`.
    public var index: Int
    public var observations: [Observation]
    public var conclusions: [Conclusion]
  }

  /// The frame as it was read.
  public var summary: PacketSummary
  /// The conversation's path was known: `run` would not have walked the stages again.
  public var isRemembered: Bool
  public var isUndecodable: Bool
  public var mirrors: [Mirror]
}

/// What the judging functions write down while a frame is explained.
struct Trace {
  var isRemembered = false
  private(set) var observations: [[Explanation.Observation]]
  private(set) var conclusions: [[Explanation.Conclusion]]

  init(mirrors: Int) {
    observations = Array(repeating: [], count: mirrors)
    conclusions = Array(repeating: [], count: mirrors)
  }

  mutating func side(_ mirror: Int, _ side: Side, isOutbound: Bool) {
    observations[mirror].append(.init(origin: Int(side.origin), isOutbound: isOutbound, steps: []))
  }

  mutating func verdict(_ mirror: Int, isOutbound: Bool, _ verdict: Verdict) {
    guard let position = observations[mirror].firstIndex(where: { $0.isOutbound == isOutbound }) else { return }
    observations[mirror][position].verdict = verdict
  }

  mutating func step(
    _ mirror: Int, _ isOutbound: Bool, _ test: String, _ answer: Explanation.Step.Answer, isOfFlow: Bool = false,
    memory: String? = nil
  ) {
    guard let position = observations[mirror].firstIndex(where: { $0.isOutbound == isOutbound }) else { return }
    observations[mirror][position].steps.append(.init(test: test, answer: answer, isOfFlow: isOfFlow, memory: memory))
  }

  mutating func balance(_ mirror: Int, _ isOutbound: Bool, memory: String?) {
    guard let position = observations[mirror].firstIndex(where: { $0.isOutbound == isOutbound }) else { return }
    observations[mirror][position].balanceMemory = memory
  }

  mutating func conclude(_ mirror: Int, _ verdict: Verdict, _ receiver: Int, _ state: SideState, isOutbound: Bool) {
    let conclusion = Explanation.Conclusion(
      origin: Int(state.origin), isOutbound: isOutbound, verdict: verdict, receiver: receiver >= 0 ? receiver : nil)
    conclusions[mirror].removeAll { $0.isOutbound == isOutbound && $0.origin == Int(state.origin) }
    conclusions[mirror].append(conclusion)
  }

  /// What the class counts without asking the packet.
  mutating func settle(_ outcome: borrowing OutcomeBuilder, _ keys: [CellKey]) {
    for position in 0..<outcome.settlements.count where !outcome.settlements[position].isUnattributed {
      let key = keys[Int(outcome.settlements[position].cell)]
      conclusions[key.mirror].append(
        .init(
          origin: Int(key.origin), isOutbound: key.isOutbound, verdict: outcome.settlements[position].verdict,
          receiver: nil))
    }
  }
}

extension MirrorPlan {
  /// The tests of an enabled mirror's filter in words, in the order in which they stand; and whether every packet is asked.
  public func tests(ofEntry entry: Int) -> [(text: String, isPerPacket: Bool)] {
    var found: [Int32] = []
    var open = [entries[entry].filter]
    while let operation = open.popLast() {
      guard operation >= 0, !found.contains(operation) else { continue }
      found.append(operation)
      let test = program.operations[Int(operation)]
      open += [test.onFalse, test.onTrue]
    }
    // The last test of a filter has the smallest number.
    return found.sorted(by: >).map { operation in
      (program.descriptions[Int(operation)], program.operations[Int(operation)].kind.isPerPacket)
    }
  }

  /// A script chooses the receiver of every packet of an enabled mirror.
  public func asksBalancer(ofEntry entry: Int) -> Bool { entries[entry].balance.isPerPacket }
}

extension Pipeline {
  /// Judges the one frame of a batch as `process` does, state and counters included, and tells how.
  ///
  /// - Precondition: the batch holds exactly one frame.
  public func explain(_ batch: FrameBatch, interfaces: [CaptureInterface]) throws -> Explanation {
    precondition(batch.count == 1)
    trace = Trace(mirrors: plan.entries.count)
    try process(batch, interfaces: interfaces, sink: nil)
    let told = trace!
    trace = nil
    let frame = unsafe batch.frames[0]
    let decoder = links[Int(frame.interface)].binding.decoder
    let summary = unsafe PacketSummary.parse(frame.bytes, captured: Int(frame.captured), decoder: decoder)
    return Explanation(
      summary: summary, isRemembered: told.isRemembered, isUndecodable: decoder == .none,
      mirrors: plan.enabled.enumerated().map { entry, index in
        .init(index: index, observations: told.observations[entry], conclusions: told.conclusions[entry])
      })
  }

  /// The test in words; of rules the one that decides.
  private func describe(_ operation: Int32, _ packet: PacketSummary, isOutbound: Bool) -> String {
    let test = plan.program.operations[Int(operation)]
    guard test.kind == .rules else { return plan.program.descriptions[Int(operation)] }
    return "rules: " + plan.program.rules[Int(test.operand)].decision(packet, isOutbound: isOutbound)
  }

  /// Writes down the tests that the flow decides, in the order in which they run.
  func traceFilter(_ mirror: Int, _ packet: PacketSummary, _ side: Side, isOutbound: Bool, flowHash: UInt64) {
    var operation = plan.entries[mirror].filter
    while operation >= 0 {
      let test = plan.program.operations[Int(operation)]
      if test.kind.isPerPacket { return }
      let answer = judge.answers(test, packet, side, isOutbound: isOutbound, flowHash: flowHash)
      trace?.step(
        mirror, isOutbound, describe(operation, packet, isOutbound: isOutbound), answer ? .yes : .no, isOfFlow: true)
      operation = answer ? test.onTrue : test.onFalse
    }
  }
}
