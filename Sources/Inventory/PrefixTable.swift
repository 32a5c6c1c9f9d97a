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
    let v4 = Self.ranges(entries.filter { $0.prefix.family == .v4 })
    let v6 = Self.ranges(entries.filter { $0.prefix.family == .v6 })
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
  private static func ranges(_ entries: [(prefix: CIDR, value: Int32)]) -> [(start: UInt128, value: Int32)] {
    var ordered: [(prefix: CIDR, value: Int32)] = []
    for entry in entries.enumerated().sorted(by: { ($0.element.prefix, $0.offset) < ($1.element.prefix, $1.offset) }) {
      if ordered.last?.prefix == entry.element.prefix { ordered.removeLast() }
      ordered.append(entry.element)
    }
    var result: [(start: UInt128, value: Int32)] = [(0, -1)]
    var open: [(last: UInt128, value: Int32)] = []
    func begin(_ start: UInt128, _ value: Int32) {
      if result.last?.start == start { result.removeLast() }
      if result.last?.value != value { result.append((start, value)) }
    }
    func close(before start: UInt128?) {
      while let top = open.last, start.map({ top.last < $0 }) ?? true {
        open.removeLast()
        // Nothing follows the last address of the family's space; for IPv4 a range past 2^32 is never asked for.
        if top.last < .max { begin(top.last + 1, open.last?.value ?? -1) }
      }
    }
    for entry in ordered {
      close(before: entry.prefix.address.number)
      begin(entry.prefix.address.number, entry.value)
      open.append((entry.prefix.last.number, entry.value))
    }
    close(before: nil)
    return result.filter { entries.first?.prefix.family == .v6 || $0.start <= UInt128(UInt32.max) }
  }
}

extension IPAddress {
  /// The address as one number.
  var number: UInt128 { UInt128(high) << 64 | UInt128(low) }
}
