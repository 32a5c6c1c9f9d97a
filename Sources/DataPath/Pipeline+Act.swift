// What is left when the class is known: ask each packet where the flow alone does not decide, choose a receiver, note
// the copy.

internal import Inventory
internal import Mirroring
internal import Wire

extension Pipeline {
  /// One record as the actions see it: what more they need is read from the frame.
  @safe struct Subject {
    var frame: UnsafeMutablePointer<Frame>
    /// Position in the batch.
    var position: Int
    /// Its conversation.
    var entry: Int
  }

  @inline(__always)
  func act(_ subject: Subject, class number: Int) {
    let known = unsafe classes.classes.base[number]
    for offset in 0..<Int(known.actionCount) {
      let action = unsafe classes.actions.base[Int(known.firstAction) &+ offset]
      if action.isDecided {
        let state = action.out.isPresent ? action.out : action.in
        let mirror = Int(action.mirror)
        let receiver = receiver(mirror, state, subject)
        note(subject, mirror, receiver, state, isOutbound: action.out.isPresent)
        if trace != nil { trace!.conclude(mirror, .collected, receiver, state, isOutbound: action.out.isPresent) }
      } else {
        recall.acting = number
        recall.actingLength = unsafe subject.frame.pointee.original
        ask(subject, action)
      }
    }
    if recall.acting > 0 { finishAsking(subject) }
  }

  /// The record's fields: of a fragment with what is known from its first.
  private func summary(of subject: Subject) -> PacketSummary {
    if let followed { return followed }
    return unsafe summary(subject.frame)
  }

  // MARK: Asking the packet

  @inline(never)
  private func ask(_ subject: Subject, _ action: Action) {
    let mirror = Int(action.mirror)
    let length = unsafe Tally(packets: 1, bytes: UInt64(subject.frame.pointee.original))
    let (state, verdict, receiver) = furthest(subject, action)
    cells.observe(Int(state.cell), length)
    cells.judge(Int(state.cell), verdict, length)
    recall.counted.append((state.cell, verdict))
    if trace != nil {
      trace!.conclude(mirror, verdict, receiver, state, isOutbound: state.cell == action.out.cell)
    }
    guard verdict == .collected else { return }
    let isOutbound = state.cell == action.out.cell
    note(subject, mirror, receiver, state, isOutbound: isOutbound)
  }

  /// The outgoing side first, the incoming only if that was not collected; else the one that came furthest.
  @inline(__always)
  private func furthest(_ subject: Subject, _ action: Action) -> (SideState, Verdict, receiver: Int) {
    let mirror = Int(action.mirror)
    if action.out.isShadow, isCollected(subject, mirror, shadow: action.out) {
      trace?.verdict(mirror, isOutbound: false, .duplicate)
      return (action.in, .duplicate, -1)
    }
    guard action.out.isPresent, !action.out.isShadow else {
      let (verdict, receiver) = decide(subject, mirror, action.in, isOutbound: false)
      return (action.in, verdict, receiver)
    }
    let (outVerdict, outReceiver) = decide(subject, mirror, action.out, isOutbound: true)
    guard outVerdict != .collected, action.in.isPresent else { return (action.out, outVerdict, outReceiver) }
    let (inVerdict, inReceiver) = decide(subject, mirror, action.in, isOutbound: false)
    return inVerdict > outVerdict ? (action.in, inVerdict, inReceiver) : (action.out, outVerdict, outReceiver)
  }

  /// Whether the mirror collects the record at its sender's ENI. Asks scripts, but chooses no receiver: that is done
  /// where the record is captured there.
  private func isCollected(_ subject: Subject, _ mirror: Int, shadow: SideState) -> Bool {
    switch runFilter(subject, mirror, shadow, isOutbound: true) {
    case .reject: return false
    case .failed where !plan.entries[mirror].collectsOnError: return false
    case .accept, .failed:
      guard hasReceiver(mirror) else { return false }
      guard plan.entries[mirror].balance.isPerPacket else { return true }
      return balance(subject, mirror, shadow, isOutbound: true).0 == .collected
    }
  }

  /// Stages 7 to 9 of one side for this packet.
  @inline(__always)
  private func decide(
    _ subject: Subject, _ mirror: Int, _ state: SideState, isOutbound: Bool
  ) -> (Verdict, receiver: Int) {
    let (verdict, receiver) = judgeNow(subject, mirror, state, isOutbound: isOutbound)
    trace?.verdict(mirror, isOutbound: isOutbound, verdict)
    return (verdict, receiver)
  }

