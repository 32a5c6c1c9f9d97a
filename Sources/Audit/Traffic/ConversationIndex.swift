internal import DataPath

/// Finds the entry of a key: open addressing, linear probing, a secret seed.
///
/// 1. A slot holds an entry's position plus one; 0 is free.
/// 2. At most half of the slots are taken, so that a search ends.
struct ConversationIndex {
  private let seed = HashSeed.random()
  private var slots: [UInt32]
  private var mask: Int
  private var taken = 0

  init() {
    slots = Array(repeating: 0, count: 1024)
    mask = 1023
  }

  func hash(_ key: FlowKey) -> UInt64 { key.hash(seed) }

  /// Where the entry with the hash probably is.
  func candidate(_ hash: UInt64) -> Int? {
    let slot = slots[Int(truncatingIfNeeded: hash) & mask]
    return slot == 0 ? nil : Int(slot) - 1
  }

  /// - Parameters:
  ///   - hash: the key's.
  ///   - isSame: whether the entry at a position has the key.
  func find(_ hash: UInt64, _ isSame: (Int) -> Bool) -> Int? {
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 {
      let position = Int(slots[slot]) - 1
      if isSame(position) { return position }
      slot = (slot + 1) & mask
    }
    return nil
  }

  /// - Parameter keyAt: of an entry by its position, for when the slots are laid out anew.
  mutating func insert(_ key: FlowKey, _ position: Int, keyAt: (Int) -> FlowKey) {
    if (taken + 1) * 2 > slots.count { grow(keyAt) }
    place(key, position)
    taken += 1
  }

  private mutating func place(_ key: FlowKey, _ position: Int) {
    var slot = Int(truncatingIfNeeded: key.hash(seed)) & mask
    while slots[slot] != 0 { slot = (slot + 1) & mask }
    slots[slot] = UInt32(position + 1)
  }

  private mutating func grow(_ keyAt: (Int) -> FlowKey) {
    let old = slots
    slots = Array(repeating: 0, count: old.count * 2)
    mask = slots.count - 1
    for slot in old where slot != 0 { place(keyAt(Int(slot) - 1), Int(slot) - 1) }
  }

  /// Takes an entry out; those behind it move up, so that no search meets a gap before what it looks for.
  mutating func remove(_ key: FlowKey, _ position: Int, keyAt: (Int) -> FlowKey) {
    var slot = Int(truncatingIfNeeded: key.hash(seed)) & mask
    while slots[slot] != UInt32(position + 1) {
      guard slots[slot] != 0 else { return }
      slot = (slot + 1) & mask
    }
    taken -= 1
    var free = slot
    var next = (slot + 1) & mask
    while slots[next] != 0 {
      let home = Int(truncatingIfNeeded: keyAt(Int(slots[next]) - 1).hash(seed)) & mask
      if (next - home) & mask >= (next - free) & mask {
        slots[free] = slots[next]
        free = next
      }
      next = (next + 1) & mask
    }
    slots[free] = 0
  }
}
