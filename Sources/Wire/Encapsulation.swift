// The headers in front of a copy: Ethernet, IPv4 or IPv6, and VXLAN, GRE or ERSPAN type II, then the inner Ethernet
// frame. All that is known at configuration is prepared as bytes; for a packet they are copied and a few are patched.
//
// 1. A template is at most `EncapsulationTemplate.capacity` bytes, so that `emit` may copy that many blindly.
// 2. Lengths follow the original packet, also when the capture holds less of it: a decoder then sees a packet cut short
//    by the capture, not a malformed one.
//
// For the way back see `PacketSummary.inner`.

/// How a copy is wrapped.
@frozen public enum TunnelMethod: Hashable, Sendable, BitwiseCopyable {
  /// RFC 7348. `vni` has 24 bits; `port` is the UDP destination.
  case vxlan(vni: UInt32, port: UInt16)
  /// GRE (RFC 2784) with key (RFC 2890), carrying Ethernet (EtherType 0x6558, RFC 1701 and 7637).
  case gre(key: UInt32)
  /// ERSPAN type II (draft-foschiano-erspan-03): GRE with sequence number. `session` has 10 bits.
  case erspan2(session: UInt16)

  /// Bytes between the IP header and the inner frame.
  @inlinable public var byteCount: Int {
    switch self {
    case .vxlan, .erspan2: 16
    case .gre: 8
    }
  }

  var `protocol`: IPProtocol {
    if case .vxlan = self { .udp } else { .gre }
  }
}

/// The two ends of the outer packet.
public struct TunnelEnds: Hashable, Sendable {
  public var sourceMAC: MACAddress
  public var destinationMAC: MACAddress
  /// Of the destination's family; the unspecified address when the sender has none of it.
  public var source: IPAddress
  public var destination: IPAddress

  public init(sourceMAC: MACAddress, destinationMAC: MACAddress, source: IPAddress?, destination: IPAddress) {
    self.sourceMAC = sourceMAC
    self.destinationMAC = destinationMAC
    self.source = source ?? IPAddress(family: destination.family, high: 0, low: 0)
    self.destination = destination
  }
}

/// What differs from packet to packet.
@safe @frozen public struct TunnelPacket {
  /// First byte behind all headers, and how many bytes of it were captured.
  public var body: UnsafeRawPointer
  public var captured: Int
  /// How many bytes it had on the wire; at least `captured`.
  public var original: Int
  /// EtherType of the synthesised inner header; not used without one.
  public var etherType: UInt16
  /// UDP source port (VXLAN), flow label (IPv6).
  public var sourcePort: UInt16
  /// Counts the packets of one source and destination: IPv4 identification, ERSPAN sequence number.
  public var sequence: UInt32
  /// ERSPAN: the direction bit of the index.
  public var isOutbound: Bool

  @inlinable public init(
    body: UnsafeRawPointer, captured: Int, original: Int, etherType: UInt16, sourcePort: UInt16, sequence: UInt32,
    isOutbound: Bool
  ) {
    unsafe self.body = unsafe body
    self.captured = captured
    self.original = original
    self.etherType = etherType
    self.sourcePort = sourcePort
    self.sequence = sequence
    self.isOutbound = isOutbound
  }
}

/// How the bytes of a template are laid out: plain values, so that no reference is counted for a packet.
@frozen public struct EncapsulationLayout: Sendable, BitwiseCopyable {
  /// Header bytes in front of the body.
  public let byteCount: Int
  /// nil: no outer headers at all, at most a synthesised inner one.
  public let method: TunnelMethod?
  public let family: IPFamily
  /// The inner frame has no Ethernet header of its own: 14 bytes of it end the template.
  public let isInnerHeaderSynthesised: Bool
  /// IPv4: sum over the header with length, identification and checksum zero. IPv6: over the pseudo-header's addresses
  /// and protocol, the UDP ports' fixed one and the VXLAN header.
  @usableFromInline let fixedSum: UInt64
  /// VXLAN over IPv4 in front of a whole Ethernet frame, as nearly all are: see `emitPlain`.
  @usableFromInline let isPlain: Bool

