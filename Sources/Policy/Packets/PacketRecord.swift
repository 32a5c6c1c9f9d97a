internal import LuaRuntime
internal import Mirroring
internal import Wire

// Invariants
// 1. `payloadStart <= payloadEnd <= observed.captured`, and every header whose presence bit is set lies inside the
//    captured bytes: who reads at these offsets needs no further check.
// 2. `observed` and the bytes it points at outlive the record: both live for one call, are a made packet's own, or lie
//    in the same piece of Lua's heap (`PacketCopy`).
// 3. A record stands in a `PacketRoom` at its `depth`, its observed packet beside it.

/// One packet as scripts see it: flat, so that fields are read in place. Filled once per call.
@safe package struct PacketRecord {
  /// Bits of `presence`: which optional fields are there.
  package enum Presence: Int, Sendable {
    case sourceMAC, destinationMAC, vlan, etherType, ip, `protocol`, ports, tcp, icmp, observation, flow, payload
  }

  /// Seconds since 1970.
  var time: Double = 0
  var flowPackets: UInt64 = 0
  var flowBytes: UInt64 = 0
  /// Seconds since the conversation's first packet.
  var flowAge: Double = 0
  var flowID: UInt32 = 0
  var length: UInt32 = 0
  var capturedLength: UInt32 = 0
  var payloadLength: UInt32 = 0
  var payloadStart: UInt32 = 0
  var payloadEnd: UInt32 = 0
  var tcpSequence: UInt32 = 0
  var tcpWindow: UInt16 = 0
  var vlan: UInt16 = 0
  var etherType: UInt16 = 0
  var sourcePort: UInt16 = 0
  var destinationPort: UInt16 = 0
  var presenceLow: UInt8 = 0
  var presenceHigh: UInt8 = 0
  var isOutbound: UInt8 = 0
  var ipVersion: UInt8 = 0
  var protocolNumber: UInt8 = 0
  var ttl: UInt8 = 0
  var dscp: UInt8 = 0
  var isFragment: UInt8 = 0
  var tcpFlags: UInt8 = 0
  var icmpType: UInt8 = 0
  var icmpCode: UInt8 = 0
  /// How many packets it is inside of.
  var depth: UInt8 = 0
  /// How deep its room goes, see `PacketRoom`.
  var roomDepth: UInt8
  var observed: UnsafePointer<ObservedPacket>

  /// Without its fields: `fill` follows.
  @inline(__always)
  init(_ packet: UnsafePointer<ObservedPacket>, depth: Int, roomDepth: Int) {
    unsafe observed = packet
    self.depth = UInt8(truncatingIfNeeded: depth)
    self.roomDepth = UInt8(truncatingIfNeeded: roomDepth)
  }

  /// The fields of `observed`.
  ///
  /// - Parameter isObserved: ENI, direction and flow are known; false for packets inside others.
  mutating func fill(_ given: borrowing ObservedPacket, isObserved: Bool) {
    time = Double(given.time) / 1e9
    length = UInt32(clamping: given.original)
    capturedLength = UInt32(clamping: given.captured)
    fillLink(given.summary)
    if isObserved { fillObservation(given) }
    if given.summary.isIP {
      fillIP(given)
    } else {
      fillPayload(given, start: Int(given.summary.networkOffset), wireEnd: given.original)
    }
  }

  mutating func set(_ bit: Presence) {
    if bit.rawValue < 8 { presenceLow |= 1 << bit.rawValue } else { presenceHigh |= 1 << (bit.rawValue - 8) }
  }

  mutating func clear(_ bit: Presence) {
    if bit.rawValue < 8 { presenceLow &= ~(1 << bit.rawValue) } else { presenceHigh &= ~(1 << (bit.rawValue - 8)) }
  }

  func has(_ bit: Presence) -> Bool {
    bit.rawValue < 8 ? presenceLow >> bit.rawValue & 1 == 1 : presenceHigh >> (bit.rawValue - 8) & 1 == 1
  }

  private mutating func fillLink(_ summary: PacketSummary) {
    if summary.flags.contains(.sourceMACKnown) { set(.sourceMAC) }
    if summary.flags.contains(.destinationMACKnown) { set(.destinationMAC) }
    if summary.flags.contains(.tagged) { set(.vlan) }
    // Under 1536 it is an LLC length.
    if summary.etherType >= 0x0600 { set(.etherType) }
    vlan = summary.vlan
    etherType = summary.etherType
  }

  private mutating func fillObservation(_ packet: borrowing ObservedPacket) {
    set(.observation)
    set(.flow)
    isOutbound = packet.isOutbound ? 1 : 0
    flowPackets = packet.flow.packets
    flowBytes = packet.flow.bytes
    flowAge = Double(packet.time &- packet.flow.firstSeen) / 1e9
    flowID = packet.flow.id
  }

  // MARK: IP

  private mutating func fillIP(_ packet: borrowing ObservedPacket) {
    let summary = packet.summary
    let bytes = unsafe packet.bytes
    let network = Int(summary.networkOffset)
    set(.ip)
    ipVersion = summary.ipVersion
    isFragment = summary.flags.contains(.fragment) ? 1 : 0
    sourcePort = summary.sourcePort
    destinationPort = summary.destinationPort
    if summary.flags.contains(.portsKnown) { set(.ports) }
    let wireLength: Int
    if summary.ipVersion == 4 {
      dscp = unsafe bytes.load(fromByteOffset: network + 1, as: UInt8.self) >> 2
      ttl = unsafe bytes.load(fromByteOffset: network + 8, as: UInt8.self)
      wireLength = unsafe Int(Self.number16(bytes, network + 2))
    } else {
      dscp = unsafe UInt8(truncatingIfNeeded: Self.number16(bytes, network) >> 6) & 0x3f
      ttl = unsafe bytes.load(fromByteOffset: network + 7, as: UInt8.self)
      let length = unsafe Int(Self.number16(bytes, network + 4))
      wireLength = length == 0 ? 0 : 40 + length
    }
    // Length 0 is an offload frame or jumbogram: to the end of the frame.
    fillTransport(packet, wireEnd: wireLength == 0 ? packet.original : network + wireLength)
  }

  private mutating func fillTransport(_ packet: borrowing ObservedPacket, wireEnd: Int) {
    let summary = packet.summary
    let start = Int(summary.transportOffset)
    guard summary.flags.contains(.protocolKnown) else { return fillPayload(packet, start: start, wireEnd: wireEnd) }
    set(.protocol)
    protocolNumber = summary.protocol
    guard !summary.flags.contains(.laterFragment) else {
      return fillPayload(packet, start: start, wireEnd: wireEnd)
    }
    let available = Int(summary.packetEnd) - start
    switch summary.protocol {
    case 6:
      guard available >= 16 else { return }
      unsafe fillTCP(packet.bytes + start)
      let header = unsafe Int(packet.bytes.load(fromByteOffset: start + 12, as: UInt8.self) >> 4) * 4
      fillPayload(packet, start: start + max(header, 20), wireEnd: wireEnd)
    case 17, 136: fillPayload(packet, start: start + 8, wireEnd: wireEnd)
    case 132: fillPayload(packet, start: start + 12, wireEnd: wireEnd)
    case 1, 58:
      if available >= 2 {
        set(.icmp)
        icmpType = unsafe packet.bytes.load(fromByteOffset: start, as: UInt8.self)
        icmpCode = unsafe packet.bytes.load(fromByteOffset: start + 1, as: UInt8.self)
      }
      fillPayload(packet, start: start + 8, wireEnd: wireEnd)
    default: fillPayload(packet, start: start, wireEnd: wireEnd)
    }
  }

  /// RFC 9293 section 3.1; 16 bytes are there.
  private mutating func fillTCP(_ header: UnsafeRawPointer) {
    set(.tcp)
    tcpSequence = unsafe UInt32(Self.number16(header, 4)) << 16 | UInt32(Self.number16(header, 6))
    tcpFlags = unsafe header.load(fromByteOffset: 13, as: UInt8.self)
    tcpWindow = unsafe Self.number16(header, 14)
  }

  /// What follows the last header that was read; on the wire to `wireEnd`, captured as far as it goes.
  private mutating func fillPayload(_ packet: borrowing ObservedPacket, start: Int, wireEnd: Int) {
    let end = packet.summary.isIP ? Int(packet.summary.packetEnd) : packet.captured
    set(.payload)
    payloadLength = UInt32(clamping: wireEnd - start)
    payloadStart = UInt32(clamping: min(start, end))
    payloadEnd = UInt32(clamping: end)
  }

  static func number16(_ bytes: UnsafeRawPointer, _ offset: Int) -> UInt16 {
    unsafe UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }
}

extension PacketRecord {
  /// Where a presence bit lies in the record.
  static func bit(_ presence: Presence) -> RecordBit {
    let member: PartialKeyPath<PacketRecord> = presence.rawValue < 8 ? \.presenceLow : \.presenceHigh
    return RecordBit(offset: offset(member), bit: presence.rawValue & 7)
  }

  /// Offset of a stored property.
  static func offset(_ member: PartialKeyPath<PacketRecord>) -> Int { MemoryLayout<PacketRecord>.offset(of: member)! }

  /// The record whose first byte scripts' runtime handed over.
  package static func at(_ base: UnsafeRawPointer) -> UnsafePointer<PacketRecord> {
    unsafe base.assumingMemoryBound(to: PacketRecord.self)
  }

  /// The captured payload.
  var payload: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(
      start: observed.pointee.bytes + Int(payloadStart), count: Int(payloadEnd) - Int(payloadStart))
  }

  /// The captured frame.
  var frame: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: observed.pointee.bytes, count: observed.pointee.captured)
  }
}
