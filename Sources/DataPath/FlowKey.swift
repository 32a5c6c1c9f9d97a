package import Wire

/// A conversation's identity: both directions of a flow have the same key.
///
/// The endpoint with the lower (address, port) stands first. Nothing of the link layer is in it: a conversation seen on
/// two segments is one.
@frozen @usableFromInline
package struct FlowKey: Equatable {
  var lowHigh: UInt64
  var lowLow: UInt64
  var highHigh: UInt64
  var highLow: UInt64
  /// Ports of the lower and the higher endpoint (16 bits each), IP protocol (8), what is known (8), EtherType (16).
  var meta: UInt64

  /// What the key says beyond addresses and ports, so that equal keys mean equal knowledge.
  static let portsKnown: UInt64 = 1
  static let protocolKnown: UInt64 = 2
  static let isIPv4: UInt64 = 4
  static let isIPv6: UInt64 = 8
  static let laterFragment: UInt64 = 16
}

extension FlowKey {
  /// The key of an IP packet whose summary is not malformed, and whether source and destination were swapped.
  @inline(__always)
  package static func make(_ summary: PacketSummary) -> (key: FlowKey, isSwapped: Bool) {
    let flags = summary.flags
    var known: UInt64 = summary.ipVersion == 4 ? isIPv4 : isIPv6
    known |= UInt64(flags.rawValue >> 4 & 1) * portsKnown
    known |= UInt64(flags.rawValue >> 3 & 1) * protocolKnown
    known |= UInt64(flags.rawValue >> 6 & 1) * laterFragment
    let tail = UInt64(summary.protocol) << 24 | known << 16
    // Without branches: which end is lower is as good as random, and a wrong guess costs as much as the rest.
    let isSwapped = isGreater(summary)
    let mask: UInt64 = isSwapped ? .max : 0
    let high = (summary.sourceHigh ^ summary.destinationHigh) & mask
    let low = (summary.sourceLow ^ summary.destinationLow) & mask
    let shift = UInt32(truncatingIfNeeded: mask & 16)
    let ports = UInt64(
      summary.ports &<< shift | summary.ports &>> ((32 &- shift) & 31) & UInt32(truncatingIfNeeded: mask))
    return (
      FlowKey(
        lowHigh: summary.sourceHigh ^ high, lowLow: summary.sourceLow ^ low, highHigh: summary.destinationHigh ^ high,
        highLow: summary.destinationLow ^ low, meta: ports << 32 | tail), isSwapped
    )
  }

  /// Whether (source, port) is greater than (destination, port): the borrow of a subtraction of 144 bits, without a
  /// branch.
  @inline(__always)
  private static func isGreater(_ summary: PacketSummary) -> Bool {
    let ports: UInt64 = summary.destinationPort < summary.sourcePort ? 1 : 0
    let low = borrow(summary.destinationLow, summary.sourceLow, ports)
    return borrow(summary.destinationHigh, summary.sourceHigh, low) != 0
  }

  /// 1 if a - b - borrowed is less than zero; `borrowed` is 0 or 1.
  @inline(__always)
  private static func borrow(_ a: UInt64, _ b: UInt64, _ borrowed: UInt64) -> UInt64 {
    let difference = a &- b
    let isLess: UInt64 = a < b ? 1 : 0
    let isEqual: UInt64 = difference == 0 ? 1 : 0
    return isLess | isEqual & borrowed
  }

  /// The key of a frame without readable addresses: the pair of MACs and the EtherType.
  static func makeLinkLayer(_ summary: PacketSummary) -> (key: FlowKey, isSwapped: Bool) {
    let isSwapped = summary.sourceMAC > summary.destinationMAC
    let key = FlowKey(
      lowHigh: 0, lowLow: isSwapped ? summary.destinationMAC : summary.sourceMAC, highHigh: 0,
      highLow: isSwapped ? summary.sourceMAC : summary.destinationMAC, meta: UInt64(summary.etherType))
    return (key, isSwapped)
  }
}

/// A flow key in the two words by which the conversation table knows it. They say all of an IPv4 key; of any other they
/// are a hash, and `WideKey` has the addresses.
struct FlowName: BitwiseCopyable, Equatable {
  /// IPv4: the lower endpoint in 48 bits, the protocol in 8, what is known in 7, `isWhole`. Others: 30 bits of hash and
  /// `isWide` in the upper half; in the lower, in the table, the place of the `WideKey`.
  var first: UInt64
  /// IPv4: the higher endpoint in 48 bits. Others: `FlowKey.meta`.
  var second: UInt64

  static let isWhole: UInt64 = 1 << 63
  static let isWide: UInt64 = 1 << 62
  /// No key's names, since neither bit is set: of a frame that has none, and of an entry that nobody holds.
  static let nobody = FlowName(first: 1, second: 0)
  static let vacant = FlowName(first: 0, second: 0)

  @inline(__always)
  var isWhole: Bool { first & Self.isWhole != 0 }