  init(method: TunnelMethod?, family: IPFamily, isInnerHeaderSynthesised: Bool, byteCount: Int, fixedSum: UInt64) {
    self.byteCount = byteCount
    self.method = method
    self.family = family
    self.isInnerHeaderSynthesised = isInnerHeaderSynthesised
    self.fixedSum = fixedSum
    var isVXLAN = false
    if case .vxlan = method { isVXLAN = true }
    isPlain = isVXLAN && family == .v4 && !isInnerHeaderSynthesised
  }
}

/// All headers of a copy, prepared: what is the same for one mirror, receiver and ENI.
public struct EncapsulationTemplate: Sendable {
  /// Room that a template takes at most; `emit` writes so many bytes.
  @inlinable public static var capacity: Int { 96 }

  /// The bytes, filled up to `capacity` with zeros.
  public let bytes: [UInt8]
  public let layout: EncapsulationLayout

  /// DSCP CS1 (RFC 3662, lower effort): copies give way to production traffic.
  static let trafficClass: UInt8 = 8 << 2
  static let hopLimit: UInt8 = 64

  /// - Parameters:
  ///   - method: nil for frames that are not wrapped.
  ///   - inner: the MACs of a synthesised inner Ethernet header; nil when frames have their own.
  ///   - port: ERSPAN index (its low 19 bits): which port, here ENI, the packet was seen at.
  public init(
    method: TunnelMethod?, ends: TunnelEnds, inner: (destination: MACAddress, source: MACAddress)?, port: UInt32 = 0
  ) {
    var fixedSum: UInt64 = 0
    var bytes: [UInt8] = []
    if let method {
      bytes.append(mac: ends.destinationMAC)
      bytes.append(mac: ends.sourceMAC)
      Self.appendIP(ends, method.protocol, to: &bytes)
      Self.append(method, port: port, to: &bytes)
      fixedSum = Self.fixedSum(bytes, method, ends)
    }
    if let inner {
      bytes.append(mac: inner.destination)
      bytes.append(mac: inner.source)
      bytes += [0, 0]
    }
    layout = EncapsulationLayout(
      method: method, family: ends.destination.family, isInnerHeaderSynthesised: inner != nil,
      byteCount: bytes.count, fixedSum: fixedSum)
    self.bytes = bytes + [UInt8](repeating: 0, count: Self.capacity - bytes.count)
  }

  /// EtherType and IP header: RFC 791 with DF clear, RFC 8200 with the flow label left to `emit`.
  private static func appendIP(_ ends: TunnelEnds, _ number: IPProtocol, to bytes: inout [UInt8]) {
    if ends.destination.family == .v4 {
      bytes += [0x08, 0x00, 0x45, trafficClass, 0, 0, 0, 0, 0, 0, hopLimit, number.rawValue, 0, 0]
    } else {
      bytes += [0x86, 0xdd, 0x60 | trafficClass >> 4, trafficClass << 4, 0, 0, 0, 0, number.rawValue, hopLimit]
    }
    bytes.append(address: ends.source)
    bytes.append(address: ends.destination)
  }

  private static func append(_ method: TunnelMethod, port index: UInt32, to bytes: inout [UInt8]) {
    switch method {
    case .vxlan(let vni, let port):
      bytes += [0, 0]
      bytes.append(bigEndian: port)
      bytes += [0, 0, 0, 0]
      // the I flag, 24 reserved bits, VNI, 8 reserved bits
      bytes += [0x08, 0, 0, 0]
      bytes.append(bigEndian: vni << 8)
    case .gre(let key):
      // K: a key follows
      bytes += [0x20, 0x00, 0x65, 0x58]
      bytes.append(bigEndian: key)
    case .erspan2(let session):
      // S: a sequence number follows; then version 1, VLAN, COS, encapsulation, truncated, session; index
      bytes += [0x10, 0x00, 0x88, 0xbe, 0, 0, 0, 0]
      bytes.append(bigEndian: UInt32(1) << 28 | UInt32(session & 0x3ff))
      bytes.append(bigEndian: (index & 0x7_ffff) << 1)
    }
  }

