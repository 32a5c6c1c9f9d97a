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
  static let clientPayload = 2 << 10
  static let serverPayload = 8 << 10
  static let second: Int64 = 1_000_000_000
  /// Silence after which a conversation is over, and after which a closed one is.
  static let idle = 300 * second
  static let closedIdle = 10 * second

  private(set) var entries: [TrackedConversation?] = []
  private var free: [Int] = []
  private var index = ConversationIndex()
  private var fragments = FragmentTable()
  private var serial: UInt64 = 0
  private var payloadBytes = 0
  private var lastSweep: Int64?
  /// Payloads are kept: some script looks at conversations.
  private let keepsPayload: Bool
  /// Over since the last `takeEnded`, each with the frame of the batch before which it is.
  private(set) var ended: [(position: Int, id: UInt32, conversation: TrackedConversation)] = []

  init(keepsPayload: Bool) { self.keepsPayload = keepsPayload }

  var live: Int { entries.count - free.count }
  /// Conversations so far.
  var total: UInt64 { serial }

  func forgetEnded() { ended.removeAll(keepingCapacity: true) }

  /// Counts a packet.
  ///
  /// - Parameters:
  ///   - position: of the frame in its batch.
  /// - Returns: its conversation, and whether it goes from the key's higher end; nil: it belongs to none.
  func track(
    _ packet: ObservedPacket, at place: TrackedConversation.Place, position: Int
  ) -> (entry: Int, isFromHigh: Bool)? {
    sweep(packet.time, position)
    var summary = packet.summary
    guard summary.isIP else { return nil }
    if summary.flags.contains(.fragment) { follow(&summary, packet.time) }
    let (key, isFromHigh) = FlowKey.make(summary)
    let segment = Segment(packet)
    let entry = entry(key, summary, segment, packet.time, position, isFromHigh: isFromHigh)
    count(packet, segment, entry, place, isFromHigh: isFromHigh)
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
    _ key: FlowKey, _ summary: PacketSummary, _ segment: Segment, _ time: Int64, _ position: Int, isFromHigh: Bool
  ) -> Int {
    if let known = index.find(key, { entries[$0]?.key == key }) {
      guard isOver(known, segment, time, isFromHigh: isFromHigh) else { return known }
      end(known, position)
    }
    if live >= Self.limit || payloadBytes > Self.payloadLimit { makeRoom(position) }
    return begin(key, summary, segment, time, isFromHigh: isFromHigh)
  }

  /// A conversation that was silent too long, or whose ports are used again, is over when the next packet comes.
  private func isOver(_ entry: Int, _ segment: Segment, _ time: Int64, isFromHigh: Bool) -> Bool {
    guard let known = entries[entry] else { return true }
    if time &- known.lastTime > (known.isClosed ? Self.closedIdle : Self.idle) { return true }
    guard segment.isSYN, !segment.isACK else { return false }
    if known.isClosed { return true }
    let end = isFromHigh ? known.high : known.low
    return end.hasSYN && end.nextSequence != nil && end.nextSequence != segment.sequence &+ 1 && end.payloadBytes > 0
  }

  private func begin(
    _ key: FlowKey, _ summary: PacketSummary, _ segment: Segment, _ time: Int64, isFromHigh: Bool
  ) -> Int {
    let (source, destination) = (summary.source ?? IPAddress(v4: 0), summary.destination ?? IPAddress(v4: 0))
    let made = TrackedConversation(
      key: key, serial: serial,
      clientIsHigh: isClientSource(summary, segment) == isFromHigh, firstTime: time, lastTime: time,
      protocolNumber: summary.protocol, lowAddress: isFromHigh ? destination : source,
      highAddress: isFromHigh ? source : destination)
    serial += 1
    let entry: Int
    if let reused = free.popLast() {
      entry = reused
      entries[entry] = made
    } else {
      entry = entries.count
      entries.append(made)
    }
    index.insert(key, entry) { entries[$0]!.key }
    return entry
  }

  /// Who sends a SYN is the client; without one, a well-known port against another one is the server's; else the first.
  private func isClientSource(_ summary: PacketSummary, _ segment: Segment) -> Bool {
    if segment.isSYN { return !segment.isACK }
    guard summary.flags.contains(.portsKnown) else { return true }
    let (source, destination) = (summary.sourcePort, summary.destinationPort)
    return !(source < 1024 && destination >= 1024)
  }

  private func count(
    _ packet: ObservedPacket, _ segment: Segment, _ entry: Int, _ place: TrackedConversation.Place, isFromHigh: Bool
  ) {
    guard entries[entry] != nil else { return }
    entries[entry]!.lastTime = max(entries[entry]!.lastTime, packet.time)
    if entries[entry]!.places.count < TrackedConversation.placeLimit { entries[entry]!.places.append(place) }
    if segment.isRST { entries[entry]!.isReset = true }
    let isClient = entries[entry]!.clientIsHigh == isFromHigh
    let limit = keepsPayload ? isClient ? Self.clientPayload : Self.serverPayload : 0
    let before = entries[entry]!.payloadRoom
    if isFromHigh {
      entries[entry]!.high.add(packet, segment, limit: limit)
    } else {
      entries[entry]!.low.add(packet, segment, limit: limit)
    }
    payloadBytes += entries[entry]!.payloadRoom - before
  }

  /// What the scripts' `where` says of a direction, once it was asked.
  func interest(_ entry: Int, isFromHigh: Bool) -> UInt64? {
    guard let known = entries[entry] else { return nil }
    return isFromHigh
      ? known.knowsInterest.1 ? known.interest.1 : nil : known.knowsInterest.0 ? known.interest.0 : nil
  }

  func setInterest(_ entry: Int, _ mask: UInt64, isFromHigh: Bool) {
    if isFromHigh {
      entries[entry]?.interest.1 = mask
      entries[entry]?.knowsInterest.1 = true
    } else {
      entries[entry]?.interest.0 = mask
      entries[entry]?.knowsInterest.0 = true
    }
  }

  func want(_ entry: Int, _ mask: UInt64) { entries[entry]?.wanted |= mask }

  /// As scripts see it with `packet.flow`.
  func flow(_ entry: Int) -> ObservedPacket.Flow {
    guard let known = entries[entry] else { return ObservedPacket.Flow(id: 0, packets: 0, bytes: 0, firstSeen: 0) }
    return ObservedPacket.Flow(
      id: UInt32(entry), packets: known.low.packets + known.high.packets, bytes: known.low.bytes + known.high.bytes,
      firstSeen: known.firstTime)
  }

  // MARK: The end

  private func end(_ entry: Int, _ position: Int) {
    guard let over = entries[entry] else { return }
    index.remove(over.key, entry) { entries[$0]!.key }
    entries[entry] = nil
    free.append(entry)
    payloadBytes -= over.payloadRoom
    ended.append((position, UInt32(entry), over))
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
    let times = entries.compactMap { $0.map { ($0.lastTime, $0.serial) } }.sorted { $0 < $1 }
    guard !times.isEmpty else { return }
    let bound = times[min(times.count - 1, max(0, times.count / 8))]
    endAll(position) { ($0.lastTime, $0.serial) <= bound }
  }

  /// At the end of a capture.
  func finish(_ position: Int) { endAll(position) { _ in true } }

  /// In the order of their first packets.
  private func endAll(_ position: Int, where isOver: (TrackedConversation) -> Bool) {
    let over = entries.indices.filter { entries[$0].map(isOver) ?? false }
    for entry in over.sorted(by: { entries[$0]!.serial < entries[$1]!.serial }) { end(entry, position) }
  }
}
