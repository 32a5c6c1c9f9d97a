/// Builds one whole packet from its fields, lengths and checksums included: for tests, `explain --packet` and scripts.
///
/// TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792) and ICMPv6 (RFC 4443) get their headers; any other protocol carries
/// the payload directly behind the IP header.
public struct PacketBuilder: Sendable, Hashable {
  public enum Link: Sendable, Hashable {
    case ethernet(source: MACAddress, destination: MACAddress, vlan: UInt16?)
    /// The bare IP packet: link type `raw`.
    case rawIP
  }

  public enum Failure: Error, Sendable, Hashable {
    /// Source and destination are of different families.
    case families
    /// The IP length field holds 16 bits. `limit`: payload bytes that fit.
    case payloadTooLong(limit: Int)
  }

  public var link: Link = .rawIP
  public var source: IPAddress
  public var destination: IPAddress
  public var `protocol`: IPProtocol
  public var sourcePort: UInt16 = 0
  public var destinationPort: UInt16 = 0
  /// CWR ECE URG ACK PSH RST SYN FIN, from the highest bit.
  public var tcpFlags: UInt8 = 0x10
  public var sequence: UInt32 = 0
  public var acknowledgement: UInt32 = 0
  public var window: UInt16 = 65535
  public var icmpType: UInt8 = 8
  public var icmpCode: UInt8 = 0
  /// Time to live, or hop limit.
  public var ttl: UInt8 = 64
  /// Differentiated services code point (RFC 2474), 0 to 63.
  public var dscp: UInt8 = 0
  public var payload: [UInt8] = []

  public init(protocol: IPProtocol, source: IPAddress, destination: IPAddress) {
    self.protocol = `protocol`
    self.source = source
    self.destination = destination
  }

  /// The letters of `tcpdump`: S, F, R, P, `.` or A, U, E, W; nil if another is in it.
  public static func tcpFlags(_ letters: some StringProtocol) -> UInt8? {
    var flags: UInt8 = 0
    for letter in letters.utf8 {
      switch letter {
      case UInt8(ascii: "F"): flags |= 0x01
      case UInt8(ascii: "S"): flags |= 0x02
      case UInt8(ascii: "R"): flags |= 0x04
      case UInt8(ascii: "P"): flags |= 0x08
      case UInt8(ascii: "A"), UInt8(ascii: "."): flags |= 0x10
      case UInt8(ascii: "U"): flags |= 0x20
      case UInt8(ascii: "E"): flags |= 0x40
      case UInt8(ascii: "W"): flags |= 0x80
      default: return nil
      }
    }
    return flags
  }

  /// How the frame that `build` makes is read.
  public var decoder: LinkDecoder { link == .rawIP ? .rawIP : .ethernet }

  /// The frame's bytes.
  public func build() throws(Failure) -> [UInt8] {
    guard source.family == destination.family else { throw .families }
    let network = source.family == .v4 ? 20 : 40
    let limit = (source.family == .v4 ? 65535 - network : 65535) - transportHeaderLength
    guard payload.count <= limit else { throw .payloadTooLong(limit: limit) }
    let transport = transportSegment()
    return linkHeader() + (source.family == .v4 ? headerV4(transport.count) : headerV6(transport.count)) + transport
  }

  // MARK: Link and network

  private func linkHeader() -> [UInt8] {
    guard case .ethernet(let source, let destination, let vlan) = link else { return [] }
    let etherType: UInt16 = self.source.family == .v4 ? 0x0800 : 0x86dd
    var bytes = Self.bytes(destination) + Self.bytes(source)
    if let vlan { bytes += Self.bytes(0x8100 as UInt16) + Self.bytes(vlan & 0x0fff) }
    return bytes + Self.bytes(etherType)
  }

  /// RFC 791 section 3.1, without options, with Don't Fragment.
  private func headerV4(_ length: Int) -> [UInt8] {
    var header: [UInt8] = [0x45, dscp << 2]
    header += Self.bytes(UInt16(truncatingIfNeeded: 20 + length))
    header += [0, 0, 0x40, 0, ttl, self.protocol.rawValue, 0, 0]
    header += Self.bytes(source) + Self.bytes(destination)
    Self.put(InternetChecksum.finish(InternetChecksum.sum(header)), at: 10, of: &header)
    return header
  }

  /// RFC 8200 section 3.
  private func headerV6(_ length: Int) -> [UInt8] {
    var header = Self.bytes(0x6000_0000 | UInt32(dscp & 0x3f) << 22)
    header += Self.bytes(UInt16(truncatingIfNeeded: length))
    header += [self.protocol.rawValue, ttl]
    return header + Self.bytes(source) + Self.bytes(destination)
  }

  // MARK: Transport

  private var transportHeaderLength: Int {
    switch self.protocol {
    case .tcp: 20
    case .udp, .icmp, .icmpv6: 8
    case let other where other.hasPorts: 4
    default: 0
    }
  }

  private func transportSegment() -> [UInt8] {
    let ports = Self.bytes(sourcePort) + Self.bytes(destinationPort)
    switch self.protocol {
    case .tcp: return checksummed(ports + tcpRest() + payload, at: 16)
    case .udp:
      var segment = ports + Self.bytes(UInt16(truncatingIfNeeded: 8 + payload.count)) + [0, 0] + payload
      segment = checksummed(segment, at: 6)
      // RFC 768: a sum of zero is sent as all ones, zero says that there is none.
      if segment[6] == 0, segment[7] == 0 { Self.put(0xffff, at: 6, of: &segment) }
      return segment
    case .icmp:
      var segment: [UInt8] = [icmpType, icmpCode, 0, 0, 0, 1, 0, 1] + payload
      Self.put(InternetChecksum.finish(InternetChecksum.sum(segment)), at: 2, of: &segment)
      return segment
    case .icmpv6: return checksummed([icmpType, icmpCode, 0, 0, 0, 1, 0, 1] + payload, at: 2)
    case let other where other.hasPorts: return ports + payload
    default: return payload
    }
  }

  private func tcpRest() -> [UInt8] {
    Self.bytes(sequence) + Self.bytes(acknowledgement) + [0x50, tcpFlags] + Self.bytes(window) + [0, 0, 0, 0]
  }

  /// The segment with the checksum over pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1) and segment.
  private func checksummed(_ segment: [UInt8], at offset: Int) -> [UInt8] {
    let pseudo =
      Self.bytes(source) + Self.bytes(destination) + Self.bytes(UInt32(truncatingIfNeeded: segment.count))
      + [0, 0, 0, self.protocol.rawValue]
    var result = segment
    let sum = InternetChecksum.sum(segment, from: InternetChecksum.sum(pseudo))
    Self.put(InternetChecksum.finish(sum), at: offset, of: &result)
    return result
  }

  // MARK: Bytes

  private static func bytes(_ number: some FixedWidthInteger & UnsignedInteger) -> [UInt8] {
    stride(from: number.bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> $0) }
  }

  private static func bytes(_ mac: MACAddress) -> [UInt8] { Array(bytes(mac.value)[2...]) }

  private static func bytes(_ address: IPAddress) -> [UInt8] {
    address.family == .v4 ? bytes(UInt32(truncatingIfNeeded: address.low)) : bytes(address.high) + bytes(address.low)
  }

  private static func put(_ value: UInt16, at offset: Int, of bytes: inout [UInt8]) {
    bytes[offset] = UInt8(truncatingIfNeeded: value >> 8)
    bytes[offset + 1] = UInt8(truncatingIfNeeded: value)
  }
}
