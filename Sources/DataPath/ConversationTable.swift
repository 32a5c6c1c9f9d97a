// A bounded open-addressing table of conversations with idle expiry by packet time.
//
// Invariants
// 1. `index` has at most half of its slots taken, so a probe always meets an empty one.
// 2. A taken slot of `index` holds the upper 32 bits of its key's hash and the position of a live entry, plus one.
// 3. `entries[0 ..< used]` are initialised; those not live are on the free list, linked through `slots`.
// 4. Positions are stable while an entry lives: growth keeps them.
// 5. What is evicted, and when, depends on the packets alone, never on the random seed: the clock hand walks
//    `entries` in order of position.

/// One conversation: about 100 bytes.
struct Conversation {
  var key: FlowKey
  /// Nanoseconds since 1970 of the first packet.
  var firstSeen: Int64
  var bytes: UInt64
  /// What the last packet of each direction looked like on its link, and its verdict class (`Path`).
  var path0: Path
  var path1: Path
  /// Ticks of the engine's clock, see `ConversationTable.tick`.
  var lastSeen: UInt32
  var packets: UInt32
  /// First overflow slot plus one; 0: none. On the free list: the next free entry plus one.
  var slots: UInt32
  /// The first mirror that keeps this conversation at a receiver; `Conversation.noMirror`: none yet.
  var mirror: UInt16
  var receiver: UInt16

  static let noMirror: UInt16 = .max
}

/// The link's part of what a verdict depends on: MACs and interface; and the verdict class that was found for it.
struct Path {
  /// Source MAC in the upper 48 bits, link binding in the lower 16.
  var source: UInt64
  /// Destination MAC in the upper 48 bits, class in the lower 16; class 0: nothing remembered.
  var destination: UInt64

  static let empty = Path(source: 0, destination: 0)
}

/// What one mirror or one `first` filter remembers of a conversation beyond the entry itself.
struct ConversationSlot {
  /// Mirror index, or `first` filter id plus `ConversationSlot.firstFilter`.
  var owner: UInt32
  var receiver: UInt32
  var packets: UInt64
  var bytes: UInt64
  /// Number of the record that was counted last, so that one record counts once.
  var record: UInt64
  /// Answer for that record.
  var isWithin: Bool
  var next: UInt32

  static let firstFilter: UInt32 = 1 << 31
}

/// Safe because: pointers are owned, bounds follow from the invariants, and nothing escapes but positions.
@safe final class ConversationTable {
  let entries: UnsafeMutablePointer<Conversation>
  private(set) var index: UnsafeMutablePointer<UInt64>
  private let room: ReservedMemory
  private var indexRoom: ReservedMemory
  private(set) var mask: Int
  private(set) var used = 0
  private(set) var live = 0
  private var capacity: Int
  private let limit: Int
  private var freeHead: UInt32 = 0
  private var hand = 0
  let seed: HashSeed
  let idleTicks: UInt32
  var slots: [ConversationSlot] = []
  private var freeSlot: UInt32 = 0
  /// Conversations that were dropped for room although not idle.
  private(set) var evicted: UInt64 = 0
  /// Positions whose conversation ended; scripts release what they kept for it. Filled only if `reportsEnded`.
  var ended: [UInt32] = []
  var reportsEnded = false
  /// Where `touch` leaves what it loads, so that the loads are not optimised away.
  private var touched: UInt64 = 0

  /// - Parameters:
  ///   - limit: conversations kept at most.
  ///   - idle: nanoseconds without a packet after which a conversation is over.
  init(limit: Int, idle: Int64, seed: HashSeed) {
    self.limit = max(16, limit)
    self.seed = seed
    idleTicks = UInt32(clamping: Self.tick(max(0, idle)))
    capacity = min(1024, self.limit)
    room = ReservedMemory(byteCount: self.limit * MemoryLayout<Conversation>.stride)
    unsafe entries = room.base.assumingMemoryBound(to: Conversation.self)
    let size = Self.indexSize(capacity)
    indexRoom = ReservedMemory(byteCount: size * 8)
    unsafe index = indexRoom.base.assumingMemoryBound(to: UInt64.self)
    mask = size - 1
  }

  /// Nanoseconds to ticks of 16.8 ms.
  @inline(__always)
  static func tick(_ nanoseconds: Int64) -> Int64 { nanoseconds >> 24 }

  private static func indexSize(_ capacity: Int) -> Int {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    return size
  }

  /// Position of the key's conversation, or -1. An idle one is found too: see `isOver`.
  @inline(__always)
  func find(_ key: FlowKey, hash: UInt64) -> Int {
    var position = Int(truncatingIfNeeded: hash) & mask
    let tag = hash >> 32
    while true {
      let slot = unsafe index[position]
      if slot == 0 { return -1 }
      if slot >> 32 == tag {
        let entry = Int(slot & 0xffff_ffff) &- 1
        if unsafe entries[entry].key == key { return entry }
      }
      position = (position &+ 1) & mask
    }
  }

