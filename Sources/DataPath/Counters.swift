internal import Mirroring

/// Packets and bytes (length on the wire).
public struct Tally: BitwiseCopyable, Sendable, Hashable {
  public var packets: UInt64 = 0
  public var bytes: UInt64 = 0

  public init(packets: UInt64 = 0, bytes: UInt64 = 0) {
    self.packets = packets
    self.bytes = bytes
  }

  @inline(__always)
  mutating func count(_ length: UInt32) {
    packets &+= 1
    bytes &+= UInt64(length)
  }

  static func -= (a: inout Tally, b: Tally) {
    a.packets -= b.packets
    a.bytes -= b.bytes
  }

  public static func += (a: inout Tally, b: Tally) {
    a.packets += b.packets
    a.bytes += b.bytes
  }

  /// What was counted between two readings of one counter, the later first.
  static func - (a: Tally, b: Tally) -> Tally { Tally(packets: a.packets - b.packets, bytes: a.bytes - b.bytes) }
}

/// One mirror, one ENI (or the unlisted of one subnet), one direction.
struct CellKey: Hashable, BitwiseCopyable {
  var mirror: Int
  var origin: Int32
  var isOutbound: Bool
}

/// What happened to the observations of each cell, by verdict. Cells are made when first met.
struct CounterCells: ~Copyable {
  static let width = Int(Verdict.collected.rawValue) + 1
  private(set) var keys: [CellKey] = []
  /// By mirror: `rows[mirror][origin * 2 + (isOutbound ? 1 : 0)]`, plus one; a mirror's row is made when first needed.
  private var rows: [[Int32]]
  private let originCount: Int
  /// `tallies[cell * width + verdict]`; verdict 0 counts observations on their own, as the other side of the identity.
  private var tallies = FlatArray<Tally>()

  init(mirrors: Int, origins: Int) {
    rows = Array(repeating: [], count: mirrors)
    originCount = origins
  }

  @inline(__always)
  mutating func cell(_ key: CellKey) -> Int {
    let column = Int(key.origin) * 2 + (key.isOutbound ? 1 : 0)
    if column < rows[key.mirror].count {
      let known = Int(rows[key.mirror][column])
      if known > 0 { return known - 1 }
    }
    return make(key, column)
  }

  @inline(never)
  private mutating func make(_ key: CellKey, _ column: Int) -> Int {
    if rows[key.mirror].isEmpty { rows[key.mirror] = Array(repeating: 0, count: originCount * 2) }
    keys.append(key)
    rows[key.mirror][column] = Int32(keys.count)
    for _ in 0..<Self.width { tallies.append(Tally()) }
    return keys.count - 1
  }

  /// One observation met.
  @inline(__always)
  mutating func observe(_ cell: Int, _ tally: Tally) { tallies[cell &* Self.width] += tally }

  /// One observation judged.
  @inline(__always)
  mutating func judge(_ cell: Int, _ verdict: Verdict, _ tally: Tally) {
    tallies[cell &* Self.width &+ Int(verdict.rawValue)] += tally
  }

  func observed(_ cell: Int) -> Tally { tallies[cell * Self.width] }
  func judged(_ cell: Int, _ verdict: Verdict) -> Tally { tallies[cell * Self.width + Int(verdict.rawValue)] }
}
