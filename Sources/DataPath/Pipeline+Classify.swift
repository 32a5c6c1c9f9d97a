// Records that no path remembers: all stages, for every mirror, as far as the flow decides.

internal import Mirroring
internal import Wire

extension Pipeline {
  /// Frames whose verdict is not remembered: fragments, ICMP (errors follow the flow they quote), what is not IP.
  @inline(never)
  func processUnremembered(_ frame: UnsafeMutablePointer<Frame>, _ position: Int) {
    var summary = unsafe summary(frame)
    let (key, isSwapped, isPlain) = unsafe followedKey(frame, &summary)
    let (name, hash) = key.name(conversations.seed)
    let found = conversations.find(name, key.wide, hash: hash)
    let entry = unsafe conversation(name, key.wide, hash: hash, found: found, time: frame.pointee.time)
    followed = summary
    unsafe judge(
      Subject(frame: frame, position: position, entry: entry), summary,
      remembers: isPlain ? isSwapped ? .path1 : .path0 : .nothing)
    followed = nil
    followedCopy = false
  }

  /// The key of the conversation a frame belongs to: fragments follow their first fragment, ICMP errors the flow they
  /// quote, frames without readable addresses go by MACs.
  private func followedKey(
    _ frame: UnsafeMutablePointer<Frame>, _ summary: inout PacketSummary
  ) -> (FlowKey, isSwapped: Bool, isPlain: Bool) {
    guard summary.isIP else {
      let (key, isSwapped) = FlowKey.makeLinkLayer(summary)
      return (key, isSwapped, false)
    }
    if summary.flags.contains(.fragment) { return unsafe followFragment(frame, &summary) }
    if let quoted = unsafe summary.quotedFlow(frame.pointee.bytes) {
      let (key, isSwapped) = FlowKey.make(quoted)
      return (key, !isSwapped, false)
    }
    let (key, isSwapped) = FlowKey.make(summary)
    return (key, isSwapped, true)
  }

  private func followFragment(
    _ frame: UnsafeMutablePointer<Frame>, _ summary: inout PacketSummary
  ) -> (FlowKey, isSwapped: Bool, isPlain: Bool) {
    let name = FragmentTable.Key(summary)
    guard summary.flags.contains(.laterFragment) else {
      unsafe fragments.remember(
        name, summary, time: frame.pointee.time, isForeignCopy: isForeignCopy(frame, summary))
      let (key, isSwapped) = FlowKey.make(summary)
      return (key, isSwapped, false)
    }
    let first = unsafe fragments.first(name, time: frame.pointee.time)
    followedCopy = first?.isForeignCopy ?? false
    var followed = summary
    first?.complete(&followed)
    if plan.options.tracksFragments, let first, first.hasPorts {
      first.complete(&summary)
      summary.flags.insert(.laterFragment)
    } else if !summary.flags.contains(.protocolKnown) || IPProtocol(rawValue: summary.protocol).hasPorts {
      fragmentsWithoutPorts += 1
    }
    let (key, isSwapped) = FlowKey.make(followed)
    return (key, isSwapped, false)
  }

  /// The class of a record: every mirror's outcome as far as the flow decides it.
  func classify(_ record: Record, flowHash: UInt64) -> Int {
    conclude(record, flowHash)
    if classes.isFull { restartClasses() }
    return classes.intern(outcome)
  }

  /// Leaves the outcome in `outcome`.
  func conclude(_ record: Record, _ flowHash: UInt64) {
    outcome.clear()
    beginClass()
    let isCopy = record.isForeignCopy || judge.isCopy(record.summary)
    for group in plan.groups {
      let sides = judge.resolver.resolve(
        record.summary, binding: record.binding, captureDirection: record.captureDirection, vpc: group.vpc)
      let early: Verdict? =
        isCopy ? .copy : judge.isFromReceiver(record, sides: sides, vpc: group.vpc) ? .receiver : nil
      let sender = isCopied(record, sides) ? sender(of: record, group.vpc) : .absent
      for position in group.first..<group.first + group.count {
        classify(plan.groupEntries[position], record.summary, sides, sender: sender, early, flowHash)
      }
    }
  }