  private func judgeNow(
    _ subject: Subject, _ mirror: Int, _ state: SideState, isOutbound: Bool
  ) -> (Verdict, receiver: Int) {
    guard state.isPending else {
      guard state.verdict == .collected else { return (state.verdict, -1) }
      return (.collected, receiver(mirror, state, subject))
    }
    switch runFilter(subject, mirror, state, isOutbound: isOutbound) {
    case .reject: return (.filtered, -1)
    case .failed where !plan.entries[mirror].collectsOnError: return (.scriptError, -1)
    case .accept, .failed: return balance(subject, mirror, state, isOutbound: isOutbound)
    }
  }

  private enum FilterAnswer { case accept, reject, failed }

  private func runFilter(
    _ subject: Subject, _ mirror: Int, _ state: SideState, isOutbound: Bool
  ) -> FilterAnswer {
    var operation = state.operation
    while operation >= 0 {
      let test = plan.program.operations[Int(operation)]
      let answer: Bool
      switch test.kind {
      case .bpf: answer = matchesBPF(subject, Int(test.operand))
      case .first: answer = isWithinFirst(subject, Int(test.operand), counts: !state.isShadow)
      case .script:
        let said = askScript(subject, mirror, state, at: operation, isOutbound: isOutbound)
        if said == .failed {
          note(mirror, operation, .failed, isOutbound: isOutbound)
          return .failed
        }
        answer = said == .yes
      case .quintuple, .nat, .rules, .sample:
        let hash = conversations.key(of: subject.entry).hash(.fixed)
        answer = judge.answers(
          test, summary(of: subject), Side(origin: state.origin), isOutbound: isOutbound, flowHash: hash)
      }
      note(mirror, operation, answer ? .yes : .no, isOutbound: isOutbound)
      operation = answer ? test.onTrue : test.onFalse
    }
    return operation == FilterProgram.accept ? .accept : .reject
  }

  /// Writes down a test's answer; of a script's also where it came from.
  func note(
    _ mirror: Int, _ operation: Int32, _ answer: Explanation.Step.Answer, isOutbound: Bool, isOfFlow: Bool = false
  ) {
    guard trace != nil else { return }
    let test = plan.program.operations[Int(operation)]
    let function = test.kind == .script ? plan.program.scripts[Int(test.operand)] : nil
    let memory = function.flatMap { scripts[$0.host].describeMemory(of: $0.function) }
    trace!.step(
      mirror, isOutbound, plan.program.descriptions[Int(operation)], answer, isOfFlow: isOfFlow, memory: memory)
  }

  private func matchesBPF(_ subject: Subject, _ expression: Int) -> Bool {
    let interface = unsafe Int(subject.frame.pointee.interface)
    guard interface < bpf.count, let program = bpf[interface][expression] else { return false }
    return unsafe program.run(
      subject.frame.pointee.bytes, captured: Int(subject.frame.pointee.captured),
      original: Int(subject.frame.pointee.original)) != 0
  }

  /// - Parameter counts: false where the record is only asked about; it counts where it was captured.
  private func isWithinFirst(_ subject: Subject, _ operand: Int, counts: Bool) -> Bool {
    let bounds = plan.program.firsts[operand]
    guard counts else {
      return conversations.isWithinFirst(
        subject.entry, id: bounds.id, maxPackets: bounds.maxPackets, maxBytes: bounds.maxBytes)
    }
    return unsafe conversations.countFirst(
      subject.entry, id: bounds.id, record: recordNumber, bytes: UInt64(subject.frame.pointee.original),
      maxPackets: bounds.maxPackets, maxBytes: bounds.maxBytes)
  }

  /// The packet as scripts may see it.
  @inline(__always)
  func observed(_ subject: Subject, _ mirror: Int, _ state: SideState, isOutbound: Bool) -> ObservedPacket {
    let origin = Int(state.origin)
    let eniCount = plan.inventory.enis.count
    let account = unsafe conversations.accounts[subject.entry]
    let flow = ObservedPacket.Flow(
      id: UInt32(subject.entry), packets: account.packets, bytes: account.bytes, firstSeen: account.firstSeen)
    return unsafe ObservedPacket(
      bytes: subject.frame.pointee.bytes, captured: Int(subject.frame.pointee.captured),
      original: Int(subject.frame.pointee.original), time: subject.frame.pointee.time,
      decoder: links[Int(subject.frame.pointee.interface)].binding.decoder, summary: summary(of: subject),
      vpc: plan.entries[mirror].vpc,
      eni: origin < eniCount ? origin : nil,
      subnet: origin < eniCount ? plan.inventory.enis[origin].subnet : origin - eniCount, isOutbound: isOutbound,
      flow: flow, clock: clock.time)
  }

  // MARK: Balance

