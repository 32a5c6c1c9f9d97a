// What mirrors and `first` filters remember of a conversation.
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

extension ConversationTable {
  /// The receiver that the mirror chose for this conversation, or -1.
  @inline(__always)
  func receiver(of entry: Int, mirror: Int) -> Int {
    let conversation = unsafe entries + entry
    if mirror < Int(Conversation.noMirror), unsafe Int(conversation.pointee.mirror) == mirror {
      return unsafe Int(conversation.pointee.receiver)
    }
    guard unsafe conversation.pointee.slots != 0 else { return -1 }
    guard let slot = findSlot(of: entry, owner: UInt32(mirror)) else { return -1 }
    return Int(slots[slot].receiver)
  }

  func setReceiver(of entry: Int, mirror: Int, to receiver: Int) {
    if mirror < Int(Conversation.noMirror), unsafe entries[entry].mirror == Conversation.noMirror {
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

  func releaseSlots(of entry: Int) {
    if hasWatchers { ended.append(UInt32(entry)) }
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
