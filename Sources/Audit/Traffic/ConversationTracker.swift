internal import DataPath
internal import Mirroring
internal import Wire

// Invariants
// 1. What is told of a conversation follows from the packets alone: not from batches, the seed, or the machine.
// 2. Bounded: `limit` conversations and `payloadLimit` bytes of their payloads; when one is reached, the eighth that was
//    silent longest is over.

/// Puts packets together to conversations, and says which are over.
final class ConversationTracker {
  static let limit = 1 << 18
  static let payloadLimit = 256 << 20
  /// What is kept of an end's payload; more of a server that begins with a handshake of TLS: certificates are long.
  static let payload = 2 << 10
  static let handshakePayload = 8 << 10
  static let second: Int64 = 1_000_000_000
  /// Silence after which a conversation is over, and after which a closed one is.
  static let idle = 300 * second
  static let closedIdle = 10 * second

  private var heads: [ConversationCounts] = []
  /// Beside `heads`.
  private var bodies: [ConversationBody] = []
  private var free: [Int] = []
  private var index = ConversationIndex()
  private var fragments = FragmentTable()
  private var serial: UInt64 = 0
  private var payloadBytes = 0
  private var lastSweep: Int64?
  /// What `seek` read: written, so that reading is not left out.
  private var sought: UInt64 = 0
  /// Payloads are kept: some script looks at conversations.
  private let keepsPayload: Bool
  /// Over since the last `forgetEnded`.
  private(set) var ended: [EndedConversation] = []

  init(keepsPayload: Bool) { self.keepsPayload = keepsPayload }

  var live: Int { heads.count - free.count }
  /// Conversations so far.
  var total: UInt64 { serial }

  func forgetEnded() { ended.removeAll(keepingCapacity: true) }

  /// The conversation that a packet names, before it is looked for.
  struct Name: BitwiseCopyable {
    var key: FlowKey
    var hash: UInt64
    var isFromHigh: Bool
  }

  func name(_ summary: PacketSummary) -> Name {
    let (key, isFromHigh) = FlowKey.make(summary)
    return Name(key: key, hash: index.hash(key), isFromHigh: isFromHigh)
  }

  /// Looks at where the conversations of a batch probably are, one independent of the other, so that cache misses overlap.
  func seek(_ names: [Name]) {
    var seen: UInt64 = 0
    for name in names {
      guard let entry = index.candidate(name.hash) else { continue }
      // A word of each of its cache lines, wherever they begin.
      seen &+= heads[entry].serial &+ UInt64(bitPattern: heads[entry].firstTime)
      seen &+= heads[entry].high.packets &+ heads[entry].interestFromHigh
    }
    sought = seen
  }

  /// Counts a packet.
  ///
  /// - Parameters:
  ///   - name: what the packet itself says; a later fragment goes by its first.
  ///   - position: of the frame in its batch.
  /// - Returns: its conversation, and whether it goes from the key's higher end; nil: it belongs to none.
  func track(
    _ packet: ObservedPacket, _ name: Name, at place: PacketPlace, position: Int
  ) -> (entry: Int, isFromHigh: Bool)? {
    sweep(packet.time, position)
    guard packet.summary.isIP else { return nil }
    var name = name
    var summary = packet.summary
    if summary.flags.contains(.fragment) {
      follow(&summary, packet.time)
      name = self.name(summary)
    }
    let isFromHigh = name.isFromHigh
    let segment = Segment(packet)
    let entry = entry(name, summary, segment, packet.time, position)
    count(packet, segment, entry, isFromHigh: isFromHigh)
    if heads[entry].placeCount < ConversationBody.placeLimit {
      heads[entry].placeCount += 1
      bodies[entry].places.append(place)
    }
    return (entry, isFromHigh)
  }

  /// Later fragments belong to the conversation of their first.
  private func follow(_ summary: inout PacketSummary, _ time: Int64) {
    let name = FragmentTable.Key(summary)
    guard summary.flags.contains(.laterFragment) else { return fragments.remember(name, summary, time: time) }
    fragments.first(name, time: time)?.complete(&summary)
  }

  // MARK: Entries

  private func entry(
    _ name: Name, _ summary: PacketSummary, _ segment: Segment, _ time: Int64, _ position: Int
  ) -> Int {
    if let known = index.find(name.hash, { heads[$0].key == name.key }) {
      guard isOver(known, segment, time, isFromHigh: name.isFromHigh) else { return known }
      end(known, position)
    }
    if live >= Self.limit || payloadBytes > Self.payloadLimit { makeRoom(position) }
    return begin(name.key, summary, segment, time, isFromHigh: name.isFromHigh)
  }

  /// A conversation that was silent too long, or whose ports are used again, is over when the next packet comes.
  private func isOver(_ entry: Int, _ segment: Segment, _ time: Int64, isFromHigh: Bool) -> Bool {
    if time &- heads[entry].lastTime > (heads[entry].isClosed ? Self.closedIdle : Self.idle) { return true }
    guard segment.isSYN, !segment.isACK else { return false }
    if heads[entry].isClosed { return true }
    let end = isFromHigh ? heads[entry].high : heads[entry].low
    return end.hasSYN && end.hasSequence && end.nextSequence != segment.sequence &+ 1 && end.payloadBytes > 0
  }