  private static func fixedSum(_ bytes: [UInt8], _ method: TunnelMethod, _ ends: TunnelEnds) -> UInt64 {
    guard ends.destination.family == .v6 else { return InternetChecksum.sum(Array(bytes[14..<34])) }
    let addresses = InternetChecksum.sum(Array(bytes[22..<54]))
    return InternetChecksum.sum(Array(bytes[54...]), from: addresses + UInt64(method.protocol.rawValue))
  }
}

extension EncapsulationLayout {
  /// Bytes of the original body that fit behind the template: an IP packet has at most 65,535 (RFC 791, RFC 8200).
  @inlinable public var maximumBodyLength: Int {
    guard let method else { return .max }
    return 65_535 - (family == .v4 ? 20 : 0) - method.byteCount - (isInnerHeaderSynthesised ? 14 : 0)
  }

  /// Writes the headers of one packet.
  ///
  /// - Parameters:
  ///   - header: `EncapsulationTemplate.capacity` writable bytes, of which the first `byteCount` are the headers afterwards.
  ///   - template: `bytes` of the template, kept by the caller where they are quick to reach.
  ///   - packet: its `original` is at most `maximumBodyLength`.
  @inlinable @inline(__always)
  public func emit(to header: UnsafeMutableRawPointer, from template: UnsafeRawPointer, _ packet: TunnelPacket) {
    if isPlain { return unsafe emitPlain(to: header, from: template, packet) }
    unsafe header.copyMemory(from: template, byteCount: EncapsulationTemplate.capacity)
    if isInnerHeaderSynthesised {
      unsafe header.store16(packet.etherType, at: byteCount &- 2)
    }
    guard let method else { return }
    let inner = packet.original &+ (isInnerHeaderSynthesised ? 14 : 0)
    let length = UInt16(truncatingIfNeeded: method.byteCount &+ inner)
    if family == .v4 {
      unsafe patchIPv4(header, length &+ 20, packet)
    } else {
      unsafe header.store16(length, at: 18)
      unsafe header.store16(packet.sourcePort, at: 16)
    }
    let transport = family == .v4 ? 34 : 54
    switch method {
    case .vxlan:
      unsafe header.store16(packet.sourcePort, at: transport)
      unsafe header.store16(length, at: transport &+ 4)
      // Zero over IPv4 (RFC 7348 section 5); over IPv6 a zero is only for those who agreed on it (RFC 6936).
      if family == .v6 { unsafe patchUDPChecksum(header, length, packet) }
    case .gre: break
    case .erspan2: unsafe patchERSPAN(header, transport, packet)
    }
  }

  /// As `emit`, with every offset known.
  @inlinable @inline(__always)
  func emitPlain(to header: UnsafeMutableRawPointer, from template: UnsafeRawPointer, _ packet: TunnelPacket) {
    // Ethernet 14, IPv4 20, UDP 8, VXLAN 8
    unsafe header.copyMemory(from: template, byteCount: 64)
    let length = UInt16(truncatingIfNeeded: packet.original &+ 16)
    unsafe patchIPv4(header, length &+ 20, packet)
    unsafe header.store16(packet.sourcePort, at: 34)
    unsafe header.store16(length, at: 38)
  }

