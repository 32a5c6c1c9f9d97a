// The way of a frame through this file: link layer -> tags -> network header -> transport ports.
//
// Invariants
// 1. No byte outside `bytes[0 ..< captured]` is read: each read stands behind a comparison of its end with `captured`.
// 2. A field whose flag says it is unknown is zero, so that equal knowledge gives equal keys.
// 3. `networkOffset <= transportOffset <= packetEnd <= captured` whenever `isIP`.

/// What the mirror needs to know of one frame: five-tuple, MACs and offsets, read once (semantics section 6.1).
///
/// The quintuple is that of the outermost IP header under any number of VLAN tags; not under MPLS, PPPoE, LLC/SNAP or
/// a tunnel. What is not known (a later fragment's ports, a header cut short) says so in `flags`.
@frozen public struct PacketSummary {
  /// 48 bits; 0 when the link has none (see `Flags.sourceMACKnown`).
  public var sourceMAC: UInt64 = 0
  public var destinationMAC: UInt64 = 0
  /// Addresses as 128-bit numbers; IPv4 in the low 32 bits. For ARP `sourceLow` is the sender's protocol address.
  public var sourceHigh: UInt64 = 0
  public var sourceLow: UInt64 = 0
  public var destinationHigh: UInt64 = 0
  public var destinationLow: UInt64 = 0
  /// Source port in the high, destination port in the low 16 bits.
  public var ports: UInt32 = 0
  /// Offset of the network header: what follows the link header and all tags.
  public var networkOffset: UInt32 = 0
  /// Offset of what follows the IP header and, in IPv6, the walked extension headers.
  public var transportOffset: UInt32 = 0
  /// End of the IP packet inside the captured bytes: link padding lies beyond.
  public var packetEnd: UInt32 = 0
  /// Identification of a fragment (RFC 791: 16 bits, RFC 8200 section 4.5: 32 bits).
  public var fragmentID: UInt32 = 0
  /// EtherType after all tags; under 1536 an LLC length; for links without one that of the IP version.
  public var etherType: UInt16 = 0
  /// VLAN id of the outermost tag.
  public var vlan: UInt16 = 0
  /// 4 or 6; 0: not IP, or malformed.
  public var ipVersion: UInt8 = 0
  /// IP protocol, when `Flags.protocolKnown`.
  public var `protocol`: UInt8 = 0
  public var flags: Flags = []

  @frozen public struct Flags: OptionSet, Sendable {
    public var rawValue: UInt16
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

    @inlinable public static var sourceMACKnown: Flags { Flags(rawValue: 1) }
    @inlinable public static var destinationMACKnown: Flags { Flags(rawValue: 2) }
    /// At least one VLAN tag.
    @inlinable public static var tagged: Flags { Flags(rawValue: 4) }
    @inlinable public static var protocolKnown: Flags { Flags(rawValue: 8) }
    @inlinable public static var portsKnown: Flags { Flags(rawValue: 16) }
    /// Any fragment of a datagram in more than one piece, the first included.
    @inlinable public static var fragment: Flags { Flags(rawValue: 32) }
    /// A fragment that does not start the datagram.
    @inlinable public static var laterFragment: Flags { Flags(rawValue: 64) }
    /// Claims to be IP and is not: wrong version, lying or cut header. Addresses unknown.
    @inlinable public static var malformed: Flags { Flags(rawValue: 128) }
    /// ARP over IPv4 addresses, whole: `sourceLow` is the sender's address.
    @inlinable public static var arp: Flags { Flags(rawValue: 256) }
    /// The link said that the capturing host sent the frame (Linux cooked packet type 4).
    @inlinable public static var sentByHost: Flags { Flags(rawValue: 512) }
    /// Link-layer broadcast or multicast.
    @inlinable public static var groupDestination: Flags { Flags(rawValue: 1024) }
    /// The link said whether the capturing host sent the frame (Linux cooked captures do).
    @inlinable public static var directionKnown: Flags { Flags(rawValue: 2048) }
  }

