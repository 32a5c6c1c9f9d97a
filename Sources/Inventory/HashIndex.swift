public import Wire

/// A fixed open-addressing table from two 64-bit words to a run of numbers, built once when an inventory is loaded.
///
/// A look-up hashes once and probes neighbours (load at most one half), without allocation and without hashing a
/// `String`. The hash has no random seed: only the inventory's author chooses the keys, and packets of strangers
/// probe but never insert, so they cannot lengthen a probe sequence.
public struct HashIndex: Sendable {
  private struct Slot {
    var first: UInt64
    var second: UInt64
    /// -1: empty.
    var value: Int32
  }

  private var slots: [Slot]
  private let mask: Int

  /// - Parameter entries: key words and value (0 or more); of equal keys the first counts.
  public init(_ entries: [(first: UInt64, second: UInt64, value: Int32)]) {
    var capacity = 8
    while capacity < entries.count * 2 { capacity *= 2 }
    slots = Array(repeating: Slot(first: 0, second: 0, value: -1), count: capacity)
    mask = capacity - 1
    for entry in entries {
      let place = place(entry.first, entry.second)
      if slots[place].value < 0 { slots[place] = Slot(first: entry.first, second: entry.second, value: entry.value) }
    }
  }

  /// The value, or -1.
  public subscript(first: UInt64, second: UInt64) -> Int32 { slots[place(first, second)].value }

  /// The key's slot, or the empty one where it would stand. Ends, because half of the slots are empty.
  private func place(_ first: UInt64, _ second: UInt64) -> Int {
    let product = (first ^ 0x9e37_79b9_7f4a_7c15).multipliedFullWidth(by: second ^ 0xd6e8_feb8_6659_fd93 | 1)
    let mixed = (product.high ^ product.low ^ first ^ second) &* 0xbf58_476d_1ce4_e5b9
    var place = Int(truncatingIfNeeded: mixed >> 32) & mask
    while slots[place].value >= 0, slots[place].first != first || slots[place].second != second {
      place = (place + 1) & mask
    }
    return place
  }
}

extension HashIndex {
  /// Key words of an address that is no multicast address. IPv4 takes the place of IPv6 addresses that start with 64
  /// ones, which are multicast.
  public static func key(_ address: IPAddress) -> (UInt64, UInt64) {
    address.family == .v4 ? (.max, address.low) : (address.high, address.low)
  }
}