  /// ERSPAN: another port in the index of an emitted header, where one template serves many; else nothing.
  ///
  /// - Parameter header: what `emit` wrote.
  @inlinable @inline(__always)
  public func setPort(_ index: UInt32, in header: UnsafeMutableRawPointer) {
    guard case .erspan2 = method else { return }
    let place = (family == .v4 ? 34 : 54) &+ 12
    let word = unsafe (index & 0x7_ffff) << 1 | UInt32(byte(header, place &+ 3) & 1)
    unsafe header.store16(UInt16(truncatingIfNeeded: word >> 16), at: place)
    unsafe header.store16(UInt16(truncatingIfNeeded: word), at: place &+ 2)
  }

  @inlinable @inline(__always)
  func patchIPv4(_ header: UnsafeMutableRawPointer, _ length: UInt16, _ packet: TunnelPacket) {
    let identification = UInt16(truncatingIfNeeded: packet.sequence)
    unsafe header.store16(length, at: 16)
    unsafe header.store16(identification, at: 18)
    unsafe header.store16(InternetChecksum.finish(fixedSum &+ UInt64(length) &+ UInt64(identification)), at: 24)
  }

  /// RFC 768, RFC 8200 section 8.1. Bytes that the capture lacks count as zeros: nobody can check them.
  @inlinable @inline(never)
  func patchUDPChecksum(_ header: UnsafeMutableRawPointer, _ length: UInt16, _ packet: TunnelPacket) {
    // The length counts twice: in the pseudo-header and in the UDP header.
    var sum = fixedSum &+ 2 &* UInt64(length) &+ UInt64(packet.sourcePort)
    if isInnerHeaderSynthesised { sum = unsafe InternetChecksum.sum(header + (byteCount &- 14), count: 14, from: sum) }
    let checksum = unsafe InternetChecksum.finish(InternetChecksum.sum(packet.body, count: packet.captured, from: sum))
    unsafe header.store16(checksum == 0 ? 0xffff : checksum, at: 60)
  }

  /// Sequence number; VLAN, COS and encapsulation of the inner frame's outermost tag; direction bit of the index.
  @inlinable @inline(__always)
  func patchERSPAN(_ header: UnsafeMutableRawPointer, _ transport: Int, _ packet: TunnelPacket) {
    unsafe header.store16(UInt16(truncatingIfNeeded: packet.sequence >> 16), at: transport &+ 4)
    unsafe header.store16(UInt16(truncatingIfNeeded: packet.sequence), at: transport &+ 6)
    if !isInnerHeaderSynthesised, packet.captured >= 16, unsafe bigEndian16(packet.body, 12) == 0x8100 {
      let tag = unsafe bigEndian16(packet.body, 14)
      let session = unsafe bigEndian16(header, transport &+ 10) & 0x3ff
      unsafe header.store16(0x1000 | tag & 0xfff, at: transport &+ 8)
      // encapsulation 3: the tag is preserved in the frame
      unsafe header.store16(tag & 0xe000 | 0x1800 | session, at: transport &+ 10)
    }
    if packet.isOutbound {
      unsafe header.store16(bigEndian16(header, transport &+ 14) | 1, at: transport &+ 14)
    }
  }
}

extension UnsafeMutableRawPointer {
  /// Stores a number in network order at an offset the caller knows to be writable.
  @inlinable @inline(__always)
  func store16(_ value: UInt16, at offset: Int) {
    unsafe storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt16.self)
  }
}

extension [UInt8] {
  mutating func append(bigEndian value: some FixedWidthInteger) {
    for shift in stride(from: value.bitWidth - 8, through: 0, by: -8) {
      append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }

  mutating func append(mac: MACAddress) {
    for shift in stride(from: UInt64(40), through: 0, by: -8) { append(UInt8(truncatingIfNeeded: mac.value >> shift)) }
  }

  mutating func append(address: IPAddress) {
    if address.family == .v4 {
      append(bigEndian: UInt32(truncatingIfNeeded: address.low))
    } else {
      append(bigEndian: address.high)
      append(bigEndian: address.low)
    }
  }
}