  /// Whether the record may have been captured at its sender's ENI too: an `in` side of a capture bound to an ENI.
  private func isCopied(_ record: Record, _ sides: Sides) -> Bool {
    record.binding.eni >= 0 && sides.in.isPresent && capturedENIs.count > 1
  }

  /// The sender's ENI, if captures of it are read too. A packet lost to a forged address is worse than one copied twice.
  private func sender(of record: Record, _ vpc: Int) -> Side {
    let sender = judge.resolver.sender(of: record, vpc: vpc)
    let isCaptured = sender.origin != record.binding.eni && capturedENIs.contains(Int(sender.origin))
    return isCaptured ? sender : .absent
  }

  private func classify(
    _ mirror: Int, _ packet: PacketSummary, _ sides: Sides, sender: Side, _ early: Verdict?, _ flowHash: UInt64
  ) {
    let isPerENI = plan.entries[mirror].isPerENI
    if sender.isPresent, !isPerENI {
      let shadow = shadowState(mirror, packet, sender, early, flowHash)
      if shadow.isPresent { return concludeCopied(mirror, packet, sides.in, shadow, early, flowHash) }
    }
    let out = state(mirror, packet, sides.out, isOutbound: true, early, flowHash)
    // Of a record that is copied once, the second side is judged only if the first may not be collected.
    let isDone = !isPerENI && out.isPresent && out.verdict == .collected
    // Where the first side is still to be asked, whether the second will be asked is not known: it is not recalled.
    let inbound =
      isDone
      ? .absent
      : state(mirror, packet, sides.in, isOutbound: false, early, flowHash, recalls: !out.isPending)
    guard out.isPresent || inbound.isPresent else {
      outcome.settleUnattributed(mirror: mirror)
      return
    }
    if isPerENI {
      if out.isPresent { conclude(mirror, out, .absent) }
      if inbound.isPresent { conclude(mirror, .absent, inbound) }
    } else {
      conclude(mirror, out, inbound)
    }
  }

  /// What the mirror makes of the record at its sender: absent if it surely does not collect it there.
  private func shadowState(
    _ mirror: Int, _ packet: PacketSummary, _ sender: Side, _ early: Verdict?, _ flowHash: UInt64
  ) -> SideState {
    let told = trace
    trace = nil
    var shadow = state(mirror, packet, sender, isOutbound: true, early, flowHash, recalls: false)
    trace = told
    shadow.isShadow = true
    return shadow.isPending || shadow.verdict == .collected ? shadow : .absent
  }

  /// Stage 5: the mirror collects, or may collect, this record at its sender's ENI.
  private func concludeCopied(
    _ mirror: Int, _ packet: PacketSummary, _ side: Side, _ shadow: SideState, _ early: Verdict?, _ flowHash: UInt64
  ) {
    var inbound = state(mirror, packet, side, isOutbound: false, early, flowHash, recalls: false)
    let isLaterStage = inbound.isPending || inbound.verdict > .duplicate
    if isLaterStage, shadow.isPending {
      outcome.act(Action(mirror: Int32(mirror), out: shadow, in: inbound, isDecided: false))
      recall.mayAskAhead = false
      return
    }
    if isLaterStage {
      inbound = .decided(.duplicate, cell: Int(inbound.cell), side)
      trace?.verdict(mirror, isOutbound: false, .duplicate)
    }
    conclude(mirror, .absent, inbound)
  }

