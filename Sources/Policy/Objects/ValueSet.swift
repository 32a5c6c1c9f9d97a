internal import Inventory
internal import JSONText
internal import Wire

/// What `set.cidrs`, `set.ports`, `set.strings` and `set.load` make: never changed once made, asked natively.
enum ValueSet {
  /// Longest-prefix match; a look-up is one binary search.
  case cidrs(Networks, count: Int)
  /// One bit a port.
  case ports([UInt64], count: Int)
  case strings(Set<[UInt8]>)

  enum Kind: String, CaseIterable { case cidrs, ports, strings }

  /// An object, so that asking retains one thing, not each of the table's arrays.
  final class Networks {
    private let table: PrefixTable

    init(_ table: PrefixTable) { self.table = table }

    func holds(_ address: IPAddress) -> Bool { table.value(for: address) >= 0 }
  }

  var count: Int {
    switch self {
    case .cidrs(_, let count), .ports(_, let count): count
    case .strings(let members): members.count
    }
  }

  var kind: Kind {
    switch self {
    case .cidrs: .cidrs
    case .ports: .ports
    case .strings: .strings
    }
  }

  func contains(_ address: IPAddress) -> Bool {
    guard case .cidrs(let networks, _) = self else { return false }
    return networks.holds(address)
  }

  func contains(port: Int64) -> Bool {
    guard case .ports(let bits, _) = self, port >= 0, port <= 65535 else { return false }
    return bits[Int(port >> 6)] >> UInt64(port & 63) & 1 == 1
  }

  func contains(_ text: [UInt8]) -> Bool {
    guard case .strings(let members) = self else { return false }
    return members.contains(text)
  }
}

/// Gathers the members of a set; a member that does not fit its kind is refused with a reason.
struct ValueSetBuilder {
  struct Refusal: Error { var reason: String }

  let kind: ValueSet.Kind
  private(set) var count = 0
  private var prefixes: [(prefix: CIDR, value: Int32)] = []
  private var bits = [UInt64](repeating: 0, count: 1024)
  private var strings: Set<[UInt8]> = []

  init(_ kind: ValueSet.Kind) { self.kind = kind }

  /// For so many members at most.
  mutating func reserve(_ members: Int) {
    if kind == .strings { strings.reserveCapacity(members) }
    if kind == .cidrs { prefixes.reserveCapacity(members) }
  }

  mutating func add(_ text: ArraySlice<UInt8>) throws(Refusal) {
    switch kind {
    case .cidrs:
      guard let cidr = Self.plainAddress(text).map(CIDR.init(host:)) ?? CIDR(String(decoding: text, as: UTF8.self))
      else {
        throw Refusal(reason: "\(Self.shown(text)) is no address and no CIDR: write 10.20.1.11 or 10.20.0.0/16")
      }
      prefixes.append((cidr, 0))
      count += 1
    case .ports:
      guard let ports = Self.ports(text) else {
        throw Refusal(reason: "\(Self.shown(text)) is no port: write 443 or 8000-8099, from 0 to 65535")
      }
      add(ports)
    case .strings:
      if strings.insert(Array(text)).inserted { count += 1 }
    }
  }

  mutating func add(port: Int64) throws(Refusal) {
    guard port >= 0, port <= 65535 else { throw Refusal(reason: "\(port) is no port: 0 to 65535") }
    add(Int(port)...Int(port))
  }

  /// Word by word: a thousand steps for all ports.
  private mutating func add(_ ports: ClosedRange<Int>) {
    for word in (ports.lowerBound >> 6)...(ports.upperBound >> 6) {
      let low = max(ports.lowerBound - word << 6, 0)
      let high = min(ports.upperBound - word << 6, 63)
      let mask = (UInt64.max << UInt64(low)) & (UInt64.max >> UInt64(63 - high))
      count += (mask & ~bits[word]).nonzeroBitCount
      bits[word] |= mask
    }
  }

  func build() -> ValueSet {
    switch kind {
    case .cidrs: .cidrs(ValueSet.Networks(PrefixTable(prefixes)), count: count)
    case .ports: .ports(bits, count: count)
    case .strings: .strings(strings)
    }
  }

  /// Dotted decimal, what most lists are full of, without a detour; nil: something else.
  private static func plainAddress(_ text: ArraySlice<UInt8>) -> IPAddress? {
    var (value, part, digits, parts): (UInt32, UInt32, Int, Int) = (0, 0, 0, 1)
    for byte in text {
      if byte == UInt8(ascii: ".") {
        guard digits > 0, parts < 4 else { return nil }
        (value, part, digits, parts) = (value << 8 | part, 0, 0, parts + 1)
        continue
      }
      guard byte >= 0x30, byte <= 0x39, digits == 0 || part > 0 else { return nil }
      (part, digits) = (part * 10 + UInt32(byte - 0x30), digits + 1)
      guard part <= 255 else { return nil }
    }
    return parts == 4 && digits > 0 ? IPAddress(v4: value << 8 | part) : nil
  }

  private static func ports(_ text: ArraySlice<UInt8>) -> ClosedRange<Int>? {
    let ends = text.split(separator: UInt8(ascii: "-"), maxSplits: 1, omittingEmptySubsequences: false)
    let numbers = ends.compactMap { UInt16(String(decoding: $0, as: UTF8.self)).map(Int.init) }
    guard numbers.count == ends.count, let first = numbers.first, let last = numbers.last, first <= last else {
      return nil
    }
    return first...last
  }

  static func shown(_ text: some Collection<UInt8>) -> String {
    "\"" + String(decoding: text.prefix(64), as: UTF8.self).cleanLine(limit: 64) + "\""
  }
}
