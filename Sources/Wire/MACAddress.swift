/// A 48-bit IEEE 802 address in host order: the first byte on the wire is the highest of the 48 bits.
@frozen public struct MACAddress: Hashable, Sendable, Comparable {
  public var value: UInt64

  @inlinable public init(value: UInt64) { self.value = value & 0xffff_ffff_ffff }

  /// The group bit: multicast or broadcast.
  @inlinable public var isGroup: Bool { value >> 40 & 1 == 1 }

  @inlinable public static func < (a: MACAddress, b: MACAddress) -> Bool { a.value < b.value }

  /// Parses six two-digit hexadecimal bytes with `:` or `-` between them.
  public init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    guard bytes.count == 17, bytes[2] == 0x3a || bytes[2] == 0x2d else { return nil }
    var value: UInt64 = 0
    for index in 0..<6 {
      guard index == 5 || bytes[index * 3 + 2] == bytes[2],
        let high = hexadecimalDigit(bytes[index * 3]), let low = hexadecimalDigit(bytes[index * 3 + 1])
      else { return nil }
      value = value << 8 | UInt64(high << 4 | low)
    }
    self.value = value
  }
}

extension MACAddress: CustomStringConvertible {
  /// `02:00:0a:14:01:0b`
  public var description: String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for index in 0..<6 {
      let byte = Int(truncatingIfNeeded: value >> UInt64(40 - 8 * index) & 0xff)
      if index > 0 { text.append(0x3a) }
      text.append(digits[byte >> 4])
      text.append(digits[byte & 15])
    }
    return String(decoding: text, as: UTF8.self)
  }
}