  @inlinable public init() {}

  /// Addresses are known.
  @inlinable public var isIP: Bool { ipVersion != 0 }
  @inlinable public var sourcePort: UInt16 { UInt16(truncatingIfNeeded: ports >> 16) }
  @inlinable public var destinationPort: UInt16 { UInt16(truncatingIfNeeded: ports) }
  @inlinable public var family: IPFamily? { IPFamily(rawValue: ipVersion) }

  /// Source address, or nil when the frame is not readable IP.
  @inlinable public var source: IPAddress? {
    family.map { IPAddress(family: $0, high: sourceHigh, low: sourceLow) }
  }

  @inlinable public var destination: IPAddress? {
    family.map { IPAddress(family: $0, high: destinationHigh, low: destinationLow) }
  }
}

/// Big-endian number at an offset the caller has compared with the captured length.
@inlinable @inline(__always)
func bigEndian16(_ bytes: UnsafeRawPointer, _ offset: Int) -> UInt16 {
  unsafe UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
}

@inlinable @inline(__always)
func bigEndian32(_ bytes: UnsafeRawPointer, _ offset: Int) -> UInt32 {
  unsafe UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
}

@inlinable @inline(__always)
func bigEndian64(_ bytes: UnsafeRawPointer, _ offset: Int) -> UInt64 {
  unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
}

@inlinable @inline(__always)
func byte(_ bytes: UnsafeRawPointer, _ offset: Int) -> UInt8 {
  unsafe bytes.load(fromByteOffset: offset, as: UInt8.self)
}

extension PacketSummary {
  /// Reads one frame.
  ///
  /// - Parameters:
  ///   - bytes: start of the link-layer frame; `captured` bytes are readable.
  ///   - decoder: how the link frames its packets.
  @inlinable @inline(__always)
  public static func parse(_ bytes: UnsafeRawPointer, captured: Int, decoder: LinkDecoder) -> PacketSummary {
    if decoder == .ethernet, let plain = unsafe parsePlain(bytes, captured) { return plain }
    return unsafe parseAny(bytes, captured, decoder)
  }

  /// All that `parsePlain` leaves.
  @usableFromInline @inline(never)
  static func parseAny(_ bytes: UnsafeRawPointer, _ captured: Int, _ decoder: LinkDecoder) -> PacketSummary {
    var summary = PacketSummary()
    if decoder == .ethernet {
      unsafe summary.parseEthernet(bytes, captured)
    } else {
      unsafe summary.parseOtherLink(bytes, captured, decoder)
    }
    return summary
  }

  /// Most frames: Ethernet, at most one tag, IPv4, or IPv6 without extension headers. Composed of the same parts as
  /// `parseEthernet`; nothing here is a call, so that the summary stays in registers.
  @inlinable @inline(__always)
  static func parsePlain(_ bytes: UnsafeRawPointer, _ captured: Int) -> PacketSummary? {
    guard captured >= 34 else { return nil }
    if captured >= PlainFrame.smallestIPv4 {
      let plain = unsafe PlainFrame(bytes)
      if plain.isIPv4 { return plain.summaryIPv4(captured) }
    }
    var summary = PacketSummary()
    unsafe summary.readEthernetHeader(bytes)
    var offset = 14
    if isTag(summary.etherType) {
      unsafe summary.readFirstTag(bytes, offset)
      offset = 18
    }
    if summary.etherType == 0x0800 {
      unsafe summary.parseIPv4(bytes, captured, offset)
      return summary
    }
    guard summary.etherType == 0x86dd, captured >= offset + 40,
      unsafe !isWalkedExtension(byte(bytes, offset + 6)), unsafe byte(bytes, offset) >> 4 == 6
    else { return nil }
    let end = unsafe summary.readIPv6Header(bytes, captured, offset)
    unsafe summary.endAtTransport(bytes, byte(bytes, offset + 6), offset + 40, end)
    return summary
  }