  /// Stage 9. A script that fails leaves the packet uncollected, or, with `on_error = "collect"`, to the flow hash.
  private func balance(
    _ subject: Subject, _ mirror: Int, _ state: SideState, isOutbound: Bool
  ) -> (Verdict, receiver: Int) {
    guard case .script(let host, let function) = plan.entries[mirror].balance else {
      guard hasReceiver(mirror) else { return (.noReceiver, -1) }
      return (.collected, chooseReceiver(mirror, state, subject))
    }
    let choice = askBalancer(subject, mirror, state, host: host, function: function, isOutbound: isOutbound)
    switch choice {
    case .receiver(let receiver) where receiver >= 0 && receiver < plan.entries[mirror].receiverCount:
      guard hasReceiver(mirror) else { return (.noReceiver, -1) }
      return (.collected, standIn(for: receiver, of: mirror, subject))
    case .none: return (.noReceiver, -1)
    case .receiver, .failed:
      guard plan.entries[mirror].collectsOnError else { return (.scriptError, -1) }
      guard hasReceiver(mirror) else { return (.noReceiver, -1) }
      let hash = conversations.key(of: subject.entry).hash(.fixed)
      return (.collected, rendezvous(mirror, hash))
    }
  }

  /// Of a side that is collected: the receiver that a script chose for the whole path, else by the built-in methods.
  @inline(__always)
  private func receiver(_ mirror: Int, _ state: SideState, _ subject: Subject) -> Int {
    state.receiver >= 0
      ? standIn(for: Int(state.receiver), of: mirror, subject) : chooseReceiver(mirror, state, subject)
  }

  /// The built-in methods (section 6.5): the position of a receiver.
  @inline(__always)
  func chooseReceiver(
    _ mirror: Int, _ state: SideState, _ subject: Subject
  ) -> Int {
    let kept = conversations.receiver(of: subject.entry, mirror: mirror)
    return kept >= 0 ? kept : newReceiver(mirror, state, subject)
  }

  /// A receiver for a conversation that has none: kept where the method goes by conversation. The mirror has one.
  @inline(never)
  private func newReceiver(_ mirror: Int, _ state: SideState, _ subject: Subject) -> Int {
    let count = plan.entries[mirror].receiverCount
    guard count > 1 else {
      conversations.setReceiver(of: subject.entry, mirror: mirror, to: 0)
      return 0
    }
    switch plan.entries[mirror].balance {
    case .eniHash: return rendezvous(mirror, eniKey(state, subject))
    case .roundRobin:
      var next = nextInTurn[mirror]
      while !isWell(mirror, next) { next = (next + 1) % count }
      nextInTurn[mirror] = (next + 1) % count
      return next
    case .even:
      let least = leastLoaded(mirror, count)
      conversations.setReceiver(of: subject.entry, mirror: mirror, to: least)
      return least
    case .flowHash, .weighted, .script:
      let hash = conversations.key(of: subject.entry).hash(.fixed)
      let chosen = rendezvous(mirror, hash)
      conversations.setReceiver(of: subject.entry, mirror: mirror, to: chosen)
      return chosen
    }
  }

  private func leastLoaded(_ mirror: Int, _ count: Int) -> Int {
    let first = plan.entries[mirror].firstRoute
    var least = -1
    for receiver in 0..<count where isWell(mirror, receiver) {
      if least < 0 || load(first + receiver) < load(first + least) { least = receiver }
    }
    return least
  }

  /// What `even` compares: bytes given to a receiver so far.
  func load(_ route: Int) -> UInt64 { routed[route].bytes &+ routedEarlier[route] }

  /// The id of the ENI; of an unlisted ENI its address.
  private func eniKey(_ state: SideState, _ subject: Subject) -> UInt64 {
    let origin = Int(state.origin)
    if origin < plan.inventory.enis.count { return Rendezvous.key(id: plan.inventory.enis[origin].id) }
    let isOutbound = cells.keys[Int(state.cell)].isOutbound
    let summary = summary(of: subject)
    let address = isOutbound ? summary.source : summary.destination
    return Rendezvous.key(id: address?.description ?? "")
  }

  // MARK: Copies

  @inline(__always)
  private func note(_ subject: Subject, _ mirror: Int, _ receiver: Int, _ state: SideState, isOutbound: Bool) {
    let route = plan.entries[mirror].firstRoute &+ receiver
    unsafe routed.base[route].count(subject.frame.pointee.original)
    guard wantsCopies else { return }
    copies.append(
      Copy(
        frame: UInt32(truncatingIfNeeded: subject.position), route: UInt32(truncatingIfNeeded: route),
        origin: UInt32(bitPattern: state.origin), isOutbound: isOutbound,
        sourcePort: unsafe conversations.entries[subject.entry].sourcePort))
  }
}
