// The loop: what every frame goes through, in order. A frame whose conversation remembers its path leaves it at the end of
// `judge(_:_:wantsCopies:)`, having touched one cache line of the conversation, a lane and a route; all others go on
// below, and from there to `Pipeline+Classify.swift`.

internal import Mirroring
internal import Wire

extension Pipeline {
  /// Parses every frame of a batch. Nothing here waits for the conversation table: the processor does many at once.
  func prepare(_ frames: UnsafeMutablePointer<Frame>, _ count: Int) {
    let seed = conversations.seed
    var known = unsafe prepared.frames
    var frame = unsafe frames
    let end = unsafe frames + count
    // Of most captures all frames are of one interface.
    var interface: UInt32 = 0
    var link = links[0]
    var bytes: UInt64 = 0
    while unsafe frame < end {
      if unsafe frame.pointee.interface != interface {
        unsafe interface = frame.pointee.interface
        link = links[Int(interface)]
      }
      unsafe bytes &+= UInt64(frame.pointee.original)
      unsafe known.prepare(frame, link, seed)
      unsafe frame += 1
      unsafe known += 1
    }
    records += Tally(packets: UInt64(count), bytes: bytes)
  }

  /// Judges every frame of a batch.
  @inline(__always)
  func judge(_ frames: UnsafeMutablePointer<Frame>, _ count: Int, wantsCopies: Bool) {
    let firstRecord = recordNumber &+ 1
    var position = 0
    while position < count {
      let (stop, reason) = unsafe judgeRemembered(frames, position, count, wantsCopies: wantsCopies)
      recordNumber = firstRecord &+ UInt64(stop)
      switch reason {
      case .end:
        recordNumber &-= 1
        return
      case .act(let entry, let number):
        unsafe act(Subject(frame: frames + stop, position: stop, entry: entry), class: number)
      case .unknown(let found): unsafe processUnknown(frames + stop, stop, found)
      }
      position = stop &+ 1
    }
  }

  /// As `judge`, while frames are explained: none leaves early.
  func judgeOpenly(_ frames: UnsafeMutablePointer<Frame>, _ count: Int) {
    for position in 0..<count {
      recordNumber &+= 1
      unsafe processUnknown(frames + position, position, find(prepared.frames + position))
    }
  }

  /// Why a frame leaves the loop.
  private enum Stop {
    case end
    /// Counted; the actions of its class are left, with its conversation.
    case act(Int, Int)
    /// No path remembers it; its conversation, or -1.
    case unknown(Int)
  }

