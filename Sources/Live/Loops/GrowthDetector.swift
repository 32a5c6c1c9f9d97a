// Loops that nothing else excludes, in the order of what happens to a packet that goes round:
//
//   the same packet, whatever tunnels it has meanwhile been put into, is to be copied again and again from the same ENI and
//   direction -> its copies are withheld for a while -> it comes no more: it came back only because it was copied; or it comes all
//   the same: someone sends it so often, it is let be -> the third packet that proves it pauses the mirror
//
// Of one batch a packet counts once: what was copied of a batch comes back in a later one.

/// Finds mirrors whose copies come back. Its clock is the packets'.
struct GrowthDetector {
  /// How often the same packet is seen within `window` before its copies are withheld.
  static let limit: UInt16 = 8
  static let window: Int64 = 4_000_000_000
  static let shortest: Int64 = 200_000_000
  /// So many packets within `proofWindow` prove a loop.
  static let proofs = 3
  static let proofWindow: Int64 = 10_000_000_000
  /// How long a packet that is sent so often is let be.
  static let exemption: Int64 = 600_000_000_000

  /// Where a packet is observed, and by which mirror.
  struct Place: Hashable {
    var mirror: Int
    /// Index into `SinkPlan.origins`.
    var origin: UInt32
    var isOutbound: Bool
  }

  private struct Entry {
    var fingerprint: UInt64 = 0
    /// When it was first counted; while withheld, until when; later, until when it is exempt.
    var time: Int64 = .min
    var batch: UInt32 = 0
    var count: UInt16 = 0
    /// While withheld: how often it came all the same.
    var seen: UInt16 = 0
    var state = State.counting
  }

  private enum State: UInt8 { case counting, withheld, exempt }

  private struct Held {
    var position: Int
    var place: Place
  }

  private static let mask = 4095
  private var entries = [Entry](repeating: Entry(), count: mask + 1)
  private var held: [Held] = []
  /// By mirror: when packets proved a loop.
  private var proven: [Int: [Int64]] = [:]
  /// By mirror: where its copies come back. It is paused.
  private(set) var loops: [Int: Place] = [:]
  private var nextLook: Int64 = .max
  private var batch: UInt32 = 0

  /// Before the copies of a batch.
  mutating func beginBatch(at time: Int64) {
    batch &+= 1
    if time >= nextLook { look(at: time) }
  }

  /// - Parameter fingerprint: of the packet, wherever it is.
  /// - Returns: whether the copy must not be sent.
  mutating func withholds(_ fingerprint: UInt64, _ place: Place, at time: Int64) -> Bool {
    if !loops.isEmpty, loops[place.mirror] != nil { return true }
    let name = fingerprint ^ place.word
    let position = Int(truncatingIfNeeded: name >> 40) & Self.mask
    guard entries[position].fingerprint == name, !isOver(entries[position], at: time) else {
      begin(position, name, at: time)
      return false
    }
    switch entries[position].state {
    case .exempt: return false
    case .withheld:
      entries[position].seen += entries[position].seen < .max ? 1 : 0
      return true
    case .counting: return count(position, place, at: time)
    }
  }

  private func isOver(_ entry: Entry, at time: Int64) -> Bool {
    switch entry.state {
    case .counting: time - entry.time > Self.window
    case .withheld: false
    case .exempt: time > entry.time
    }
  }

  private mutating func begin(_ position: Int, _ name: UInt64, at time: Int64) {
    // Who is suspected keeps the place.
    let isTaken = entries[position].state != .counting || entries[position].count > 2
    if isTaken, entries[position].fingerprint != name, !isOver(entries[position], at: time) { return }
    entries[position] = Entry(fingerprint: name, time: time, batch: batch, count: 1)
  }

  private mutating func count(_ position: Int, _ place: Place, at time: Int64) -> Bool {
    guard entries[position].batch != batch else { return false }
    entries[position].batch = batch
    entries[position].count += 1
    guard entries[position].count > Self.limit else { return false }
    let pace = (time - entries[position].time) / Int64(Self.limit)
    entries[position].state = .withheld
    entries[position].seen = 0
    entries[position].time = time + max(Self.shortest, 8 * pace)
    held.append(Held(position: position, place: place))
    nextLook = min(nextLook, entries[position].time)
    return true
  }

  // MARK: What became of those withheld

  private mutating func look(at time: Int64) {
    let due = held.filter { entries[$0.position].time <= time }
    held.removeAll { entries[$0.position].time <= time }
    nextLook = held.map { entries[$0.position].time }.min() ?? .max
    for item in due {
      // One may have been on its way.
      if entries[item.position].seen > 1 {
        entries[item.position].state = .exempt
        entries[item.position].time = time + Self.exemption
      } else {
        entries[item.position] = Entry()
        prove(item.place, at: time)
      }
    }
  }

  private mutating func prove(_ place: Place, at time: Int64) {
    let recent = (proven[place.mirror] ?? []).filter { time - $0 < Self.proofWindow } + [time]
    proven[place.mirror] = recent
    if recent.count >= Self.proofs { loops[place.mirror] = place }
  }
}

extension GrowthDetector.Place {
  fileprivate var word: UInt64 {
    (UInt64(truncatingIfNeeded: mirror) << 33 | UInt64(origin) << 1 | (isOutbound ? 1 : 0)) &* 0x9e37_79b9_7f4a_7c15
  }
}