  /// IEEE 802.3 section 3: destination, source, type or length.
  @inlinable @inline(__always)
  mutating func parseEthernet(_ bytes: UnsafeRawPointer, _ captured: Int) {
    guard captured >= 14 else {
      unsafe parseShortEthernet(bytes, captured)
      return
    }
    unsafe readEthernetHeader(bytes)
    unsafe parseTagsAndNetwork(bytes, captured, 14)
  }

  /// The caller has checked that 14 bytes are there.
  @inlinable @inline(__always)
  mutating func readEthernetHeader(_ bytes: UnsafeRawPointer) {
    // 16 bytes from offset 0 would cross a 14-byte frame's end: two overlapping 8-byte loads stay inside.
    destinationMAC = unsafe bigEndian64(bytes, 0) >> 16
    sourceMAC = unsafe bigEndian64(bytes, 4) & 0xffff_ffff_ffff
    flags = [.sourceMACKnown, .destinationMACKnown]
    if destinationMAC >> 40 & 1 == 1 { flags.insert(.groupDestination) }
    etherType = unsafe bigEndian16(bytes, 12)
  }

  /// A frame cut inside its Ethernet header: the MACs count as far as they were captured.
  @usableFromInline @inline(never)
  mutating func parseShortEthernet(_ bytes: UnsafeRawPointer, _ captured: Int) {
    if captured >= 6 {
      destinationMAC = unsafe UInt64(bigEndian32(bytes, 0)) << 16 | UInt64(bigEndian16(bytes, 4))
      flags.insert(.destinationMACKnown)
      if destinationMAC >> 40 & 1 == 1 { flags.insert(.groupDestination) }
    }
    if captured >= 12 {
      sourceMAC = unsafe UInt64(bigEndian32(bytes, 6)) << 16 | UInt64(bigEndian16(bytes, 10))
      flags.insert(.sourceMACKnown)
    }
    networkOffset = UInt32(truncatingIfNeeded: captured)
    packetEnd = networkOffset
    transportOffset = networkOffset
  }

  /// Steps over VLAN tags (IEEE 802.1Q 0x8100, 802.1ad 0x88a8, and 0x9100/9200/9300) and reads the network header.
  @inlinable @inline(__always)
  mutating func parseTagsAndNetwork(_ bytes: UnsafeRawPointer, _ captured: Int, _ linkEnd: Int) {
    if etherType == 0x0800 {
      unsafe parseIPv4(bytes, captured, linkEnd)
    } else if etherType == 0x86dd {
      unsafe parseIPv6(bytes, captured, linkEnd)
    } else {
      unsafe parseTagged(bytes, captured, linkEnd)
    }
  }

  @usableFromInline @inline(never)
  mutating func parseTagged(_ bytes: UnsafeRawPointer, _ captured: Int, _ linkEnd: Int) {
    var offset = linkEnd
    while Self.isTag(etherType), captured >= offset + 4 {
      if flags.contains(.tagged) {
        etherType = unsafe bigEndian16(bytes, offset + 2)
      } else {
        unsafe readFirstTag(bytes, offset)
      }
      offset += 4
    }
    switch etherType {
    case 0x0800: unsafe parseIPv4(bytes, captured, offset)
    case 0x86dd: unsafe parseIPv6(bytes, captured, offset)
    case 0x0806: unsafe parseARP(bytes, captured, offset)
    default: endWithoutIP(offset, captured)
    }
  }

  /// The outermost tag, behind its EtherType; the caller has checked that its 4 bytes are there.
  @inlinable @inline(__always)
  mutating func readFirstTag(_ bytes: UnsafeRawPointer, _ offset: Int) {
    flags.insert(.tagged)
    vlan = unsafe bigEndian16(bytes, offset) & 0x0fff
    etherType = unsafe bigEndian16(bytes, offset + 2)
  }

  @inlinable @inline(__always)
  static func isTag(_ etherType: UInt16) -> Bool {
    switch etherType {
    case 0x8100, 0x88a8, 0x9100, 0x9200, 0x9300: true
    default: false
    }
  }

