package import LuaRuntime
package import Mirroring
internal import Wire

/// A session's scripts as a pipeline of their own asks them, beside everything else: what they count, how often they fail
/// and what they keep for conversations is the trial's, and gone with it. The session's timers do not run.
///
/// The script that wants the trial waits: `during` is for use inside of `HostCall.aside`.
package final class MirrorTrial: ScriptHost {
  private let policy: Policy
  private var entries: [Policy.PlanEntry]
  private var breakers: [Breaker]
  private var failureLog = FailureLog()
  private var metrics: [MetricObject]
  private var clock: Int64 = 0
  private var conversations: Set<UInt32> = []
  /// How long scripts took since the last look, if somebody looks.
  private var taken: Duration?

  /// - Parameter mirrors: which entries of the pipeline's plan are mirrors of the session, by number.
  package init(_ policy: Policy, mirrors: [(entry: Int, mirror: Int)]) {
    self.policy = policy
    let count = (mirrors.map(\.entry).max() ?? -1) + 1
    entries = Array(repeating: Policy.PlanEntry(), count: count)
    breakers = Array(repeating: Breaker(), count: count)
    metrics = policy.context.metrics
    for (entry, mirror) in mirrors { entries[entry].mirror = mirror }
  }

  /// The scripts judge for the trial, and may declare nothing.
  package func during<Success>(_ body: () throws -> Success) rethrows -> Success {
    trade()
    policy.context.isLoading = false
    defer {
      policy.context.isLoading = true
      trade()
    }
    return try body()
  }

  /// Lets go of what the scripts kept, and says what the log held back. While the script's call waits, as `during`.
  package func finish() {
    for id in conversations { policy.state.dropTable(id) }
    conversations.removeAll()
    for entry in entries { if let receivers = entry.receivers { policy.state.release(receivers) } }
    for index in entries.indices { entries[index].receivers = nil }
    during { policy.finishLog() }
  }

  private func trade() {
    swap(&policy.entries, &entries)
    swap(&policy.breakers, &breakers)
    swap(&policy.failureLog, &failureLog)
    swap(&policy.context.metrics, &metrics)
    swap(&policy.context.clock, &clock)
  }

  // MARK: What scripts do

  /// What scripts were asked since the last look: the fields that they read, sorted, as `tcp.syn`, and how long they took;
  /// nil: none was asked. Needs `LuaState.noteReads`; begins with the first look.
  package func look() -> (reads: [String], taken: Duration)? {
    let names = policy.state.takeReads().map { $0.record == "packet" ? $0.field : "\($0.record).\($0.field)" }
    // `tcp` was read on the way to `tcp.syn`.
    let reads = names.filter { name in !names.contains { $0.hasPrefix(name + ".") } }.sorted()
    defer { taken = .zero }
    guard let taken, taken > .zero else { return nil }
    return (reads, taken)
  }

  private func timed<Success>(_ body: () -> Success) -> Success {
    guard let before = taken else { return body() }
    let start = ContinuousClock.now
    defer { taken = before + (ContinuousClock.now - start) }
    return body()
  }

  // MARK: ScriptHost

  package func judge(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>) -> ScriptAnswer {
    unsafe conversations.insert(packet.pointee.flow.id)
    return timed { unsafe policy.judge(function: function, mirror: mirror, packet: packet) }
  }

  package func choose(function: Int, mirror: Int, packet: UnsafePointer<ObservedPacket>) -> ScriptChoice {
    unsafe conversations.insert(packet.pointee.flow.id)
    return timed { unsafe policy.choose(function: function, mirror: mirror, packet: packet) }
  }

  package var nextTimer: Int64 { .max }
  package func start(at time: Int64) { policy.context.clock = time }
  package func runTimers(at time: Int64) {}
  package func conversationEnded(_ id: UInt32) {
    conversations.remove(id)
    policy.conversationEnded(id)
  }
}

extension PolicyContext {
  /// Numbers of the mirrors that were declared and not deleted.
  package var standingMirrors: [Int] { standing }

  /// What a script holds of the mirror in an argument; of those declared here it is their number.
  package func mirrorNumber(_ call: HostCall, _ position: Int = 0) -> Int? {
    call.handle(position, of: types.handle(.mirror))
  }

  /// The packet in an argument as a frame of its own: one that the script made, or one of a capture.
  package func frame(_ call: HostCall, _ position: Int) throws(HostFailure) -> MadeFrame {
    guard let base = unsafe call.record(position, of: types.record(.packet)) else {
      throw HostFailure(argument: position, "a packet expected")
    }
    if let made = madePackets.first(where: { unsafe UnsafeRawPointer($0.record) == base }) { return made.frame }
    let packet = unsafe PacketRecord.at(base).pointee.observed.pointee
    guard let linkType = packet.decoder.linkType else {
      throw HostFailure(argument: position, "no decoder for the packet's link type")
    }
    let bytes = unsafe Array(UnsafeRawBufferPointer(start: packet.bytes, count: packet.captured))
    var frame = MadeFrame(bytes, original: packet.original, linkType: linkType, time: packet.time)
    frame.eni = packet.eni
    return frame
  }
}

extension PacketExplanation {
  /// As `mirror:explain` gives it.
  package func push(to call: HostCall) { call.push(.table(table)) }
}
