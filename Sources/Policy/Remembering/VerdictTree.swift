// Answers of one function for one mirror, by what the function read: at each node it reads one key, and the value says where
// to go on, because what a function reads next follows from what it read so far (Maple, SIGCOMM 2013).
//
// Invariants
// 1. An edge's target is 0 (nothing yet), a node (even), or an answer (odd).
// 2. At most half of the edges' slots are taken, so a probe always meets an empty one.
// 3. The tree is bounded; a full one is emptied: what is remembered is never wrong, only gone.

/// What a function answered.
struct RememberedAnswer: Equatable {
  /// Of a filter 1 for yes; of a balancer the receiver's position, or `none`.
  var code: UInt32
  /// The same for every packet of the conversation's path.
  var isOfPath: Bool

  static let none: UInt32 = 0x3fff_ffff
}

/// Safe because: the edges are owned memory of `capacity` slots, positions are masked, and nothing escapes but values.
@safe final class VerdictTree {
  private struct Edge: BitwiseCopyable {
    var high: UInt64
    var low: UInt64
    /// The node it leaves, plus one; 0: the slot is empty.
    var node: UInt32
    var tag: UInt32
    var target: UInt32
    var spare: UInt32 = 0

    static let empty = Edge(high: 0, low: 0, node: 0, tag: 0, target: 0)
  }

  private static let smallest = 64
  /// Slots: at most half are used, 32 bytes each.
  private static let largest = 1 << 15

  private var edges: UnsafeMutablePointer<Edge>
  private var capacity = smallest
  private var count = 0
  /// The key that each node reads.
  private var nodes: [UInt8] = []
  private var root: UInt32 = 0
  /// Strangers choose the values.
  private let seed = (UInt64.random(in: 1...UInt64.max) | 1, UInt64.random(in: 1...UInt64.max))

  init() {
    unsafe edges = .allocate(capacity: Self.smallest)
    unsafe edges.initialize(repeating: .empty, count: Self.smallest)
  }

  deinit { unsafe edges.deallocate() }

  var isEmpty: Bool { root == 0 }

  /// What is known for a packet; `value` gives a key's value for it.
  @inline(__always)
  func find(_ value: (UInt8) -> PacketKeyValue) -> RememberedAnswer? {
    var target = root
    while target & 1 == 0 {
      guard target != 0 else { return nil }
      let node = target >> 1
      let slot = slot(node, value(nodes[Int(node) - 1]))
      target = unsafe edges[slot].target
    }
    return RememberedAnswer(code: target >> 2, isOfPath: target & 2 != 0)
  }

  /// Remembers an answer under the keys read, in their order.
  ///
  /// - Returns: false if that contradicts what is remembered: the function is not what it was taken for.
  func insert(
    _ keys: UnsafeBufferPointer<UInt8>, _ answer: RememberedAnswer, _ value: (UInt8) -> PacketKeyValue
  ) -> Bool {
    makeRoom(keys.count)
    var place = -1
    for index in 0..<keys.count {
      let key = unsafe keys[index]
      var target = unsafe place < 0 ? root : edges[place].target
      if target == 0 {
        nodes.append(key)
        target = UInt32(nodes.count) << 1
        set(place, target)
      }
      guard target & 1 == 0, nodes[Int(target >> 1) - 1] == key else { return false }
      place = taken(target >> 1, value(key))
    }
    let wanted = answer.code << 2 | (answer.isOfPath ? 2 : 0) | 1
    let known = unsafe place < 0 ? root : edges[place].target
    if known == 0 { set(place, wanted) }
    return known == 0 || known == wanted
  }

  func removeAll() {
    root = 0
    nodes.removeAll(keepingCapacity: true)
    guard count > 0 else { return }
    unsafe edges.update(repeating: .empty, count: capacity)
    count = 0
  }

  private func set(_ place: Int, _ target: UInt32) {
    if place < 0 { root = target } else { unsafe edges[place].target = target }
  }

  // MARK: Edges

  /// Where the edge is, or the empty slot where it would be.
  @inline(__always)
  private func slot(_ node: UInt32, _ value: PacketKeyValue) -> Int {
    let mask = capacity &- 1
    let first = Self.fold(value.low ^ seed.0, (value.high &+ seed.1) | 1)
    let hash = Self.fold(first ^ UInt64(node) << 32 ^ UInt64(value.tag), seed.0)
    var slot = Int(truncatingIfNeeded: hash) & mask
    while unsafe edges[slot].node != 0 {
      let edge = unsafe edges + slot
      if unsafe edge.pointee.node == node && edge.pointee.low == value.low && edge.pointee.high == value.high
        && edge.pointee.tag == value.tag
      {
        return slot
      }
      slot = (slot &+ 1) & mask
    }
    return slot
  }

  private func taken(_ node: UInt32, _ value: PacketKeyValue) -> Int {
    let slot = slot(node, value)
    if unsafe edges[slot].node == 0 {
      unsafe edges[slot] = Edge(high: value.high, low: value.low, node: node, tag: value.tag, target: 0)
      count += 1
    }
    return slot
  }

  @inline(__always)
  private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }

  private func makeRoom(_ more: Int) {
    guard (count + more) * 2 > capacity else { return }
    guard capacity < Self.largest else { return removeAll() }
    let old = unsafe UnsafeBufferPointer(start: edges, count: capacity)
    capacity *= 2
    while (count + more) * 2 > capacity { capacity *= 2 }
    unsafe edges = .allocate(capacity: capacity)
    unsafe edges.initialize(repeating: .empty, count: capacity)
    for index in 0..<old.count where unsafe old[index].node != 0 {
      let edge = unsafe old[index]
      var value = PacketKeyValue(0, isPresent: false)
      (value.high, value.low, value.tag) = (edge.high, edge.low, edge.tag)
      unsafe edges[slot(edge.node, value)] = edge
    }
    unsafe old.deallocate()
  }
}