  /// RFC 826: the sender's protocol address follows the fixed 8 bytes and the sender's hardware address.
  @usableFromInline @inline(never)
  mutating func parseARP(_ bytes: UnsafeRawPointer, _ captured: Int, _ offset: Int) {
    endWithoutIP(offset, captured)
    guard captured >= offset + 8 else { return }
    let hardwareLength = unsafe Int(byte(bytes, offset + 4))
    guard unsafe bigEndian16(bytes, offset + 2) == 0x0800, unsafe byte(bytes, offset + 5) == 4,
      captured >= offset + 8 + hardwareLength + 4
    else { return }
    sourceLow = unsafe UInt64(bigEndian32(bytes, offset + 8 + hardwareLength))
    flags.insert(.arp)
  }

  @inlinable
  mutating func endWithoutIP(_ offset: Int, _ captured: Int) {
    networkOffset = UInt32(truncatingIfNeeded: offset)
    transportOffset = networkOffset
    packetEnd = UInt32(truncatingIfNeeded: max(captured, offset))
  }

  @inlinable
  mutating func endMalformed(_ offset: Int, _ captured: Int) {
    endWithoutIP(offset, captured)
    flags.insert(.malformed)
  }

  /// RFC 791 section 3.1. Total length 0 is a segmentation-offload frame: the packet ends where the frame does.
  @inlinable @inline(__always)
  mutating func parseIPv4(_ bytes: UnsafeRawPointer, _ captured: Int, _ offset: Int) {
    guard captured >= offset + 20 else { return endMalformed(offset, captured) }
    let versionAndLength = unsafe byte(bytes, offset)
    let headerLength = Int(versionAndLength & 15) * 4
    let totalLength = unsafe Int(bigEndian16(bytes, offset + 2))
    guard versionAndLength >> 4 == 4, headerLength >= 20, totalLength >= headerLength || totalLength == 0,
      captured >= offset + headerLength
    else { return endMalformed(offset, captured) }
    let end = totalLength == 0 ? captured : min(captured, offset + totalLength)
    ipVersion = 4
    sourceLow = unsafe UInt64(bigEndian32(bytes, offset + 12))
    destinationLow = unsafe UInt64(bigEndian32(bytes, offset + 16))
    self.protocol = unsafe byte(bytes, offset + 9)
    flags.insert(.protocolKnown)
    networkOffset = UInt32(truncatingIfNeeded: offset)
    transportOffset = UInt32(truncatingIfNeeded: offset + headerLength)
    packetEnd = UInt32(truncatingIfNeeded: end)
    let fragmentField = unsafe bigEndian16(bytes, offset + 6)
    if fragmentField & 0x3fff != 0 {
      flags.insert(.fragment)
      fragmentID = unsafe UInt32(bigEndian16(bytes, offset + 4))
      if fragmentField & 0x1fff != 0 {
        flags.insert(.laterFragment)
        return
      }
    }
    unsafe parsePorts(bytes, offset + headerLength, end)
  }

  /// TCP (RFC 9293), UDP (768), SCTP (9260), DCCP (4340), UDP-Lite (3828): ports are the first four bytes.
  @inlinable @inline(__always)
  mutating func parsePorts(_ bytes: UnsafeRawPointer, _ offset: Int, _ end: Int) {
    guard IPProtocol(rawValue: self.protocol).hasPorts, end >= offset + 4 else { return }
    ports = unsafe bigEndian32(bytes, offset)
    flags.insert(.portsKnown)
  }

  /// RFC 8200 section 3. Payload length 0 (jumbogram or offload): the packet ends where the frame does.
  @inlinable @inline(__always)
  mutating func parseIPv6(_ bytes: UnsafeRawPointer, _ captured: Int, _ offset: Int) {
    guard captured >= offset + 40, unsafe byte(bytes, offset) >> 4 == 6 else { return endMalformed(offset, captured) }
    let end = unsafe readIPv6Header(bytes, captured, offset)
    let next = unsafe byte(bytes, offset + 6)
    if Self.isWalkedExtension(next) {
      unsafe walkExtensions(bytes, next, offset + 40, end)
    } else {
      unsafe endAtTransport(bytes, next, offset + 40, end)
    }
  }