  private func begin(
    _ key: FlowKey, _ summary: PacketSummary, _ segment: Segment, _ time: Int64, isFromHigh: Bool
  ) -> Int {
    let (source, destination) = (summary.source ?? IPAddress(v4: 0), summary.destination ?? IPAddress(v4: 0))
    let head = ConversationCounts(
      serial: serial, key: key, firstTime: time, lastTime: time,
      clientIsHigh: isClientSource(summary, segment) == isFromHigh, protocolNumber: summary.protocol)
    let body = ConversationBody(
      lowAddress: isFromHigh ? destination : source, highAddress: isFromHigh ? source : destination)
    serial += 1
    let entry: Int
    if let reused = free.popLast() {
      entry = reused
      heads[entry] = head
      bodies[entry] = body
    } else {
      entry = heads.count
      heads.append(head)
      bodies.append(body)
    }
    index.insert(key, entry) { heads[$0].key }
    return entry
  }

  /// Who sends a SYN is the client; without one, a well-known port against another one is the server's; else the first.
  private func isClientSource(_ summary: PacketSummary, _ segment: Segment) -> Bool {
    if segment.isSYN { return !segment.isACK }
    guard summary.flags.contains(.portsKnown) else { return true }
    let (source, destination) = (summary.sourcePort, summary.destinationPort)
    return !(source < 1024 && destination >= 1024)
  }

  private func count(_ packet: ObservedPacket, _ segment: Segment, _ entry: Int, isFromHigh: Bool) {
    guard let piece = heads[entry].count(packet, segment, isFromHigh: isFromHigh, keeps: keepsPayload) else { return }
    let before = bodies[entry].room
    let first = isFromHigh ? bodies[entry].highPayload.first : bodies[entry].lowPayload.first
    let isHandshake = heads[entry].clientIsHigh != isFromHigh && first ?? 22 == 22
    let limit = isHandshake ? Self.handshakePayload : Self.payload
    if isFromHigh {
      if bodies[entry].highPayload.add(packet, piece, limit: limit) { heads[entry].high.isComplete = true }
    } else {
      if bodies[entry].lowPayload.add(packet, piece, limit: limit) { heads[entry].low.isComplete = true }
    }
    payloadBytes += bodies[entry].room - before
  }

  /// What the scripts' `where` says of a direction, once it was asked.
  func interest(_ entry: Int, isFromHigh: Bool) -> UInt64? {
    if isFromHigh { return heads[entry].knowsFromHigh ? heads[entry].interestFromHigh : nil }
    return heads[entry].knowsFromLow ? heads[entry].interestFromLow : nil
  }

  func setInterest(_ entry: Int, _ mask: UInt64, isFromHigh: Bool) {
    if isFromHigh {
      heads[entry].interestFromHigh = mask
      heads[entry].knowsFromHigh = true
    } else {
      heads[entry].interestFromLow = mask
      heads[entry].knowsFromLow = true
    }
  }

  func want(_ entry: Int, _ mask: UInt64) {
    // Most of the time it is known: what is not written need not be fetched for writing.
    if mask & ~heads[entry].wanted != 0 { heads[entry].wanted |= mask }
  }

  /// As scripts see it with `packet.flow`.
  func flow(_ entry: Int) -> ObservedPacket.Flow {
    let (low, high) = (heads[entry].low, heads[entry].high)
    return ObservedPacket.Flow(
      id: UInt32(entry), packets: low.packets + high.packets, bytes: low.bytes + high.bytes,
      firstSeen: heads[entry].firstTime)
  }

  // MARK: The end

  private func end(_ entry: Int, _ position: Int) {
    let over = EndedConversation(position: position, id: UInt32(entry), counts: heads[entry], body: bodies[entry])
    index.remove(over.counts.key, entry) { heads[$0].key }
    heads[entry].isLive = false
    bodies[entry].forget()
    free.append(entry)
    payloadBytes -= over.body.room
    ended.append(over)
  }

  /// Every ten seconds of the packets' time.
  private func sweep(_ time: Int64, _ position: Int) {
    guard let last = lastSweep else {
      lastSweep = time
      return
    }
    guard time &- last >= 10 * Self.second else { return }
    lastSweep = time
    endAll(position) { time &- $0.lastTime > ($0.isClosed ? Self.closedIdle : Self.idle) }
  }

  private func makeRoom(_ position: Int) {
    let times = heads.filter(\.isLive).map { ($0.lastTime, $0.serial) }.sorted { $0 < $1 }
    guard !times.isEmpty else { return }
    let bound = times[min(times.count - 1, max(0, times.count / 8))]
    endAll(position) { ($0.lastTime, $0.serial) <= bound }
  }

  /// At the end of a capture.
  func finish(_ position: Int) { endAll(position) { _ in true } }

  /// In the order of their first packets.
  private func endAll(_ position: Int, where isOver: (ConversationCounts) -> Bool) {
    let over = heads.indices.filter { heads[$0].isLive && isOver(heads[$0]) }
    for entry in over.sorted(by: { heads[$0].serial < heads[$1].serial }) { end(entry, position) }
  }
}
