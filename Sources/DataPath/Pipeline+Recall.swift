// Answers of scripts that are part of a class: what a host remembers for a whole path need not be asked for each packet.
//
// Invariants
// 1. An answer is recalled where the class is made only if its host says that it is the same for every packet of the path,
//    and classes are made anew when a host's generation has changed, before the next record is judged.
// 2. A script is asked for the first time at the place where it would be without a memory: nothing is asked ahead, so that
//    counts, `first` filters and failures keep their order. The path is then forgotten, and the next packet makes its class.
// 3. The second side of a record is recalled only if the first is decided: otherwise whether the second is asked at all, and
//    whether before a failure or after it, is known packet by packet.
// 4. Recalled answers are credited as calls before a failure of their host is counted.
// 5. A recalled answer is asked again now and then, `verifyEvery` packets apart; that counts nothing.

internal import Mirroring
internal import Wire

extension Pipeline {
  static let verifiedEvery = 4096

  func beginRecalling() {
    generations = scripts.map(\.generation)
    for script in scripts { script.beforeFailure = { [weak self] in self?.creditScripts() } }
  }

  /// Invariant 4.
  func creditScripts() {
    guard classes.reliesOnScripts else { return }
    let scripts = scripts
    classes.credit { answer, count in
      scripts[Int(answer.host)].credit(function: Int(answer.function), mirror: Int(answer.mirror), count: count)
    }
  }

  // MARK: While a class is made

  /// Goes on with a filter's program through answers that are remembered.
  func filterByMemory(
    _ mirror: Int, _ start: Int32, _ packet: PacketSummary, _ side: Side, cell: Int, isOutbound: Bool, flowHash: UInt64
  ) -> Int32 {
    var operation = start
    while operation >= 0 {
      let test = plan.program.operations[Int(operation)]
      guard test.kind == .script, recalls, let subject = classified else { return operation }
      let function = plan.program.scripts[Int(test.operand)]
      var seen = observed(subject, mirror, .pending(at: operation, cell: cell, side), isOutbound: isOutbound)
      if isVerifying {
        unsafe scripts[function.host].verify(function: function.function, mirror: mirror, packet: &seen)
      }
      let known = unsafe scripts[function.host].recall(function: function.function, mirror: mirror, packet: &seen)
      guard let known, known != .failed else { return operation }
      outcome.rely(
        on: RecalledAnswer(mirror: Int32(mirror), host: Int32(function.host), function: Int32(function.function)))
      trace?.step(
        mirror, isOutbound, plan.program.descriptions[Int(operation)], known == .yes ? .yes : .no, isOfFlow: true)
      operation = judge.filterByFlow(
        known == .yes ? test.onTrue : test.onFalse, packet, side, isOutbound: isOutbound, flowHash: flowHash)
    }
    return operation
  }

  /// What a script balancer is known to choose: collected by that receiver, or by none; nil: it must be asked.
  func chosenByMemory(_ mirror: Int, _ pending: SideState, isOutbound: Bool) -> SideState? {
    guard case .script(let host, let function) = plan.entries[mirror].balance, recalls, let subject = classified else {
      return nil
    }
    var seen = observed(subject, mirror, pending, isOutbound: isOutbound)
    if isVerifying { unsafe scripts[Int(host)].verify(function: Int(function), mirror: mirror, packet: &seen) }
    var decided = pending
    decided.isPending = false
    decided.operation = 0
    switch unsafe scripts[Int(host)].recallChoice(function: Int(function), mirror: mirror, packet: &seen) {
    case .receiver(let receiver) where receiver >= 0 && receiver < plan.entries[mirror].receiverCount:
      decided.verdict = .collected
      decided.receiver = Int32(receiver)
    case .none?: decided.verdict = .noReceiver
    default: return nil
    }
    outcome.rely(on: RecalledAnswer(mirror: Int32(mirror), host: host, function: function))
    return decided
  }

  // MARK: While a record is judged

  /// A script was asked: its host may know more now than when the class was made, or take back what it knew.
  func noteAsked(_ host: Int, _ isRecallable: Bool) {
    if isRecallable, recalls, scripts[host].isRecallable { isNewlyKnown = true }
    mustLookAgain = true
  }

  /// When a record is done: invariants 1 and 2.
  func lookAgain(_ subject: Subject) {
    mustLookAgain = false
    if isNewlyKnown {
      isNewlyKnown = false
      unsafe conversations.entries[subject.entry].path0 = .empty
      unsafe conversations.entries[subject.entry].path1 = .empty
    }
    checkGenerations()
  }

  /// Between two records. Making classes anew touches every conversation: hosts that ask for it too often are not relied on
  /// any more.
  func checkGenerations() {
    for host in scripts.indices where scripts[host].generation != generations[host] {
      generations[host] = scripts[host].generation
      guard classes.reliesOnScripts else { continue }
      restarts += 1
      if restarts > 16, recordNumber / restarts < UInt64(max(1024, conversations.live / 4)) { recalls = false }
      restartClasses()
    }
  }

  // MARK: Asking again

  /// Invariant 5: one frame of the batch whose path relies on scripts; before the batch, so that nothing is in between.
  func verifyOne(_ frames: UnsafeMutablePointer<Frame>, _ prepared: UnsafeMutablePointer<PreparedFrame>, _ count: Int) {
    guard classes.reliesOnScripts else { return untilVerified = Self.verifiedEvery }
    for position in 0..<count {
      let known = unsafe prepared + position
      guard unsafe known.pointee.kind == .straight || known.pointee.kind == .swapped else { continue }
      let entry = unsafe conversations.find(known.pointee.key, hash: known.pointee.hash)
      guard entry >= 0, let number = unsafe rememberedClass(entry, known), classes.reliesOnScripts(number) else {
        continue
      }
      untilVerified = Self.verifiedEvery
      return verify(unsafe Subject(frame: frames + position, position: position, entry: entry))
    }
  }

  private func rememberedClass(_ entry: Int, _ known: UnsafeMutablePointer<PreparedFrame>) -> Int? {
    let conversation = unsafe conversations.entries + entry
    let path = unsafe known.pointee.kind == .swapped ? conversation.pointee.path1 : conversation.pointee.path0
    let number = unsafe path.destination ^ known.pointee.destination
    return unsafe path.source == known.pointee.source && number &- 1 < 0xffff ? Int(number) : nil
  }

  private func verify(_ subject: Subject) {
    let link = unsafe links[Int(subject.frame.pointee.interface)]
    let record = unsafe Record(
      summary: summary(subject.frame), binding: link.binding, captureDirection: subject.frame.pointee.direction)
    let told = trace
    (trace, classified, isVerifying) = (nil, subject, true)
    conclude(record, unsafe conversations.entries[subject.entry].key.hash(.fixed))
    (trace, classified, isVerifying) = (told, nil, false)
    checkGenerations()
  }
}