  /// Loads what the next look-ups will need: the first slot of each, then the conversation it points at. The loads of
  /// one loop do not depend on each other, so that their cache misses overlap instead of adding up.
  @inline(__always)
  func touch(_ frames: UnsafeMutablePointer<PreparedFrame>, count: Int) {
    guard mask > Self.cachedMask else { return }
    unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: FrameBatch.capacity) { slots in
      for position in 0..<count {
        unsafe slots[position] = unsafe index[Int(truncatingIfNeeded: frames[position].hash) & mask]
      }
      var sum: UInt64 = 0
      for position in 0..<count where unsafe slots[position] != 0 {
        let conversation = unsafe entries + (Int(slots[position] & 0xffff_ffff) &- 1)
        // A conversation lies across two or three cache lines: its start, middle and end are in all of them.
        unsafe sum &+=
          conversation.pointee.key.lowHigh &+ conversation.pointee.path0.source
          &+ UInt64(conversation.pointee.receiver)
      }
      touched &+= sum
    }
  }

  /// Tables up to this size stay in the second-level cache by themselves.
  private static let cachedMask = 1 << 12

  @inline(__always)
  func isOver(_ entry: Int, now: UInt32) -> Bool {
    unsafe now &- entries[entry].lastSeen > idleTicks
  }

  /// Makes an idle conversation a new one in place: same key, nothing remembered.
  func restart(_ entry: Int, time: Int64, now: UInt32) {
    releaseSlots(of: entry)
    let key = unsafe entries[entry].key
    unsafe entries[entry] = Self.fresh(key, time, now)
  }

  private static func fresh(_ key: FlowKey, _ time: Int64, _ now: UInt32) -> Conversation {
    Conversation(
      key: key, firstSeen: time, bytes: 0, path0: .empty, path1: .empty, lastSeen: now, packets: 0, slots: 0,
      mirror: Conversation.noMirror, receiver: 0)
  }

  /// Adds a conversation that `find` did not find; makes room when the table is full.
  func insert(_ key: FlowKey, hash: UInt64, time: Int64, now: UInt32) -> Int {
    let entry = takeEntry(now: now)
    unsafe (entries + entry).initialize(to: Self.fresh(key, time, now))
    place(hash: hash, entry: entry)
    live += 1
    return entry
  }

  private func takeEntry(now: UInt32) -> Int {
    if freeHead != 0 { return popFree() }
    if used == capacity {
      sweep(now: now)
      if freeHead != 0 { return popFree() }
      guard capacity < limit else { return evictOne(now: now) }
      grow()
    }
    used += 1
    return used - 1
  }

  private func popFree() -> Int {
    let entry = Int(freeHead) - 1
    freeHead = unsafe entries[entry].slots
    return entry
  }

  /// Frees every idle conversation, when that frees at least an eighth: otherwise growing or evicting is cheaper than
  /// sweeping again soon.
  private func sweep(now: UInt32) {
    var idle = 0
    for entry in 0..<used where unsafe now &- entries[entry].lastSeen > idleTicks { idle += 1 }
    guard idle * 8 >= used else { return }
    for entry in 0..<used where unsafe now &- entries[entry].lastSeen > idleTicks {
      remove(entry)
      unsafe entries[entry].slots = freeHead
      freeHead = UInt32(entry) + 1
    }
  }

  private func grow() {
    capacity = min(capacity * 2, limit)
    let size = Self.indexSize(capacity)
    guard size != mask + 1 else { return }
    indexRoom = ReservedMemory(byteCount: size * 8)
    unsafe index = indexRoom.base.assumingMemoryBound(to: UInt64.self)
    mask = size - 1
    for entry in 0..<used { unsafe place(hash: entries[entry].key.hash(seed), entry: entry) }
  }

  private func place(hash: UInt64, entry: Int) {
    var position = Int(truncatingIfNeeded: hash) & mask
    while unsafe index[position] != 0 { position = (position + 1) & mask }
    unsafe index[position] = (hash & ~0xffff_ffff) | UInt64(entry + 1)
  }

  /// The least recently seen of the next 16 conversations under the clock hand makes room.
  private func evictOne(now: UInt32) -> Int {
    var victim = hand
    for step in 0..<16 {
      let entry = (hand + step) % used
      if unsafe now &- entries[entry].lastSeen > now &- entries[victim].lastSeen { victim = entry }
    }
    hand = (hand + 16) % used
    if !isOver(victim, now: now) { evicted += 1 }
    remove(victim)
    return victim
  }

  /// Takes the entry out of the index and releases its slots; the caller reuses or frees the entry.
  private func remove(_ entry: Int) {
    releaseSlots(of: entry)
    var position = unsafe Int(truncatingIfNeeded: entries[entry].key.hash(seed)) & mask
    while unsafe index[position] & 0xffff_ffff != UInt64(entry + 1) { position = (position + 1) & mask }
    closeGap(at: position)
    live -= 1
  }

  /// Backward shift deletion: moves later slots of the run into the gap where their probe allows it.
  private func closeGap(at start: Int) {
    var gap = start
    var position = (gap + 1) & mask
    while true {
      let slot = unsafe index[position]
      if slot == 0 { break }
      let home = unsafe Int(truncatingIfNeeded: entries[Int(slot & 0xffff_ffff) - 1].key.hash(seed)) & mask
      if (position &- home) & mask >= (position &- gap) & mask {
        unsafe index[gap] = slot
        gap = position
      }
      position = (position + 1) & mask
    }
    unsafe index[gap] = 0
  }

  /// Forgets every remembered verdict class: after the classes changed.
  func forgetPaths() {
    for entry in 0..<used {
      unsafe entries[entry].path0 = .empty
      unsafe entries[entry].path1 = .empty
    }
  }
}

