/// Packets and bytes.
struct Tally: Equatable {
  var packets: UInt64 = 0
  var bytes: UInt64 = 0

  mutating func count(_ length: UInt32) {
    packets += 1
    bytes += UInt64(length)
  }

  static func += (a: inout Tally, b: Tally) {
    a.packets += b.packets
    a.bytes += b.bytes
  }
}
