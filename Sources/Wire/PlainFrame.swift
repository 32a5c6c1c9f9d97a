// The way most frames go: a few loads and one combined test instead of a walk through every layer.

/// A frame of the plainest kind: Ethernet with at most one VLAN tag, IPv4 without options or IPv6 without extension
/// headers, no fragment, TCP or UDP with its ports captured. It says of such a frame what `PacketSummary` says;
/// everything else is left to that.
///
/// Safe because: the caller has compared the captured length with `smallestIPv4` or `smallestIPv6`, and no field lies
/// beyond that, tagged or not.
@safe @frozen public struct PlainFrame {
  /// Captured bytes that must be there: 18 of a tagged link, 20 of IPv4, 4 of ports.
  @inlinable public static var smallestIPv4: Int { 42 }
  /// 18 of a tagged link, 40 of IPv6, 4 of ports.
  @inlinable public static var smallestIPv6: Int { 62 }

  @usableFromInline let bytes: UnsafeRawPointer
  /// Offset of the network header.
  @usableFromInline let network: Int
  /// EtherType behind the tag, as it lies in memory.
  @usableFromInline let type: UInt16

  /// - Parameter bytes: an Ethernet frame with at least `smallestIPv4` captured bytes.
  @inlinable @inline(__always)
  public init(_ bytes: UnsafeRawPointer) {
    unsafe self.bytes = bytes
    let first = unsafe bytes.loadUnaligned(fromByteOffset: 12, as: UInt16.self)
    let isTagged = first == UInt16(0x8100).bigEndian || first == UInt16(0x88a8).bigEndian
    network = isTagged ? 18 : 14
    type = unsafe bytes.loadUnaligned(fromByteOffset: network &- 2, as: UInt16.self)
  }

  @inlinable @inline(__always)
  func header(_ offset: Int) -> UInt64 {
    unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: network &+ offset, as: UInt64.self))
  }

  /// RFC 791: version 4 and five words of header, neither a fragment nor followed by one, a length that holds the ports.
  @inlinable @inline(__always)
  public var isIPv4: Bool {
    guard type == UInt16(0x0800).bigEndian else { return false }
    let head = header(0)
    let length = UInt16(truncatingIfNeeded: head >> 16).byteSwapped
    return head & 0xff3f_0000_0000_00ff == 0x45 && length >= 24 && Self.isPlain(protocol4)
  }

  /// RFC 8200: version 6, a length that holds the ports. The caller has `smallestIPv6` bytes.
  @inlinable @inline(__always)
  public var isIPv6: Bool {
    guard type == UInt16(0x86dd).bigEndian else { return false }
    let head = header(0)
    let length = UInt16(truncatingIfNeeded: head >> 32).byteSwapped
    return head & 0xf0 == 0x60 && length >= 4 && Self.isPlain(protocol6)
  }

  @inlinable @inline(__always)
  static func isPlain(_ number: UInt8) -> Bool { number == 6 || number == 17 }

  @inlinable @inline(__always)
  public var protocol4: UInt8 { unsafe byte(bytes, network &+ 9) }
  @inlinable @inline(__always)
  public var protocol6: UInt8 { unsafe byte(bytes, network &+ 6) }

  /// The IPv4 ends: address in the upper, port in the lower 16 of 48 bits.
  @inlinable @inline(__always)
  public var ends4: (source: UInt64, destination: UInt64) {
    let addresses = header(12).byteSwapped
    let ports = unsafe UInt64(bigEndian32(bytes, network &+ 20))
    return ((addresses >> 16) & ~0xffff | ports >> 16, (addresses & 0xffff_ffff) << 16 | ports & 0xffff)
  }

  @inlinable @inline(__always)
  public var source6: (high: UInt64, low: UInt64) { (header(8).byteSwapped, header(16).byteSwapped) }
  @inlinable @inline(__always)
  public var destination6: (high: UInt64, low: UInt64) { (header(24).byteSwapped, header(32).byteSwapped) }

  /// Source port in the high, destination port in the low 16 bits.
  @inlinable @inline(__always)
  public var ports6: UInt32 { unsafe bigEndian32(bytes, network &+ 40) }

  /// MACs in the upper 48 bits, zeros below.
  @inlinable @inline(__always)
  public var sourceMACWord: UInt64 { unsafe bigEndian64(bytes, 6) & ~0xffff }
  @inlinable @inline(__always)
  public var destinationMACWord: UInt64 { unsafe bigEndian64(bytes, 0) & ~0xffff }

  /// All at once, for those who need more than the ends.
  @inlinable @inline(__always)
  func summaryIPv4(_ captured: Int) -> PacketSummary {
    let (source, destination) = ends4
    let length = Int(UInt16(truncatingIfNeeded: header(0) >> 16).byteSwapped)
    var summary = PacketSummary()
    summary.sourceMAC = sourceMACWord >> 16
    summary.destinationMAC = destinationMACWord >> 16
    summary.sourceLow = source >> 16
    summary.destinationLow = destination >> 16
    summary.ports = UInt32(truncatingIfNeeded: source << 16 | destination & 0xffff)
    summary.networkOffset = UInt32(truncatingIfNeeded: network)
    summary.transportOffset = UInt32(truncatingIfNeeded: network &+ 20)
    summary.packetEnd = UInt32(truncatingIfNeeded: min(captured, network &+ length))
    summary.etherType = 0x0800
    summary.ipVersion = 4
    summary.protocol = protocol4
    var flags: PacketSummary.Flags = [.sourceMACKnown, .destinationMACKnown, .protocolKnown, .portsKnown]
    if summary.destinationMAC >> 40 & 1 == 1 { flags.insert(.groupDestination) }
    if network == 18 {
      flags.insert(.tagged)
      summary.vlan = unsafe bigEndian16(bytes, 14) & 0xfff
    }
    summary.flags = flags
    return summary
  }
}
