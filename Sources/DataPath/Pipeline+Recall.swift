// Answers of scripts that are part of a class: what a host remembers for a whole path need not be asked for each packet.
//
// Invariants
// 1. A class relies on an answer only if its host says that it is the same for every packet of the path; classes are made
//    anew when a host's generation has changed, before the next record is judged.
// 2. Scripts are asked in the order in which they would be without a memory: mirror by mirror, the outgoing side first. While
//    a class is made they are asked ahead as long as nothing before them is left to ask for each packet; what does not hold
//    for the path is kept for the record, so that no script is asked twice.
// 3. The second side of a record is asked or recalled only if the first is decided: otherwise whether the second is asked at
//    all, and whether before a failure or after it, is known packet by packet.
// 4. Every answer counts as one call of its host, before any failure that came after it: those of the record that makes a
//    class one by one, those of later records by credit, at the latest before a failure of their host is counted.
// 5. What scripts see of counters is what was counted before the record at hand, remembered or not.
// 6. A recalled answer is asked again now and then, `verifiedEvery` packets apart; that counts nothing.

internal import Mirroring
internal import Wire

extension Pipeline {
  func beginRecalling() {
    recall.generations = scripts.map(\.generation)
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

  /// Goes on with a filter's program through what scripts answer for the whole path.
  ///
  /// - Returns: as `filterByFlow`: a script's operation if it must be asked for each packet.
  func filterByScripts(
    _ mirror: Int, _ start: Int32, _ packet: PacketSummary, _ side: Side, cell: Int, isOutbound: Bool, flowHash: UInt64
  ) -> Int32 {
    var operation = start
    while operation >= 0 {
      let test = plan.program.operations[Int(operation)]
      guard test.kind == .script, recall.isAllowed, let subject = recall.classified else { return operation }
      let state = SideState.pending(at: operation, cell: cell, side)
      guard let isYes = answerOfPath(subject, mirror, state, isOutbound: isOutbound) else { return operation }
      let function = plan.program.scripts[Int(test.operand)]
      rely(on: function.function, of: function.host, mirror)
      note(mirror, operation, isYes ? .yes : .no, isOutbound: isOutbound, isOfFlow: true)
      operation = judge.filterByFlow(
        isYes ? test.onTrue : test.onFalse, packet, side, isOutbound: isOutbound, flowHash: flowHash)
    }
    return operation
  }

  private func answerOfPath(_ subject: Subject, _ mirror: Int, _ state: SideState, isOutbound: Bool) -> Bool? {
    let function = plan.program.scripts[Int(plan.program.operations[Int(state.operation)].operand)]
    let host = scripts[function.host]
    var seen = observed(subject, mirror, state, isOutbound: isOutbound)
    if recall.isVerifying {
      unsafe host.verify(function: function.function, mirror: mirror, packet: &seen)
    } else if recall.mayAskAhead {
      let answer = unsafe host.judge(function: function.function, mirror: mirror, packet: &seen)
      recall.mustLookAgain = true
      if answer != .failed, host.isRecallable { return answer == .yes }
      recall.ahead = .init(mirror: mirror, operation: state.operation, isOutbound: isOutbound, answer: answer)
      recall.mayAskAhead = false
      return nil
    }
    guard let known = unsafe host.recall(function: function.function, mirror: mirror, packet: &seen), known != .failed
    else { return nil }
    if !recall.isVerifying { host.credit(function: function.function, mirror: mirror, count: 1) }
    return known == .yes
  }

  /// What a script balancer chooses for the whole path: collected by that receiver, or by none; nil: it must be asked.
  func chosenByScript(_ mirror: Int, _ pending: SideState, isOutbound: Bool) -> SideState? {
    guard case .script(let host, let function) = plan.entries[mirror].balance, recall.isAllowed,
      let subject = recall.classified,
      let choice = choiceOfPath(subject, mirror, pending, Int(host), Int(function), isOutbound: isOutbound)
    else { return nil }
    var decided = pending
    decided.isPending = false
    decided.operation = 0
    switch choice {
    case .receiver(let receiver) where hasReceiver(mirror):
      decided.verdict = .collected
      decided.receiver = Int32(receiver)
    case .receiver, .none, .failed: decided.verdict = .noReceiver
    }
    rely(on: Int(function), of: Int(host), mirror)
    noteBalance(mirror, host, function, isOutbound: isOutbound)
    return decided
  }

  private func choiceOfPath(
    _ subject: Subject, _ mirror: Int, _ state: SideState, _ number: Int, _ function: Int, isOutbound: Bool
  ) -> ScriptChoice? {
    let host = scripts[number]
    var seen = observed(subject, mirror, state, isOutbound: isOutbound)
    if recall.isVerifying {
      unsafe host.verify(function: function, mirror: mirror, packet: &seen)
    } else if recall.mayAskAhead {
      let choice = unsafe host.choose(function: function, mirror: mirror, packet: &seen)
      recall.mustLookAgain = true
      if isChoice(choice, mirror), host.isRecallable { return choice }
      recall.ahead = .init(mirror: mirror, operation: FilterProgram.accept, isOutbound: isOutbound, choice: choice)
      recall.mayAskAhead = false
      return nil
    }
    guard let known = unsafe host.recallChoice(function: function, mirror: mirror, packet: &seen),
      isChoice(known, mirror)
    else { return nil }
    if !recall.isVerifying { host.credit(function: function, mirror: mirror, count: 1) }
    return known
  }

  private func isChoice(_ choice: ScriptChoice, _ mirror: Int) -> Bool {
    switch choice {
    case .receiver(let receiver): receiver >= 0 && receiver < plan.entries[mirror].receiverCount
    case .none: true
    case .failed: false
    }
  }

  private func rely(on function: Int, of host: Int, _ mirror: Int) {
    outcome.rely(on: RecalledAnswer(mirror: Int32(mirror), host: Int32(host), function: Int32(function)))
  }

  // MARK: While a record is judged

  /// The answer of a filter function for this record.
  func askScript(
    _ subject: Subject, _ mirror: Int, _ state: SideState, at operation: Int32, isOutbound: Bool
  ) -> ScriptAnswer {
    if let ahead = recall.take(mirror, operation, isOutbound: isOutbound) { return ahead.answer }
    let script = Int(plan.program.operations[Int(operation)].operand)
    // Not the element as a whole: its name would be retained.
    let (host, function) = (plan.program.scripts[script].host, plan.program.scripts[script].function)
    let answer = unsafe withUnsafePointer(to: observed(subject, mirror, state, isOutbound: isOutbound)) {
      unsafe scripts[host].judge(function: function, mirror: mirror, packet: $0)
    }
    noteAsked(host, state.isRecallable && operation == state.operation)
    return answer
  }

  func askBalancer(
    _ subject: Subject, _ mirror: Int, _ state: SideState, host: Int32, function: Int32, isOutbound: Bool
  ) -> ScriptChoice {
    defer { noteBalance(mirror, host, function, isOutbound: isOutbound) }
    if let ahead = recall.take(mirror, FilterProgram.accept, isOutbound: isOutbound) { return ahead.choice }
    var packet = observed(subject, mirror, state, isOutbound: isOutbound)
    let choice = unsafe scripts[Int(host)].choose(function: Int(function), mirror: mirror, packet: &packet)
    noteAsked(Int(host), state.isRecallable && state.operation == FilterProgram.accept)
    return choice
  }

  private func noteBalance(_ mirror: Int, _ host: Int32, _ function: Int32, isOutbound: Bool) {
    guard trace != nil else { return }
    let memory = scripts[Int(host)].describeMemory(of: Int(function))
    trace!.balance(mirror, isOutbound, memory: memory)
  }

  /// A script was asked: its host may know more now than when the class was made, or take back what it knew.
  private func noteAsked(_ host: Int, _ isRecallable: Bool) {
    if isRecallable, recall.isAllowed, scripts[host].isRecallable { recall.isNewlyKnown = true }
    recall.mustLookAgain = true
  }

  /// When a record's actions are done.
  func finishAsking(_ subject: Subject) {
    recall.acting = 0
    while !recall.counted.isEmpty { recall.counted.removeLast() }
    if recall.mustLookAgain { lookAgain(subject) }
  }

  /// When a record is done: a path whose answers may be recalled from now on is forgotten, so that the next packet makes its
  /// class; and invariant 1.
  func lookAgain(_ subject: Subject) {
    recall.mustLookAgain = false
    if recall.isNewlyKnown {
      recall.isNewlyKnown = false
      unsafe conversations.entries[subject.entry].path0 = .empty
      unsafe conversations.entries[subject.entry].path1 = .empty
    }
    checkGenerations()
  }

  /// Before a class is made: the hosts' generations count from here on if no class relies on them yet.
  func beginClass() {
    recall.beginRecord()
    guard recall.isAllowed, !classes.reliesOnScripts else { return }
    for host in scripts.indices { recall.generations[host] = scripts[host].generation }
  }

  /// Between two records. Making classes anew touches every conversation: if hosts ask for it too often, no class relies on
  /// them any more.
  func checkGenerations() {
    guard classes.reliesOnScripts else { return }
    for host in scripts.indices where scripts[host].generation != recall.generations[host] {
      recall.generations[host] = scripts[host].generation
      recall.restarts += 1
      if recall.restarts > 16, recordNumber / recall.restarts < UInt64(max(1024, conversations.live / 4)) {
        recall.isAllowed = false
      }
      restartClasses()
    }
  }

  /// Invariant 5: takes off what the record at hand has counted.
  func withoutRecordAtHand(_ mirror: PipelineReport.Mirror, entry: Int) -> PipelineReport.Mirror {
    guard recall.acting > 0, let length = recall.actingLength else { return mirror }
    var mirror = mirror
    let one = Tally(packets: 1, bytes: UInt64(length))
    func takeOff(_ cell: Int32, _ verdict: Verdict) {
      guard cells.keys[Int(cell)].mirror == entry else { return }
      mirror.observed -= one
      if verdict == .collected { mirror.collected -= one }
      for index in mirror.reasons.indices where mirror.reasons[index].reason == verdict {
        mirror.reasons[index].tally -= one
      }
    }
    classes.settled(recall.acting) { if !$0.isUnattributed { takeOff($0.cell, $0.verdict) } }
    for counted in recall.counted { takeOff(counted.cell, counted.verdict) }
    return mirror
  }

  // MARK: Asking again

  /// Before a batch, so that nothing is in between.
  func beginBatch(_ frames: UnsafeMutablePointer<Frame>, _ count: Int) {
    checkGenerations()
    recall.untilVerified -= count
    guard recall.untilVerified <= 0 else { return }
    recall.untilVerified = RecallState.verifiedEvery
    guard classes.reliesOnScripts else { return }
    for position in 0..<count {
      guard let subject = unsafe reliantSubject(frames + position, position) else { continue }
      return verify(subject)
    }
    recall.untilVerified = 0  // none in this batch: look in the next
  }

  /// The frame, if its conversation's path relies on scripts.
  private func reliantSubject(_ frame: UnsafeMutablePointer<Frame>, _ position: Int) -> Subject? {
    let known = unsafe prepared.frames + position
    guard unsafe known.pointee.kind.isRemembered else { return nil }
    let entry = unsafe conversations.find(known.pointee.name, known.pointee.wide, hash: known.pointee.hash)
    guard entry >= 0, !conversations.isOver(entry, now: clock.tick) else { return nil }
    let path = unsafe (conversations.entries + entry).path(isSwapped: known.pointee.kind.rawValue)
    let number = unsafe path.pointee.destination ^ known.pointee.destination
    guard unsafe path.pointee.source == known.pointee.source, number &- 1 < 0xffff,
      classes.reliesOnScripts(Int(number))
    else { return nil }
    return unsafe Subject(frame: frame, position: position, entry: entry)
  }

  private func verify(_ subject: Subject) {
    let link = unsafe links[Int(subject.frame.pointee.interface)]
    let summary = unsafe summary(subject.frame)
    let record = unsafe Record(
      summary: summary, binding: link.binding, captureDirection: subject.frame.pointee.direction,
      isForeignCopy: isForeignCopy(subject.frame, summary))
    let told = trace
    (trace, recall.classified, recall.isVerifying) = (nil, subject, true)
    conclude(record, conversations.key(of: subject.entry).hash(.fixed))
    (trace, recall.classified, recall.isVerifying) = (told, nil, false)
    checkGenerations()
  }
}
