// A bounded open-addressing table of conversations with idle expiry by packet time.
//
// Invariants
// 1. `index` has at most half of its slots taken, so a probe always meets an empty one.
// 2. A taken slot of `index` holds the position of a live entry, plus one, in as many low bits as `mask` has, and bits of
//    its key's hash in those above.
// 3. `entries[0 ..< used]` are initialised; those not live are on the free list, linked through `slots`, and are
//    vacant.
// 4. Positions are stable while an entry lives: growth keeps them.
// 5. What is evicted, and when, depends on the packets alone, never on the random seed: the clock hand walks
//    `entries` in order of position.

/// One conversation: what a packet of it needs, in one cache line. What few need stands in tables beside this one.
struct Conversation {
  var name: FlowName
  /// What the last packet of each direction looked like on its link, and its verdict class (`Path`).
  var path0: Path
  var path1: Path
  /// Ticks of the engine's clock, see `ConversationTable.tick`.
  var lastSeen: UInt32
  /// First overflow slot plus one; 0: none. On the free list: the next free entry plus one.
  var slots: UInt32
  /// The first mirror that keeps this conversation at a receiver; `Conversation.noMirror`: none yet.
  var mirror: UInt16
  var receiver: UInt16
  /// Outer UDP source port of copies, 49152 to 65535 (RFC 7348 section 5), from the fixed hash of the key.
  var sourcePort: UInt16

  static let noMirror: UInt16 = .max
}

extension UnsafeMutablePointer<Conversation> {
  /// By arithmetic, not by a branch: which direction comes next is as good as random.
  @inline(__always)
  func path(isSwapped: UInt8) -> UnsafeMutablePointer<Path> {
    let paths = unsafe UnsafeMutableRawPointer(self) + MemoryLayout<FlowName>.stride
    return unsafe paths.assumingMemoryBound(to: Path.self) + Int(isSwapped)
  }
}

extension UInt64 {
  /// 1 if it is below the limit, 0 if not: a borrow. Both are less than 2^63.
  @inline(__always)
  fileprivate func isBelow(_ limit: UInt64) -> UInt64 { (self &- limit) &>> 63 }
}

/// What scripts may ask of a conversation; kept only where there are any.
struct ConversationAccount: BitwiseCopyable {
  /// Nanoseconds since 1970 of the first packet.
  var firstSeen: Int64
  var bytes: UInt64
  var packets: UInt64

  @inline(__always)
  mutating func count(_ length: UInt32) {
    packets &+= 1
    bytes &+= UInt64(length)
  }
}

/// The link's part of what a verdict depends on: MACs and interface; and the verdict class that was found for it.
struct Path {
  /// Source MAC in the upper 48 bits, link binding in the lower 16.
  var source: UInt64
  /// Destination MAC in the upper 48 bits, class in the lower 16; class 0: nothing remembered.
  var destination: UInt64

  static let empty = Path(source: 0, destination: 0)
}

/// Safe because: pointers are owned, bounds follow from the invariants, and nothing escapes but positions.
@safe final class ConversationTable {
  let entries: UnsafeMutablePointer<Conversation>
  /// Of conversations whose name is not whole, where that says.
  let wideKeys: UnsafeMutablePointer<WideKey>
  private var wideUsed = 0
  /// Places of `wideKeys` that are free again.
  private var wideFree: [UInt32] = []
  /// By position, if `keepsAccounts`.
  let accounts: UnsafeMutablePointer<ConversationAccount>
  private(set) var index: UnsafeMutablePointer<UInt32>
  private let room: [ReservedMemory]
  private let indexRoom: ReservedMemory
  private(set) var mask: Int
  private(set) var used = 0
  private(set) var live = 0
  private var capacity: Int
  private let limit: Int
  private var freeHead: UInt32 = 0
  private var hand = 0
  private var untilSweep = 0
  /// Entries that sweeps have looked at: how much work they were.
  private(set) var swept = 0
  let seed: HashSeed
  let idleTicks: UInt32
  var slots: [ConversationSlot] = []
  var freeSlot: UInt32 = 0
  /// Conversations that were dropped for room although not idle.
  private(set) var evicted: UInt64 = 0
  /// Positions whose conversation ended; scripts release what they kept for it. Filled only if `hasWatchers`.
  var ended: [UInt32] = []
  /// Scripts look on: they may ask for `accounts`, and are told what has `ended`.
  private(set) var hasWatchers = false
  /// Where `touch` leaves what it loads, so that the loads are not optimised away.
  private var touched: UInt64 = 0

