extension ConversationTable {
  /// Owner of what no mirror and no filter of the plan in force remembers: reused by the next that does.
  static let nobody = UInt32.max

  /// What mirrors and `first` filters remember goes to their successors; what has none is free for others.
  func hand(over succession: Succession) {
    for entry in 0..<used { unsafe hand(over: succession, entries + entry) }
    for position in slots.indices where slots[position].owner != Self.nobody {
      hand(over: succession, &slots[position])
    }
  }

  /// Free entries come along: nothing reads these two fields of them.
  private func hand(over succession: Succession, _ conversation: UnsafeMutablePointer<Conversation>) {
    let mirror = unsafe conversation.pointee.mirror
    guard mirror != Conversation.noMirror else { return }
    let kept = unsafe succession.successor(of: Int(mirror), Int(conversation.pointee.receiver))
    // A number that does not fit here: the conversation chooses anew.
    guard kept.map({ $0.mirror < Int(Conversation.noMirror) }) ?? true else {
      unsafe conversation.pointee.mirror = Conversation.noMirror
      return
    }
    unsafe conversation.pointee.mirror = kept.map { UInt16($0.mirror) } ?? Conversation.noMirror
    unsafe conversation.pointee.receiver = kept.map { UInt16($0.receiver) } ?? 0
  }

  private func hand(over succession: Succession, _ slot: inout ConversationSlot) {
    if slot.owner >= ConversationSlot.firstFilter {
      let next = succession.firsts[Int(slot.owner & ~ConversationSlot.firstFilter)]
      slot.owner = next.map { ConversationSlot.firstFilter | UInt32($0) } ?? Self.nobody
    } else if let kept = succession.successor(of: Int(slot.owner), Int(slot.receiver)) {
      slot.owner = UInt32(kept.mirror)
      slot.receiver = UInt32(kept.receiver)
    } else {
      slot.owner = Self.nobody
    }
  }
}

extension Succession {
  /// Where a conversation of a mirror goes on; nil: the mirror or the receiver is gone, or chooses anew.
  func successor(of mirror: Int, _ receiver: Int) -> (mirror: Int, receiver: Int)? {
    guard mirror < mirrors.count, mirrors[mirror] >= 0, keepsReceivers[mirror], receiver < receivers[mirror].count,
      receivers[mirror][receiver] >= 0
    else { return nil }
    return (mirrors[mirror], receivers[mirror][receiver])
  }
}