  /// - Parameters: endpoints as address << 16 | port, the lower first.
  @inline(__always)
  init(low: UInt64, high: UInt64, protocol: UInt8, known: UInt64) {
    first = low | UInt64(`protocol`) << 48 | known << 56 | Self.isWhole
    second = high
  }

  private init(first: UInt64, second: UInt64) {
    self.first = first
    self.second = second
  }

  /// - Parameter hash: `key.hash` with the table's seed.
  @inline(__always)
  init(wide key: FlowKey, hash: UInt64) {
    first = hash & ~Self.isWhole & Self.upperHalf | Self.isWide
    second = key.meta
  }

  private static let upperHalf: UInt64 = 0xffff_ffff_0000_0000

  /// Whether a wide name agrees with one that a table holds: then the wide keys decide.
  @inline(__always)
  func agrees(with held: FlowName) -> Bool {
    (first ^ held.first) & Self.upperHalf | (second ^ held.second) == 0
  }

  /// Of a wide name that a table holds.
  var widePlace: Int { Int(first & 0xffff_ffff) }

  func held(at widePlace: Int) -> FlowName {
    FlowName(first: first & Self.upperHalf | UInt64(widePlace), second: second)
  }

  @inline(__always)
  func hash(_ seed: HashSeed) -> UInt64 { fold(fold(first ^ seed.a, second ^ seed.b) ^ seed.c, seed.d) }
}

/// The addresses of a key that has no room in a `FlowName`.
struct WideKey: BitwiseCopyable, Equatable {
  var lowHigh: UInt64
  var lowLow: UInt64
  var highHigh: UInt64
  var highLow: UInt64

  static let empty = WideKey(lowHigh: 0, lowLow: 0, highHigh: 0, highLow: 0)
}

extension FlowKey {
  @inline(__always)
  var isIPv4: Bool { meta >> 16 & FlowKey.isIPv4 != 0 }

  @inline(__always)
  var wide: WideKey { WideKey(lowHigh: lowHigh, lowLow: lowLow, highHigh: highHigh, highLow: highLow) }

  /// The name in a table and the hash to look it up by; `seed` is the table's.
  func name(_ seed: HashSeed) -> (FlowName, hash: UInt64) {
    guard isIPv4 else {
      let hash = hash(seed)
      return (FlowName(wide: self, hash: hash), hash)
    }
    let name = FlowName(
      low: lowLow << 16 | meta >> 48, high: highLow << 16 | meta >> 32 & 0xffff,
      protocol: UInt8(truncatingIfNeeded: meta >> 24), known: meta >> 16 & 0x1f)
    return (name, name.hash(seed))
  }

  init(_ name: FlowName, _ wide: WideKey) {
    guard name.isWhole else {
      self.init(
        lowHigh: wide.lowHigh, lowLow: wide.lowLow, highHigh: wide.highHigh, highLow: wide.highLow, meta: name.second)
      return
    }
    let ports = (name.first & 0xffff) << 48 | (name.second & 0xffff) << 32
    self.init(
      lowHigh: 0, lowLow: name.first >> 16 & 0xffff_ffff, highHigh: 0, highLow: name.second >> 16,
      meta: ports | (name.first >> 48 & 0xff) << 24 | (name.first >> 56 & 0x1f) << 16)
  }
}

/// Multiply-and-fold: the 128-bit product's halves, exclusive-or.
@inline(__always)
func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
  let product = a.multipliedFullWidth(by: b)
  return product.high ^ product.low
}

/// Six secret or fixed words that make one hash function of the family.
@frozen @usableFromInline
package struct HashSeed {
  var a: UInt64
  var b: UInt64
  var c: UInt64
  var d: UInt64
  var e: UInt64

  /// The same on every host and in every run: for decisions that must repeat (balance, sampling).
  package static let fixed = HashSeed(
    a: 0x9e37_79b9_7f4a_7c15, b: 0xbf58_476d_1ce4_e5b9, c: 0x94d0_49bb_1331_11eb, d: 0xd6e8_feb8_6659_fd93,
    e: 0xa076_1d64_78bd_642f)

  /// Secret, for tables whose keys strangers choose.
  package static func random() -> HashSeed {
    HashSeed(
      a: .random(in: 1...UInt64.max), b: .random(in: 1...UInt64.max), c: .random(in: 1...UInt64.max),
      d: .random(in: 1...UInt64.max), e: .random(in: 1...UInt64.max) | 1)
  }
}

extension FlowKey {
  @inline(__always)
  package func hash(_ seed: HashSeed) -> UInt64 {
    let low = fold(lowHigh &+ seed.a, lowLow ^ seed.b)
    let high = fold(highHigh &+ seed.c, highLow ^ seed.d)
    return fold(low &+ meta ^ seed.e, high ^ seed.b &+ meta)
  }
}

extension FlowKey {
  /// Of the lower and the higher end.
  package var ports: (low: UInt16, high: UInt16) {
    (UInt16(truncatingIfNeeded: meta >> 48), UInt16(truncatingIfNeeded: meta >> 32))
  }

  package var hasPorts: Bool { meta >> 16 & FlowKey.portsKnown != 0 }
}