  /// - Parameters:
  ///   - limit: conversations kept at most.
  ///   - idle: nanoseconds without a packet after which a conversation is over.
  /// - Throws: when there is no address space for that many.
  init(limit: Int, idle: Int64, seed: HashSeed) throws(OutOfMemory) {
    self.limit = min(max(16, limit), 1 << 30)
    self.seed = seed
    idleTicks = UInt32(clamping: Self.tick(max(0, idle)))
    capacity = min(1024, self.limit)
    room = [
      try ReservedMemory(byteCount: self.limit * MemoryLayout<Conversation>.stride),
      try ReservedMemory(byteCount: self.limit * MemoryLayout<WideKey>.stride),
      try ReservedMemory(byteCount: self.limit * MemoryLayout<ConversationAccount>.stride),
    ]
    unsafe entries = room[0].base.assumingMemoryBound(to: Conversation.self)
    unsafe wideKeys = room[1].base.assumingMemoryBound(to: WideKey.self)
    unsafe accounts = room[2].base.assumingMemoryBound(to: ConversationAccount.self)
    let size = Self.indexSize(capacity)
    // Each size has its own place, so that growing asks for nothing: all of them are no more than twice the largest.
    indexRoom = try ReservedMemory(byteCount: 2 * Self.indexSize(self.limit) * 4)
    unsafe index = indexRoom.base.assumingMemoryBound(to: UInt32.self)
    mask = size - 1
  }

  /// Nanoseconds to ticks of 16.8 ms.
  @inline(__always)
  static func tick(_ nanoseconds: Int64) -> Int64 { nanoseconds >> tickBits }
  static let tickBits: Int64 = 24

  private static func indexSize(_ capacity: Int) -> Int {
    var size = 16
    while size < capacity * 2 { size *= 2 }
    return size
  }

  // MARK: Finding

