/// A network prefix in CIDR notation (RFC 4632, RFC 4291 section 2.3): an address whose host bits are zero, and a length.
@frozen public struct CIDR: Hashable, Sendable, Comparable {
  /// The network address; bits beyond `length` are zero.
  public let address: IPAddress
  /// 0 to 32 (IPv4) or 0 to 128 (IPv6).
  public let length: UInt8
  @usableFromInline let maskHigh: UInt64
  @usableFromInline let maskLow: UInt64

  /// Clears the host bits.
  ///
  /// - Returns: nil when `length` is outside the family's width.
  public init?(_ address: IPAddress, length: Int) {
    guard length >= 0, length <= address.family.bitWidth else { return nil }
    self.length = UInt8(length)
    if address.family == .v4 {
      maskHigh = .max
      maskLow = length == 0 ? ~0xffff_ffff : ~0 << UInt64(32 - length)
    } else {
      maskHigh = length == 0 ? 0 : ~0 << UInt64(max(0, 64 - length))
      maskLow = length <= 64 ? 0 : ~0 << UInt64(128 - length)
    }
    self.address = IPAddress(
      family: address.family, high: address.high & maskHigh, low: address.low & maskLow)
  }

  /// A whole address: /32 or /128.
  public init(host address: IPAddress) {
    self.address = address
    length = UInt8(address.family.bitWidth)
    maskHigh = .max
    maskLow = .max
  }

  /// Parses `address/length` or a single address. Host bits are cleared; `hadHostBits` in `parse` tells.
  public init?(_ text: some StringProtocol) {
    guard let parsed = CIDR.parse(text) else { return nil }
    self = parsed.cidr
  }

  /// Parses `address/length` or a single address, and tells whether bits beyond the length had been set.
  public static func parse(_ text: some StringProtocol) -> (cidr: CIDR, hadHostBits: Bool)? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let address = IPAddress(parts[0]) else { return nil }
    guard parts.count == 2 else { return (CIDR(host: address), false) }
    let digits = Array(parts[1].utf8)
    guard let length = IPAddress.decimal(digits[...], upTo: address.family.bitWidth),
      let cidr = CIDR(address, length: length)
    else { return nil }
    return (cidr, cidr.address != address)
  }

  @inlinable public var family: IPFamily { address.family }

  @inlinable public func contains(_ other: IPAddress) -> Bool {
    other.family == address.family && other.high & maskHigh == address.high && other.low & maskLow == address.low
  }

  /// Every address of `other` is in this prefix.
  @inlinable public func contains(_ other: CIDR) -> Bool {
    other.length >= length && contains(other.address)
  }

  @inlinable public func overlaps(_ other: CIDR) -> Bool { contains(other) || other.contains(self) }

  /// The highest address; for IPv4 networks up to /30 this is the directed broadcast address (RFC 919).
  public var last: IPAddress {
    if family == .v4 {
      return IPAddress(v4: UInt32(truncatingIfNeeded: address.low | (~maskLow & 0xffff_ffff)))
    }
    return IPAddress(v6High: address.high | ~maskHigh, low: address.low | ~maskLow)
  }

  public static func < (a: CIDR, b: CIDR) -> Bool { (a.address, a.length) < (b.address, b.length) }
}

extension CIDR: CustomStringConvertible {
  /// `10.20.0.0/16`, always with its length.
  public var description: String { "\(address)/\(length)" }
}
