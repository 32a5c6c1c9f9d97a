// Packets made from values: for explanations, tests of policies and tests of ours. Not a fast path.

/// One packet as values; `emit` makes its bytes, with every length and checksum right.
public struct PacketBuilder: Sendable {
  /// What stands behind the IP header.
  public enum Transport: Sendable, Hashable {
    /// RFC 9293. Flags are the low 8 bits of the flags field: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32.
    case tcp(sourcePort: UInt16, destinationPort: UInt16, flags: UInt8 = 2, sequence: UInt32 = 0, window: UInt16 = 65535)
    /// RFC 768.
    case udp(sourcePort: UInt16, destinationPort: UInt16)
    /// ICMP (RFC 792) or ICMPv6 (RFC 4443), by the family of the addresses; 4 bytes of zero follow the checksum.
    case icmp(type: UInt8, code: UInt8)
    /// Any other protocol: its first four bytes are ports if `ports` are given, then the payload.
    case other(IPProtocol, ports: (UInt16, UInt16)? = nil)

    public static func == (a: Transport, b: Transport) -> Bool { a.header == b.header && a.number == b.number }
    public func hash(into hasher: inout Hasher) { hasher.combine(header) }

    private var number: IPProtocol? { if case .other(let number, _) = self { number } else { nil } }
  }

  /// An Ethernet II header; nil: the packet starts with its IP header.
  public struct Link: Sendable, Hashable {
    public var source: MACAddress
    public var destination: MACAddress
    /// 802.1Q VLAN id, 0 to 4095; nil: untagged.
    public var vlan: UInt16?

    public init(source: MACAddress, destination: MACAddress, vlan: UInt16? = nil) {
      self.source = source
      self.destination = destination
      self.vlan = vlan
    }
  }

  public var link: Link?
  public var source: IPAddress
  public var destination: IPAddress
  public var transport: Transport
  public var timeToLive: UInt8 = 64
  /// 0 to 63 (RFC 2474).
  public var dscp: UInt8 = 0
  public var payload: [UInt8] = []

  /// - Precondition: both addresses are of one family.
  public init(link: Link? = nil, source: IPAddress, destination: IPAddress, transport: Transport) {
    precondition(source.family == destination.family)
    self.link = link
    self.source = source
    self.destination = destination
    self.transport = transport
  }

  /// The payload a packet can have at most: IP lengths have 16 bits.
  public static var payloadLimit: Int { 65_535 - 60 }

  /// The frame.
  ///
  /// - Precondition: the payload has at most `payloadLimit` bytes.
  public func emit() -> [UInt8] {
    precondition(payload.count <= Self.payloadLimit)
    let segment = emitTransport()
    return emitLink() + emitNetwork(segment.count) + segment
  }

  // MARK: Layers

  private func emitLink() -> [UInt8] {
    guard let link else { return [] }
    var bytes: [UInt8] = []
    bytes.append(mac: link.destination)
    bytes.append(mac: link.source)
    if let vlan = link.vlan {
      bytes.append(bigEndian: UInt16(0x8100))
      bytes.append(bigEndian: vlan & 0xfff)
    }
    bytes.append(bigEndian: UInt16(source.family == .v4 ? 0x0800 : 0x86dd))
    return bytes
  }

  private func emitNetwork(_ length: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    if source.family == .v4 {
      bytes += [0x45, dscp << 2]
      bytes.append(bigEndian: UInt16(20 + length))
      bytes += [0, 0, 0x40, 0, timeToLive, `protocol`.rawValue, 0, 0]
      bytes += addressBytes
      bytes.put(InternetChecksum.finish(InternetChecksum.sum(bytes)), at: 10)
    } else {
      bytes.append(bigEndian: UInt32(6) << 28 | UInt32(dscp) << 22)
      bytes.append(bigEndian: UInt16(length))
      bytes += [`protocol`.rawValue, timeToLive]
      bytes += addressBytes
    }
    return bytes
  }

  /// Source and destination in network order.
  private var addressBytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(address: source)
    bytes.append(address: destination)
    return bytes
  }

  public var `protocol`: IPProtocol {
    switch transport {
    case .tcp: .tcp
    case .udp: .udp
    case .icmp: source.family == .v4 ? .icmp : .icmpv6
    case .other(let number, _): number
    }
  }

  private func emitTransport() -> [UInt8] {
    var bytes = transport.header
    if case .udp = transport { bytes.put(UInt16(8 + payload.count), at: 4) }
    bytes += payload
    guard let offset = checksumOffset else { return bytes }
    let isPlainICMP = `protocol` == .icmp
    let checksum = InternetChecksum.finish(
      InternetChecksum.sum(bytes, from: isPlainICMP ? 0 : pseudoHeaderSum(bytes.count)))
    // RFC 768: a computed zero is sent as all ones.
    bytes.put(checksum == 0 && `protocol` == .udp ? 0xffff : checksum, at: offset)
    return bytes
  }

  private var checksumOffset: Int? {
    switch transport {
    case .tcp: 16
    case .udp: 6
    case .icmp: 2
    case .other: nil
    }
  }

  /// RFC 9293 section 3.1, RFC 8200 section 8.1.
  private func pseudoHeaderSum(_ length: Int) -> UInt64 {
    InternetChecksum.sum(addressBytes, from: UInt64(length) + UInt64(`protocol`.rawValue))
  }
}

extension PacketBuilder.Transport {
  /// The header with lengths and checksums zero.
  fileprivate var header: [UInt8] {
    var bytes: [UInt8] = []
    switch self {
    case .tcp(let sourcePort, let destinationPort, let flags, let sequence, let window):
      bytes.append(bigEndian: sourcePort)
      bytes.append(bigEndian: destinationPort)
      bytes.append(bigEndian: sequence)
      bytes += [0, 0, 0, 0, 5 << 4, flags]
      bytes.append(bigEndian: window)
      bytes += [0, 0, 0, 0]
    case .udp(let sourcePort, let destinationPort):
      bytes.append(bigEndian: sourcePort)
      bytes.append(bigEndian: destinationPort)
      bytes += [0, 0, 0, 0]
    case .icmp(let type, let code): bytes += [type, code, 0, 0, 0, 0, 0, 0]
    case .other(_, let ports):
      guard let ports else { break }
      bytes.append(bigEndian: ports.0)
      bytes.append(bigEndian: ports.1)
    }
    return bytes
  }
}

extension [UInt8] {
  fileprivate mutating func put(_ value: UInt16, at offset: Int) {
    self[offset] = UInt8(value >> 8)
    self[offset + 1] = UInt8(value & 0xff)
  }
}
