/// The family of an IP address; the raw value is the version number in the header.
@frozen public enum IPFamily: UInt8, Sendable, Hashable, Comparable {
  case v4 = 4
  case v6 = 6

  /// Width of an address in bits: 32 or 128.
  @inlinable public var bitWidth: Int { self == .v4 ? 32 : 128 }

  @inlinable public static func < (a: IPFamily, b: IPFamily) -> Bool { a.rawValue < b.rawValue }
}

/// An IPv4 (RFC 791) or IPv6 (RFC 4291) address as a 128-bit number in host order.
///
/// An IPv4 address stands in the low 32 bits of `low`. An IPv4-mapped IPv6 address (`::ffff:a.b.c.d`) is an IPv6
/// address: what is on the wire decides, not what it could mean.
@frozen public struct IPAddress: Hashable, Sendable, Comparable {
  public var high: UInt64
  public var low: UInt64
  public var family: IPFamily

  @inlinable public init(v4: UInt32) {
    high = 0
    low = UInt64(v4)
    family = .v4
  }

  @inlinable public init(v6High: UInt64, low: UInt64) {
    self.high = v6High
    self.low = low
    family = .v6
  }

  @inlinable public init(family: IPFamily, high: UInt64, low: UInt64) {
    self.family = family
    self.high = high
    self.low = low
  }

  /// By family, then by number.
  @inlinable public static func < (a: IPAddress, b: IPAddress) -> Bool {
    (a.family.rawValue, a.high, a.low) < (b.family.rawValue, b.high, b.low)
  }

  /// 224.0.0.0/4 (RFC 5771) or ff00::/8 (RFC 4291 section 2.7).
  @inlinable public var isMulticast: Bool {
    family == .v4 ? low >> 28 == 0xe : high >> 56 == 0xff
  }

  /// 255.255.255.255 (RFC 919).
  @inlinable public var isLimitedBroadcast: Bool { family == .v4 && low == 0xffff_ffff }

  /// 0.0.0.0 or `::`.
  @inlinable public var isUnspecified: Bool { high == 0 && low == 0 }

  /// 127.0.0.0/8 or `::1`.
  @inlinable public var isLoopback: Bool {
    family == .v4 ? low >> 24 == 127 : high == 0 && low == 1
  }

  /// 169.254.0.0/16 (RFC 3927) or fe80::/10.
  @inlinable public var isLinkLocal: Bool {
    family == .v4 ? low >> 16 == 0xa9fe : high >> 54 == 0x3fa
  }
}

extension IPAddress {
  /// Parses dotted-decimal IPv4 (four decimal numbers, no leading zeros) or RFC 4291 IPv6 text, without zone.
  ///
  /// - Returns: nil when the text is neither, blanks included.
  public init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    if let v4 = Self.parseV4(bytes[...]) {
      self.init(v4: v4)
    } else if let (high, low) = Self.parseV6(bytes[...]) {
      self.init(v6High: high, low: low)
    } else {
      return nil
    }
  }

  static func parseV4(_ bytes: ArraySlice<UInt8>) -> UInt32? {
    let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var value: UInt32 = 0
    for part in parts {
      guard let number = decimal(part, upTo: 255) else { return nil }
      value = value << 8 | UInt32(number)
    }
    return value
  }

  /// A decimal number without sign and without leading zeros.
  static func decimal(_ digits: ArraySlice<UInt8>, upTo limit: Int) -> Int? {
    guard let first = digits.first, digits.count <= 9, first != 0x30 || digits.count == 1 else { return nil }
    var value = 0
    for digit in digits {
      guard digit >= 0x30, digit <= 0x39 else { return nil }
      value = value * 10 + Int(digit - 0x30)
    }
    return value <= limit ? value : nil
  }

  static func parseV6(_ bytes: ArraySlice<UInt8>) -> (UInt64, UInt64)? {
    var head: [UInt16] = []
    var tail: [UInt16] = []
    var sawGap = false
    var rest = bytes
    if rest.starts(with: [0x3a, 0x3a]) {
      sawGap = true
      rest = rest.dropFirst(2)
    }
    while !rest.isEmpty {
      let group = rest.prefix { $0 != 0x3a }
      if group.contains(UInt8(ascii: ".")) {
        guard group.endIndex == rest.endIndex, let v4 = parseV4(group) else { return nil }
        let words = [UInt16(v4 >> 16), UInt16(truncatingIfNeeded: v4)]
        if sawGap { tail += words } else { head += words }
        rest = rest[rest.endIndex...]
        break
      }
      guard let word = hexadecimal(group) else { return nil }
      if sawGap { tail.append(word) } else { head.append(word) }
      rest = rest[group.endIndex...]
      if rest.isEmpty { break }
      rest = rest.dropFirst()
      if rest.first == 0x3a {
        guard !sawGap else { return nil }
        sawGap = true
        rest = rest.dropFirst()
      } else if rest.isEmpty {
        return nil
      }
    }
    let count = head.count + tail.count
    guard sawGap ? count < 8 : count == 8 else { return nil }
    let words = head + [UInt16](repeating: 0, count: 8 - count) + tail
    let high = words[0..<4].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
    let low = words[4..<8].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
    return (high, low)
  }

  private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt16? {
    guard !digits.isEmpty, digits.count <= 4 else { return nil }
    var value: UInt16 = 0
    for digit in digits {
      guard let nibble = hexadecimalDigit(digit) else { return nil }
      value = value << 4 | UInt16(nibble)
    }
    return value
  }
}

/// The value of one hexadecimal digit, or nil.
@inlinable public func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case 0x30...0x39: byte - 0x30
  case 0x41...0x46: byte - 0x41 + 10
  case 0x61...0x66: byte - 0x61 + 10
  default: nil
  }
}

extension IPAddress: CustomStringConvertible {
  /// Dotted decimal, or RFC 5952 text: lower case, the longest run of two or more zero groups folded.
  public var description: String {
    family == .v4 ? Self.describeV4(UInt32(truncatingIfNeeded: low)) : describeV6()
  }

  private static func describeV4(_ value: UInt32) -> String {
    "\(value >> 24).\(value >> 16 & 255).\(value >> 8 & 255).\(value & 255)"
  }

  private func describeV6() -> String {
    if high == 0, low >> 32 == 0xffff { return "::ffff:" + Self.describeV4(UInt32(truncatingIfNeeded: low)) }
    let words: [UInt16] = (0..<8).map { (index: Int) -> UInt16 in
      let half = index < 4 ? high : low
      let shift = UInt64(48 - 16 * (index & 3))
      return UInt16(truncatingIfNeeded: half >> shift)
    }
    var best = 0..<0
    var index = 0
    while index < 8 {
      guard words[index] == 0 else {
        index += 1
        continue
      }
      let end = words[index...].firstIndex { $0 != 0 } ?? 8
      if end - index > best.count, end - index >= 2 { best = index..<end }
      index = end
    }
    let texts: [String] = words.map { String($0, radix: 16) }
    guard !best.isEmpty else { return texts.joined(separator: ":") }
    let head = texts[..<best.lowerBound].joined(separator: ":")
    let tail = texts[best.upperBound...].joined(separator: ":")
    return head + "::" + tail
  }
}