  /// The fixed header, whose version the caller has checked, and whose 40 bytes are there.
  ///
  /// - Returns: the end of the packet inside the captured bytes.
  @inlinable @inline(__always)
  mutating func readIPv6Header(_ bytes: UnsafeRawPointer, _ captured: Int, _ offset: Int) -> Int {
    let payloadLength = unsafe Int(bigEndian16(bytes, offset + 4))
    let end = payloadLength == 0 ? captured : min(captured, offset + 40 + payloadLength)
    ipVersion = 6
    sourceHigh = unsafe bigEndian64(bytes, offset + 8)
    sourceLow = unsafe bigEndian64(bytes, offset + 16)
    destinationHigh = unsafe bigEndian64(bytes, offset + 24)
    destinationLow = unsafe bigEndian64(bytes, offset + 32)
    networkOffset = UInt32(truncatingIfNeeded: offset)
    packetEnd = UInt32(truncatingIfNeeded: end)
    return end
  }

  /// Extension headers that are stepped over; 50, 59, 135 and unknown ones are the protocol themselves.
  @inlinable @inline(__always)
  static func isWalkedExtension(_ header: UInt8) -> Bool {
    header == 0 || header == 43 || header == 44 || header == 51 || header == 60
  }

  @inlinable @inline(__always)
  mutating func endAtTransport(_ bytes: UnsafeRawPointer, _ header: UInt8, _ offset: Int, _ end: Int) {
    self.protocol = header
    flags.insert(.protocolKnown)
    transportOffset = UInt32(truncatingIfNeeded: offset)
    unsafe parsePorts(bytes, offset, end)
  }

  /// RFC 8200 section 4: hop-by-hop, routing, destination options in units of 8 bytes, authentication (RFC 4302) of 4,
  /// fragment fixed. A chain that is cut short leaves the protocol unknown.
  @usableFromInline @inline(never)
  mutating func walkExtensions(_ bytes: UnsafeRawPointer, _ first: UInt8, _ start: Int, _ end: Int) {
    var header = first
    var offset = start
    transportOffset = UInt32(truncatingIfNeeded: offset)
    while Self.isWalkedExtension(header) {
      guard end >= offset + 8 else { return }
      let next = unsafe byte(bytes, offset)
      if header == 44 {
        if unsafe walkFragment(bytes, next, offset) { return }
        offset += 8
      } else {
        let units = unsafe Int(byte(bytes, offset + 1))
        let length = header == 51 ? (units + 2) * 4 : (units + 1) * 8
        guard end >= offset + length else { return }
        offset += length
      }
      header = next
      transportOffset = UInt32(truncatingIfNeeded: offset)
    }
    unsafe endAtTransport(bytes, header, offset, end)
  }

  /// RFC 8200 section 4.5. Offset 0 without more fragments is an atomic fragment (RFC 6946): a whole packet.
  ///
  /// - Returns: true for a later fragment: the walk ends here.
  private mutating func walkFragment(_ bytes: UnsafeRawPointer, _ next: UInt8, _ offset: Int) -> Bool {
    let field = unsafe bigEndian16(bytes, offset + 2)
    guard field & 0xfff9 != 0 else { return false }
    flags.insert(.fragment)
    fragmentID = unsafe bigEndian32(bytes, offset + 4)
    guard field & 0xfff8 != 0 else { return false }
    flags.insert(.laterFragment)
    transportOffset = UInt32(truncatingIfNeeded: offset + 8)
    if !Self.isWalkedExtension(next) {
      self.protocol = next
      flags.insert(.protocolKnown)
    }
    return true
  }
}
