/// The ones' complement checksum of the Internet protocols (RFC 1071), as a running sum that can be continued.
///
/// Sums are over 16-bit words in network order. The parts that are joined must be of even length, but for the last.
public enum InternetChecksum {
  /// Continues a sum over bytes. Sums of up to 4 GiB of bytes stay within 64 bits.
  @inlinable public static func sum(_ bytes: UnsafeRawPointer, count: Int, from start: UInt64 = 0) -> UInt64 {
    var sum = start
    var offset = 0
    while offset &+ 4 <= count {
      sum &+= unsafe UInt64(bigEndian32(bytes, offset))
      offset &+= 4
    }
    if offset &+ 2 <= count {
      sum &+= unsafe UInt64(bigEndian16(bytes, offset))
      offset &+= 2
    }
    if offset < count { sum &+= unsafe UInt64(byte(bytes, offset)) << 8 }
    return sum
  }

  /// The sum of an array's bytes.
  public static func sum(_ bytes: [UInt8], from start: UInt64 = 0) -> UInt64 {
    unsafe bytes.withUnsafeBytes { buffer in
      guard let address = buffer.baseAddress else { return start }
      return unsafe sum(address, count: buffer.count, from: start)
    }
  }

  /// The field's value: the sum folded to 16 bits, inverted.
  @inlinable public static func finish(_ sum: UInt64) -> UInt16 {
    var folded = (sum & 0xffff_ffff) &+ (sum >> 32)
    while folded >> 16 != 0 { folded = (folded & 0xffff) &+ (folded >> 16) }
    return ~UInt16(truncatingIfNeeded: folded)
  }
}