// What mirrors and `first` filters remember of a conversation.
extension ConversationTable {
  /// The receiver that the mirror chose for this conversation, or -1.
  @inline(__always)
  func receiver(of entry: Int, mirror: Int) -> Int {
    let conversation = unsafe entries + entry
    if unsafe Int(conversation.pointee.mirror) == mirror { return unsafe Int(conversation.pointee.receiver) }
    guard unsafe conversation.pointee.slots != 0 else { return -1 }
    guard let slot = findSlot(of: entry, owner: UInt32(mirror)) else { return -1 }
    return Int(slots[slot].receiver)
  }

  func setReceiver(of entry: Int, mirror: Int, to receiver: Int) {
    if unsafe entries[entry].mirror == Conversation.noMirror {
      unsafe entries[entry].mirror = UInt16(mirror)
      unsafe entries[entry].receiver = UInt16(receiver)
    } else {
      let slot = addSlot(to: entry, owner: UInt32(mirror))
      slots[slot].receiver = UInt32(receiver)
    }
  }

  /// Counts one record for a `first` filter, once a record, and tells whether it is within the bounds.
  func countFirst(_ entry: Int, id: Int, record: UInt64, bytes: UInt64, maxPackets: UInt64, maxBytes: UInt64) -> Bool {
    let owner = ConversationSlot.firstFilter | UInt32(id)
    let slot = findSlot(of: entry, owner: owner) ?? addSlot(to: entry, owner: owner)
    if slots[slot].record == record { return slots[slot].isWithin }
    let isWithin = slots[slot].packets < maxPackets && slots[slot].bytes < maxBytes
    slots[slot].record = record
    slots[slot].isWithin = isWithin
    slots[slot].packets += 1
    slots[slot].bytes += bytes
    return isWithin
  }

  /// Whether the next record would be within the bounds of a `first` filter.
  func isWithinFirst(_ entry: Int, id: Int, maxPackets: UInt64, maxBytes: UInt64) -> Bool {
    guard let slot = findSlot(of: entry, owner: ConversationSlot.firstFilter | UInt32(id)) else {
      return maxPackets > 0 && maxBytes > 0
    }
    return slots[slot].packets < maxPackets && slots[slot].bytes < maxBytes
  }

  /// Slots made so far: how far the overflow has grown.
  var slotRoom: Int { slots.count }

  private func findSlot(of entry: Int, owner: UInt32) -> Int? {
    var next = unsafe entries[entry].slots
    while next != 0 {
      if slots[Int(next) - 1].owner == owner { return Int(next) - 1 }
      next = slots[Int(next) - 1].next
    }
    return nil
  }

  private func addSlot(to entry: Int, owner: UInt32) -> Int {
    var slot = ConversationSlot(
      owner: owner, receiver: 0, packets: 0, bytes: 0, record: .max, isWithin: false,
      next: unsafe entries[entry].slots)
    if let unused = findSlot(of: entry, owner: Self.nobody) {
      slot.next = slots[unused].next
      slots[unused] = slot
      return unused
    }
    let position: Int
    if freeSlot != 0 {
      position = Int(freeSlot) - 1
      freeSlot = slots[position].next
      slots[position] = slot
    } else {
      position = slots.count
      slots.append(slot)
    }
    unsafe entries[entry].slots = UInt32(position) + 1
    return position
  }

  private func releaseSlots(of entry: Int) {
    if reportsEnded { ended.append(UInt32(entry)) }
    var next = unsafe entries[entry].slots
    while next != 0 {
      let following = slots[Int(next) - 1].next
      slots[Int(next) - 1].next = freeSlot
      freeSlot = next
      next = following
    }
    unsafe entries[entry].slots = 0
  }
}