  /// What a slot of the index has above the position: bits of the hash.
  @inline(__always)
  private func tag(_ hash: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: hash >> 32) & ~UInt32(truncatingIfNeeded: mask)
  }

  /// For each frame the conversation that the first two slots of its probe point at: nearly always its own. The loads of
  /// one loop do not depend on each other, so that their cache misses overlap instead of adding up.
  @inline(__always)
  func seek(_ frames: UnsafeMutablePointer<PreparedFrame>, count: Int) {
    let (index, mask) = unsafe (index, mask)
    let limit = UInt64(mask)
    for position in 0..<count {
      let hash = unsafe frames[position].hash
      let slot = Int(truncatingIfNeeded: hash) & mask
      let tag = tag(hash)
      // A slot with the key's tag is the position then, plus one; any other, and an empty one, is too large or zero.
      let first = unsafe UInt64((index[slot] ^ tag) &- 1)
      let second = unsafe UInt64((index[(slot &+ 1) & mask] ^ tag) &- 1)
      unsafe frames[position].candidate = Self.first(first, second, below: limit)
    }
    guard mask > Self.cachedMask else { return }
    var sum: UInt64 = 0
    for position in 0..<count { unsafe sum &+= entries[Int(frames[position].candidate)].name.first }
    for position in 0..<(wideUsed > 0 ? count : 0) {
      let held = unsafe entries[Int(frames[position].candidate)].name
      // All ones for a wide name.
      let isWide = Int(truncatingIfNeeded: held.first >> 63) &- 1
      unsafe sum &+= wideKeys[held.widePlace & isWide].lowHigh
    }
    touched &+= sum
  }

  /// The first of two numbers that is below a limit, or 0. By arithmetic: the branch would be guessed wrong one time in
  /// six.
  @inline(__always)
  private static func first(_ first: UInt64, _ second: UInt64, below limit: UInt64) -> UInt32 {
    let isFirst = 0 &- first.isBelow(limit)
    let isSecond = 0 &- second.isBelow(limit)
    return UInt32(truncatingIfNeeded: first & isFirst | second & isSecond & ~isFirst)
  }

  /// Tables up to this size stay in the second-level cache by themselves.
  private static let cachedMask = 1 << 12

  @inline(__always)
  func isHeld(_ entry: Int, by name: FlowName, _ wide: WideKey) -> Bool {
    let held = unsafe entries[entry].name
    guard !name.isWhole else { return name == held }
    return unsafe name.agrees(with: held) && wideKeys[held.widePlace] == wide
  }

  /// Position of the conversation, or -1. An idle one is found too: see `isOver`.
  func find(_ name: FlowName, _ wide: WideKey, hash: UInt64) -> Int {
    var position = Int(truncatingIfNeeded: hash) & mask
    let tag = tag(hash)
    while true {
      let slot = unsafe index[position]
      if slot == 0 { return -1 }
      let found = slot ^ tag
      if found &- 1 < UInt32(truncatingIfNeeded: mask), isHeld(Int(found &- 1), by: name, wide) {
        return Int(found &- 1)
      }
      position = (position &+ 1) & mask
    }
  }

  @inline(__always)
  func isOver(_ entry: Int, now: UInt32) -> Bool {
    unsafe now &- entries[entry].lastSeen > idleTicks
  }

  func key(of entry: Int) -> FlowKey {
    let name = unsafe entries[entry].name
    return unsafe FlowKey(name, name.isWhole ? .empty : wideKeys[name.widePlace])
  }

  private func hash(of entry: Int) -> UInt64 {
    let name = unsafe entries[entry].name
    return name.isWhole ? name.hash(seed) : key(of: entry).hash(seed)
  }

  // MARK: Coming and going

  /// Sets `hasWatchers`. Conversations that nobody watched have accounts from now on.
  func watch(_ isWatched: Bool, at time: Int64) {
    let begins = isWatched && !hasWatchers
    hasWatchers = isWatched
    guard begins, used > 0 else { return }
    let account = ConversationAccount(firstSeen: time, bytes: 0, packets: 0)
    unsafe accounts.initialize(repeating: account, count: used)
  }

  /// Makes an idle conversation a new one in place: same key, nothing remembered.
  func restart(_ entry: Int, time: Int64, now: UInt32) {
    releaseSlots(of: entry)
    unsafe begin(entry, entries[entry].name, time: time, now: now)
  }

  private func begin(_ entry: Int, _ name: FlowName, time: Int64, now: UInt32) {
    let port = key(of: entry).copyPort
    unsafe (entries + entry).initialize(
      to: Conversation(
        name: name, path0: .empty, path1: .empty, lastSeen: now, slots: 0, mirror: Conversation.noMirror, receiver: 0,
        sourcePort: port))
    if hasWatchers { unsafe accounts[entry] = ConversationAccount(firstSeen: time, bytes: 0, packets: 0) }
  }

  /// Adds a conversation that `find` did not find; makes room when the table is full.
  func insert(_ name: FlowName, _ wide: WideKey, hash: UInt64, time: Int64, now: UInt32) -> Int {
    let entry = takeEntry(now: now)
    let held = name.isWhole ? name : name.held(at: takeWidePlace())
    unsafe entries[entry].name = held
    if !name.isWhole { unsafe wideKeys[held.widePlace] = wide }
    begin(entry, held, time: time, now: now)
    place(hash: hash, entry: entry)
    live += 1
    return entry
  }

  /// There are as many as entries.
  private func takeWidePlace() -> Int {
    if let place = wideFree.popLast() { return Int(place) }
    wideUsed += 1
    return wideUsed - 1
  }

  private func takeEntry(now: UInt32) -> Int {
    if freeHead != 0 { return popFree() }
    if used == capacity {
      sweepIfDue(now: now)
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

  /// A sweep looks at every conversation: when it was in vain, an eighth of them must be evicted before the next one.
  /// Otherwise every packet of a flood of new flows would cost a walk through a full table.
  private func sweepIfDue(now: UInt32) {
    guard untilSweep == 0 else {
      untilSweep -= 1
      return
    }
    sweep(now: now)
    if freeHead == 0 { untilSweep = used / 8 }
  }

  /// Frees every idle conversation, when that frees at least an eighth: otherwise growing or evicting is cheaper than
  /// sweeping again soon.
  private func sweep(now: UInt32) {
    var idle = 0
    swept += used
    for entry in 0..<used where unsafe now &- entries[entry].lastSeen > idleTicks { idle += 1 }
    guard idle * 8 >= used else { return }
    for entry in 0..<used where unsafe now &- entries[entry].lastSeen > idleTicks {
      remove(entry)
      unsafe entries[entry].slots = freeHead
      freeHead = UInt32(entry) + 1
    }
  }

  /// By four: every growth places all conversations anew.
  private func grow() {
    capacity = min(capacity * 4, limit)
    untilSweep = 0
    let size = Self.indexSize(capacity)
    guard size != mask + 1 else { return }
    // The smaller ones together end where it begins.
    unsafe index += mask + 1
    mask = size - 1
    indexRoom.giveBack(before: unsafe UnsafeRawPointer(index) - UnsafeRawPointer(indexRoom.base))
    for entry in 0..<used { place(hash: hash(of: entry), entry: entry) }
  }

  private func place(hash: UInt64, entry: Int) {
    var position = Int(truncatingIfNeeded: hash) & mask
    while unsafe index[position] != 0 { position = (position + 1) & mask }
    unsafe index[position] = tag(hash) | UInt32(entry + 1)
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
    var position = Int(truncatingIfNeeded: hash(of: entry)) & mask
    while unsafe Int(index[position]) & mask != entry + 1 { position = (position + 1) & mask }
    closeGap(at: position)
    let name = unsafe entries[entry].name
    if !name.isWhole { wideFree.append(UInt32(name.widePlace)) }
    unsafe entries[entry].name = .vacant
    live -= 1
  }

  /// Backward shift deletion: moves later slots of the run into the gap where their probe allows it.
  private func closeGap(at start: Int) {
    var gap = start
    var position = (gap + 1) & mask
    while true {
      let slot = unsafe index[position]
      if slot == 0 { break }
      let home = Int(truncatingIfNeeded: hash(of: (Int(slot) & mask) - 1)) & mask
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
