// Receivers come and go while the engine runs, in the order of the functions below:
//
//   who looks after them says, between two batches, which are down -> conversations of those that went, and of those that came
//   back, choose anew; all others stay -> classes are made anew, because a mirror that has no receiver left collects nothing ->
//   the loop goes on as ever: a conversation's receiver is well, or it has none
//
// Invariants
// 1. A conversation keeps no receiver that is down, so the loop need not look.
// 2. Of `flow-hash`, `weighted` and `eni-hash` the receivers that are well get what rendezvous hashing over them says: only the
//    share of a receiver that goes moves, and it comes back with it. Of `even` a conversation that moved stays where it is.

internal import Mirroring

extension Pipeline {
  /// From the next record on no copy goes to these; a mirror without any other leaves its packets out as `no-receiver`. Holds
  /// for plans that come later, too. Not to be called while a batch is judged.
  public func setDown(_ down: Set<SinkPlan.Destination>) {
    precondition(copies.count == 0 && trace == nil)
    guard down != self.down else { return }
    self.down = down
    let before = health
    health = RouteHealth(plan, down: down)
    guard health.isWell != before.isWell else { return }
    welcomeBack(before)
    let isFree = plan.entries.map { isMovedByReturn($0, before) }
    release { mirror in isFree[mirror] }
    restartClasses()
  }

  /// `even` takes who comes back to have had as much as the least of the others: it gets its share from now on, and not all
  /// that comes until it has caught up.
  private func welcomeBack(_ before: RouteHealth) {
    for entry in plan.entries where entry.balance == .even {
      let routes = entry.firstRoute..<entry.firstRoute + entry.receiverCount
      guard let least = routes.filter({ before.isWell[$0] }).map(load).min() else { continue }
      for route in routes where health.isWell[route] && !before.isWell[route] && load(route) < least {
        routedEarlier[route] += least - load(route)
      }
    }
  }

  /// What goes by hash goes where it would have gone from the beginning: the next packet finds the place again.
  private func isMovedByReturn(_ entry: MirrorPlan.Entry, _ before: RouteHealth) -> Bool {
    guard entry.balance == .flowHash || entry.balance == .weighted else { return false }
    let routes = entry.firstRoute..<entry.firstRoute + entry.receiverCount
    return routes.contains { health.isWell[$0] && !before.isWell[$0] }
  }

  /// Conversations forget receivers that are down.
  ///
  /// - Parameter isFree: mirrors whose conversations forget theirs, whichever it is.
  func release(isFree: (Int) -> Bool = { _ in false }) {
    conversations.releaseReceivers { mirror, receiver in
      guard mirror < plan.entries.count else { return true }
      return isFree(mirror) || !isWell(mirror, receiver)
    }
  }

  @inline(__always)
  func isWell(_ mirror: Int, _ receiver: Int) -> Bool {
    health.isAllWell || health.isWell[plan.entries[mirror].firstRoute + receiver]
  }

  /// The mirror has a receiver that takes copies.
  @inline(__always)
  func hasReceiver(_ mirror: Int) -> Bool { health.isAllWell || health.wellCount[mirror] > 0 }

  /// The winner among the receivers that are well; the mirror has one.
  func rendezvous(_ mirror: Int, _ key: UInt64) -> Int {
    guard !health.isAllWell else { return plan.rendezvous[mirror].choose(key) }
    return plan.rendezvous[mirror].choose(key) { isWell(mirror, $0) }
  }

  /// A receiver that a script chose, or, if it is down, another by the flow's hash.
  func standIn(for receiver: Int, of mirror: Int, _ subject: Subject) -> Int {
    isWell(mirror, receiver) ? receiver : rendezvous(mirror, conversations.key(of: subject.entry).hash(.fixed))
  }
}

extension ConversationTable {
  /// Conversations forget the receivers that `isReleased` (mirror, receiver) says.
  func releaseReceivers(_ isReleased: (Int, Int) -> Bool) {
    for entry in 0..<used {
      let conversation = unsafe entries + entry
      let mirror = unsafe conversation.pointee.mirror
      guard mirror != Conversation.noMirror,
        unsafe isReleased(Int(mirror), Int(conversation.pointee.receiver))
      else { continue }
      unsafe conversation.pointee.mirror = Conversation.noMirror
      unsafe conversation.pointee.receiver = 0
    }
    for position in slots.indices {
      let slot = slots[position]
      guard slot.owner < ConversationSlot.firstFilter else { continue }
      if isReleased(Int(slot.owner), Int(slot.receiver)) { slots[position].owner = Self.nobody }
    }
  }
}
