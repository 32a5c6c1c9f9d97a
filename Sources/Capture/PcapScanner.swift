import Wire

/// The pieces of an expression, from left to right.
struct PcapScanner {
  private let bytes: [UInt8]
  private var offset = 0
  /// The piece before.
  private var last = ""

  init(_ text: String) { bytes = Array(text.utf8) }

  /// - Returns: nil at the end.
  mutating func next() throws(PcapExpression.Refusal) -> String? {
    while offset < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[offset]) { offset += 1 }
    guard offset < bytes.count else { return nil }
    if let piece = address() {
      last = piece
    } else if let piece = try word() {
      last = piece
    } else {
      last = try sign()
    }
    return last
  }

  /// An IPv6 or MAC address: the only pieces with several colons. `tcp[0:2]` has one at a time.
  private mutating func address() -> String? {
    let run = bytes[offset...].prefix { Self.isHexadecimal($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") }
    guard run.count(where: { $0 == UInt8(ascii: ":") }) >= 2 else { return nil }
    let end = offset + run.count
    guard end == bytes.count || !Self.isWordByte(bytes[end]) else { return nil }
    let text = String(decoding: run, as: UTF8.self)
    guard let piece = MACAddress(text)?.description ?? Self.eightGroups(text) else { return nil }
    offset = end
    return piece
  }

  /// All groups written out: the one form of an IPv6 address that every scanner knows.
  private static func eightGroups(_ text: String) -> String? {
    guard let address = IPAddress(text), address.family == .v6 else { return nil }
    let groups = [address.high, address.low].flatMap { half in
      [48, 32, 16, 0].map { String(half >> UInt64($0) & 0xffff, radix: 16) }
    }
    return groups.joined(separator: ":")
  }

  private mutating func word() throws(PcapExpression.Refusal) -> String? {
    let run = bytes[offset...].prefix(while: Self.isWordByte)
    guard let first = run.first, first != UInt8(ascii: "-") else { return nil }
    offset += run.count
    let text = String(decoding: run, as: UTF8.self)
    if PcapWords.known.contains(text) || last == "llc" && PcapWords.llcTypes.contains(text) { return text }
    if Self.isNumber(run) || Self.isAddressPart(run) || last == "portrange" && Self.isRange(run) { return text }
    if let mac = MACAddress(text) { return mac.description }
    throw PcapWords.refusal(text, after: last)
  }

  private mutating func sign() throws(PcapExpression.Refusal) -> String {
    for length in [2, 1] {
      let text = String(decoding: bytes[offset...].prefix(length), as: UTF8.self)
      if text.utf8.count == length, PcapWords.signs.contains(text) {
        offset += length
        return text
      }
    }
    let rest = bytes[offset...].dropFirst().prefix { Self.isWordByte($0) }
    let shown = String(decoding: bytes[offset...offset] + rest, as: UTF8.self)
    if bytes[offset] == UInt8(ascii: "\\") { throw PcapWords.refusal(String(shown.dropFirst()), after: last) }
    throw PcapExpression.Refusal(what: "'\(shown)' has no meaning here")
  }

  // MARK: Forms

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."): true
    default: false
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    isDigit(byte) || byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "f")
  }

  /// `80`, `0x1f`, and octal as in C.
  private static func isNumber(_ run: ArraySlice<UInt8>) -> Bool {
    if run.count > 2, run.starts(with: [0x30, 0x78]) || run.starts(with: [0x30, 0x58]) {
      return run.dropFirst(2).allSatisfy(isHexadecimal)
    }
    return run.allSatisfy(isDigit)
  }

  /// `10`, `10.20`, `10.20.1` and `10.20.1.11`; as in libpcap the parts that are left out are those of a network.
  private static func isAddressPart(_ run: ArraySlice<UInt8>) -> Bool {
    let parts = run.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return parts.count <= 4 && parts.allSatisfy { !$0.isEmpty && $0.count <= 3 && $0.allSatisfy(isDigit) }
  }

  /// `80-90`
  private static func isRange(_ run: ArraySlice<UInt8>) -> Bool {
    let ends = run.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    return ends.count == 2 && ends.allSatisfy { !$0.isEmpty && $0.count <= 5 && $0.allSatisfy(isDigit) }
  }
}