  /// All that the loop reads again and again is in local constants: what it writes might be one of them, for all that the
  /// compiler knows. The slow functions change some: the loop ends with the frame that needs one.
  @inline(__always)
  private func judgeRemembered(
    _ frames: UnsafeMutablePointer<Frame>, _ start: Int, _ count: Int, wantsCopies: Bool
  ) -> (Int, Stop) {
    let (entries, wideKeys) = unsafe (conversations.entries, conversations.wideKeys)
    let (idleTicks, hasWatchers) = (conversations.idleTicks, conversations.hasWatchers)
    let (lanes, routes) = unsafe (classes.lanes.base, routed.base)
    var clock = clock
    copies.reserve(FrameBatch.capacity)
    var copy = unsafe copies.end
    defer {
      self.clock = clock
      if wantsCopies { unsafe copies.setEnd(copy) }
    }
    var known = unsafe prepared.frames + start
    var frame = unsafe frames + start
    let end = unsafe frames + count
    while unsafe frame < end {
      var entry = unsafe Int(known.pointee.candidate)
      let name = unsafe known.pointee.name
      var isHeld = unsafe name.isWhole && name == entries[entry].name
      if !name.isWhole { unsafe isHeld = holds(entries[entry].name, wideKeys, known) }
      if !isHeld {
        unsafe entry = find(known)
        guard entry >= 0 else { return unsafe (frame - frames, .unknown(-1)) }
      }
      if unsafe frame.pointee.time > clock.time, unsafe clock.advance(to: frame.pointee.time) {
        self.clock = clock
        unsafe strike(frame.pointee.time)
        clock = self.clock
      }
      let conversation = unsafe entries + entry
      let path = unsafe conversation.path(isSwapped: known.pointee.kind.rawValue)
      // The lower 16 bits are zero in the frame's word: what is left is the class, or more if the MACs differ.
      let number = unsafe path.pointee.destination ^ known.pointee.destination
      let isIdle = unsafe clock.tick &- conversation.pointee.lastSeen > idleTicks
      guard unsafe path.pointee.source == known.pointee.source, number &- 1 < 0xffff, !isIdle else {
        return unsafe (frame - frames, .unknown(entry))
      }
      let length = unsafe frame.pointee.original
      let lane = unsafe lanes + Int(number)
      unsafe conversation.pointee.lastSeen = clock.tick
      unsafe lane.pointee.tally.count(length)
      if hasWatchers { unsafe conversations.accounts[entry].count(length) }
      guard unsafe lane.pointee.isDecided(by: conversation.pointee.mirror) else {
        return unsafe (frame - frames, .act(entry, Int(number)))
      }
      let mask = unsafe lane.pointee.mask
      let route = unsafe lane.pointee.firstRoute &+ UInt32(conversation.pointee.receiver & mask)
      unsafe routes[Int(route)].count(length)
      if wantsCopies {
        unsafe copy.initialize(
          to: Copy(
            frame: UInt32(truncatingIfNeeded: frame - frames), route: route, origin: lane.pointee.origin,
            isOutbound: lane.pointee.isOutbound, sourcePort: conversation.pointee.sourcePort))
        unsafe copy += Int(mask & 1)
      }
      unsafe frame += 1
      unsafe known += 1
    }
    return (count, .end)
  }

  /// Whether a conversation's name and wide key are the frame's.
  @inline(__always)
  private func holds(
    _ held: FlowName, _ wideKeys: UnsafeMutablePointer<WideKey>, _ known: UnsafeMutablePointer<PreparedFrame>
  ) -> Bool {
    let name = unsafe known.pointee.name
    return unsafe name.agrees(with: held) && wideKeys[held.widePlace] == known.pointee.wide
  }

  // MARK: What no path remembers

  /// The conversation of a frame where the first probe was not it, or -1.
  @inline(never)
  private func find(_ known: UnsafeMutablePointer<PreparedFrame>) -> Int {
    guard unsafe known.pointee.kind.isRemembered else { return -1 }
    return unsafe conversations.find(known.pointee.name, known.pointee.wide, hash: known.pointee.hash)
  }

  @inline(never)
  private func processUnknown(_ frame: UnsafeMutablePointer<Frame>, _ position: Int, _ found: Int) {
    let known = unsafe prepared.frames + position
    guard unsafe known.pointee.kind != .undecodable else {
      unsafe undecodable.count(frame.pointee.original)
      return
    }
    if unsafe frame.pointee.time > clock.time { unsafe advanceClock(frame.pointee.time) }
    guard unsafe known.pointee.kind.isRemembered else { return unsafe processUnremembered(frame, position) }
    if trace != nil { trace!.isRemembered = unsafe isRemembered(known, found) }
    let entry = unsafe conversation(
      known.pointee.name, known.pointee.wide, hash: known.pointee.hash, found: found, time: frame.pointee.time)
    unsafe judge(
      Subject(frame: frame, position: position, entry: entry), summary(frame),
      remembers: known.pointee.kind == .swapped ? .path1 : .path0)
  }

