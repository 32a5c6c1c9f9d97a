public import Wire

/// Longest-prefix match from addresses to numbers.
///
/// The prefixes are laid out once as disjoint ranges in address order, each with the number of the longest prefix that
/// holds it; a look-up is one binary search: O(log n) steps for n prefixes, no allocation. n prefixes make at most
/// 2n + 1 ranges of 8 bytes (IPv4) or 20 bytes (IPv6): 10,000 IPv4 routes take 160 KB and 15 steps.
public struct PrefixTable: Sendable {
  /// First address of each range, ascending; the first is 0.
  private var starts4: [UInt32] = [0]
  private var values4: [Int32] = [-1]
  private var starts6: [UInt128] = [0]
  private var values6: [Int32] = [-1]

  public init() {}

  /// - Parameter entries: prefix and number (0 or more); of equal prefixes the last one counts.
  public init(_ entries: [(prefix: CIDR, value: Int32)]) {
    let v4 = Self.ranges(entries, of: .v4) { UInt64(truncatingIfNeeded: $0.low) }
    let v6 = Self.ranges(entries, of: .v6) { $0.number }
    starts4 = v4.map { UInt32(truncatingIfNeeded: $0.start) }
    values4 = v4.map(\.value)
    starts6 = v6.map(\.start)
    values6 = v6.map(\.value)
  }

  /// The number of the longest prefix that holds the address, or -1. Inlined, so that the table's arrays are not retained.
  @inline(__always)
  public func value(for address: IPAddress) -> Int32 {
    if address.family == .v4 {
      return values4[Self.lastStart(in: starts4, notAfter: UInt32(truncatingIfNeeded: address.low))]
    }
    return values6[Self.lastStart(in: starts6, notAfter: address.number)]
  }

  @inline(__always)
  private static func lastStart<Number: FixedWidthInteger>(in starts: [Number], notAfter key: Number) -> Int {
    var low = 0
    var high = starts.count
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if starts[middle] <= key { low = middle } else { high = middle }
    }
    return low
  }

  /// Walks the prefixes from low to high address, wide before narrow, with a stack of those that are open: prefixes
  /// are nested or disjoint, so a range begins where one opens and where one closes.
  private static func ranges<Number: FixedWidthInteger>(
    _ entries: [(prefix: CIDR, value: Int32)], of family: IPFamily, _ number: (IPAddress) -> Number
  ) -> [(start: Number, value: Int32)] {
    var result: [(start: Number, value: Int32)] = [(0, -1)]
    var open: [(last: Number, value: Int32)] = []
    func begin(_ start: Number, _ value: Int32) {
      if result.last?.start == start { result.removeLast() }
      if result.last?.value != value { result.append((start, value)) }
    }
    func close(before start: Number?) {
      while let top = open.last, start.map({ top.last < $0 }) ?? true {
        open.removeLast()
        // Nothing follows the last address of the family's space.
        if top.last < .max { begin(top.last + 1, open.last?.value ?? -1) }
      }
    }
    for entry in inOrder(entries, of: family, number) {
      close(before: entry.start)
      begin(entry.start, entry.value)
      open.append((entry.last, entry.value))
    }
    close(before: nil)
    // For IPv4 neither: its numbers are wider than its addresses.
    if family == .v4, let last = result.last, last.start > Number(UInt32.max) { result.removeLast() }
    return result
  }
}

extension PrefixTable {
  /// One prefix as the sort sees it: plain numbers, since lists have millions.
  private struct Entry<Number: FixedWidthInteger> {
    var start: Number
    var last: Number
    var value: Int32
    var offset: Int32
  }

  /// Those of a family by start, wide before narrow; of equal prefixes the last.
  private static func inOrder<Number: FixedWidthInteger>(
    _ entries: [(prefix: CIDR, value: Int32)], of family: IPFamily, _ number: (IPAddress) -> Number
  ) -> [Entry<Number>] {
    var sorted: [Entry<Number>] = []
    sorted.reserveCapacity(entries.count { $0.prefix.family == family })
    for (offset, entry) in entries.enumerated() where entry.prefix.family == family {
      sorted.append(
        Entry(
          start: number(entry.prefix.address), last: number(entry.prefix.last), value: entry.value,
          offset: Int32(clamping: offset)))
    }
    sorted.sort { a, b in
      if a.start != b.start { return a.start < b.start }
      if a.last != b.last { return a.last > b.last }
      return a.offset < b.offset
    }
    // In place: what is kept moves to the front.
    var kept = 0
    for position in sorted.indices {
      let isAgain =
        kept > 0 && sorted[kept - 1].start == sorted[position].start && sorted[kept - 1].last == sorted[position].last
      if !isAgain { kept += 1 }
      sorted[kept - 1] = sorted[position]
    }
    sorted.removeSubrange(kept...)
    return sorted
  }
}

extension IPAddress {
  /// The address as one number.
  var number: UInt128 { UInt128(high) << 64 | UInt128(low) }
}