  /// One side of one mirror: absent, decided, or pending.
  ///
  /// - Parameter recalls: answers of scripts that are known count as decided.
  private func state(
    _ mirror: Int, _ packet: PacketSummary, _ side: Side, isOutbound: Bool, _ early: Verdict?, _ flowHash: UInt64,
    recalls: Bool = true
  ) -> SideState {
    guard side.isPresent else { return .absent }
    trace?.side(mirror, side, isOutbound: isOutbound)
    let entry = plan.entries[mirror]
    let cell = cells.cell(CellKey(mirror: mirror, origin: side.origin, isOutbound: isOutbound))
    if let reason = early ?? judge.reasonBeforeFilter(entry, side, isOutbound: isOutbound) {
      trace?.verdict(mirror, isOutbound: isOutbound, reason)
      return .decided(reason, cell: cell, side)
    }
    if trace != nil { traceFilter(mirror, packet, side, isOutbound: isOutbound, flowHash: flowHash) }
    var operation = judge.filterByFlow(entry.filter, packet, side, isOutbound: isOutbound, flowHash: flowHash)
    if operation >= 0, recalls {
      operation = filterByScripts(
        mirror, operation, packet, side, cell: cell, isOutbound: isOutbound, flowHash: flowHash)
    }
    if operation == FilterProgram.reject {
      trace?.verdict(mirror, isOutbound: isOutbound, .filtered)
      return .decided(.filtered, cell: cell, side)
    }
    if operation == FilterProgram.accept, !entry.balance.isPerPacket, !hasReceiver(mirror) {
      trace?.verdict(mirror, isOutbound: isOutbound, .noReceiver)
      return .decided(.noReceiver, cell: cell, side)
    }
    if operation != FilterProgram.accept || entry.balance.isPerPacket {
      var pending = SideState.pending(at: operation, cell: cell, side)
      if operation == FilterProgram.accept, recalls,
        let decided = chosenByScript(mirror, pending, isOutbound: isOutbound)
      {
        trace?.verdict(mirror, isOutbound: isOutbound, decided.verdict)
        return decided
      }
      pending.isRecallable = recalls
      return pending
    }
    trace?.verdict(mirror, isOutbound: isOutbound, .collected)
    return .decided(.collected, cell: cell, side)
  }

  /// Settles what is decided for every packet of the class; leaves an action for the rest.
  private func conclude(_ mirror: Int, _ out: SideState, _ inbound: SideState) {
    if out.isPending || inbound.isPending {
      outcome.act(Action(mirror: Int32(mirror), out: out, in: inbound, isDecided: false))
      recall.mayAskAhead = false
      return
    }
    let furthest = !inbound.isPresent || out.isPresent && out.verdict >= inbound.verdict ? out : inbound
    outcome.settle(cell: Int(furthest.cell), furthest.verdict)
    guard furthest.verdict == .collected else { return }
    let isOut = furthest.cell == out.cell
    outcome.act(
      Action(
        mirror: Int32(mirror), out: isOut ? furthest : .absent, in: isOut ? .absent : furthest, isDecided: true))
  }

  /// There are more different outcomes than a path can name: settle, forget, and begin again.
  func restartClasses() {
    settle()
    recall.generations = scripts.map(\.generation)
    classes.removeAll()
    conversations.forgetPaths()
  }

  /// Brings the cells up to date with the classes.
  func settle() {
    creditScripts()
    settledUnattributed += classes.settle(into: &cells, unattributed: &unattributedByMirror)
  }
}

extension MirrorPlan.Balance {
  /// A script's choice may be "none": whether a packet is collected is known only when it was asked.
  var isPerPacket: Bool {
    if case .script = self { true } else { false }
  }
}

extension PacketSummary {
  /// The flow an ICMP (RFC 792) or ICMPv6 (RFC 4443) error message quotes.
  func quotedFlow(_ bytes: UnsafeRawPointer) -> PacketSummary? {
    let start = Int(transportOffset)
    let quoted = start + 8
    guard flags.contains(.protocolKnown), Int(packetEnd) > quoted else { return nil }
    let type = unsafe bytes.load(fromByteOffset: start, as: UInt8.self)
    let isError =
      self.protocol == 1
      ? type == 3 || type == 4 || type == 5 || type == 11 || type == 12
      : self.protocol == 58 && type >= 1 && type <= 4
    guard isError else { return nil }
    let inner = unsafe PacketSummary.parse(
      bytes + quoted, captured: Int(packetEnd) - quoted, decoder: ipVersion == 4 ? .ipv4 : .ipv6)
    return inner.isIP ? inner : nil
  }
}