  /// Whether `run` would not walk the stages for this frame.
  private func isRemembered(_ known: UnsafeMutablePointer<PreparedFrame>, _ found: Int) -> Bool {
    guard found >= 0, !conversations.isOver(found, now: clock.tick) else { return false }
    let path = unsafe (conversations.entries + found).path(isSwapped: known.pointee.kind.rawValue)
    return unsafe path.pointee.source == known.pointee.source
      && (path.pointee.destination ^ known.pointee.destination) &- 1 < 0xffff
  }

  /// The frame read once more: the loop keeps only what it looks conversations up by.
  func summary(_ frame: UnsafeMutablePointer<Frame>) -> PacketSummary {
    let link = unsafe links[Int(frame.pointee.interface)]
    return unsafe PacketSummary.parse(
      frame.pointee.bytes, captured: Int(frame.pointee.captured), decoder: link.binding.decoder)
  }

  /// The conversation of a key, made or restarted where needed.
  func conversation(_ name: FlowName, _ wide: WideKey, hash: UInt64, found: Int, time: Int64) -> Int {
    let entry: Int
    if found < 0 {
      entry = conversations.insert(name, wide, hash: hash, time: time, now: clock.tick)
    } else {
      entry = found
      if conversations.isOver(found, now: clock.tick) { conversations.restart(found, time: time, now: clock.tick) }
    }
    if !conversations.ended.isEmpty { releaseEnded() }
    return entry
  }

  func releaseEnded() {
    for id in conversations.ended {
      for script in scripts { script.conversationEnded(id) }
    }
    conversations.ended.removeAll(keepingCapacity: true)
  }

  /// Where a conversation remembers what was found.
  enum Memory { case path0, path1, nothing }

  /// All stages, for every mirror; then as for any other record of the class.
  func judge(_ subject: Subject, _ summary: PacketSummary, remembers memory: Memory) {
    let link = unsafe links[Int(subject.frame.pointee.interface)]
    let record = unsafe Record(
      summary: summary, binding: link.binding, captureDirection: subject.frame.pointee.direction,
      isForeignCopy: isForeignCopy(subject.frame, summary))
    let conversation = unsafe conversations.entries + subject.entry
    let length = unsafe subject.frame.pointee.original
    unsafe conversation.pointee.lastSeen = clock.tick
    if conversations.hasWatchers { unsafe conversations.accounts[subject.entry].count(length) }
    recall.classified = subject
    let number = classify(record, flowHash: wantsFlowHash ? conversations.key(of: subject.entry).hash(.fixed) : 0)
    recall.classified = nil
    if trace != nil { trace!.settle(outcome, cells.keys) }
    let path = Path(
      source: PreparedFrame.sourceWord(summary, link: link.number),
      destination: PreparedFrame.destinationWord(summary) | UInt64(number))
    switch memory {
    case .path0: unsafe conversation.pointee.path0 = path
    case .path1: unsafe conversation.pointee.path1 = path
    case .nothing: break
    }
    unsafe classes.lanes.base[number].tally.count(length)
    if classes.reliesOnScripts(number) { classes.noteCounted(number) }
    if classes.classes[number].actionCount > 0 { act(subject, class: number) }
    if recall.mustLookAgain { lookAgain(subject) }
  }

  // MARK: Time

  /// Time passes though no packet comes: timers run, conversations end. Not to be called while a batch is judged.
  public func advance(to time: Int64) {
    if time > clock.time { advanceClock(time) }
  }

  /// - Precondition: the time is later than the clock's.
  @inline(__always)
  private func advanceClock(_ time: Int64) {
    if clock.advance(to: time) { strike(time) }
  }

  @inline(never)
  private func strike(_ time: Int64) {
    if clock.start(at: time) {
      for script in scripts { script.start(at: time) }
      clock.nextTimer = scripts.map(\.nextTimer).min() ?? .max
    }
    if time >= clock.nextTimer {
      for script in scripts where script.nextTimer <= time { script.runTimers(at: time) }
      checkGenerations()
      clock.nextTimer = scripts.map(\.nextTimer).min() ?? .max
    }
    clock.wind()
  }
}
