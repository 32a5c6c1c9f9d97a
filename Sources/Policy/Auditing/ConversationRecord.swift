internal import Mirroring
public import Wire

/// One conversation as an audit sees it when it is over; borrowed for the length of one call.
@safe public struct ObservedConversation {
  /// One end of it.
  @safe public struct End {
    public var address: IPAddress
    public var port: UInt16
    public var packets: UInt64
    public var bytes: UInt64
    /// Bytes above TCP, UDP, SCTP, else IP, on the wire.
    public var payloadBytes: UInt64
    /// The first of these bytes, in order, as far as they were captured and kept.
    public var payload: UnsafeRawBufferPointer

    public init(
      address: IPAddress, port: UInt16, packets: UInt64, bytes: UInt64, payloadBytes: UInt64,
      payload: UnsafeRawBufferPointer
    ) {
      self.address = address
      self.port = port
      self.packets = packets
      self.bytes = bytes
      self.payloadBytes = payloadBytes
      unsafe self.payload = payload
    }
  }

  public enum Ending: UInt8, Sendable {
    /// It was still going on, or has no end of its own (UDP).
    case open, closed, reset
  }

  public var client: End
  public var server: End
  public var `protocol`: UInt8
  public var hasPorts: Bool
  /// TCP: both sides' SYN were seen.
  public var isEstablished: Bool
  public var ending: Ending
  /// Nanoseconds since 1970.
  public var firstTime: Int64
  public var lastTime: Int64

  public init(
    client: End, server: End, protocol: UInt8, hasPorts: Bool, isEstablished: Bool, ending: Ending, firstTime: Int64,
    lastTime: Int64
  ) {
    self.client = client
    self.server = server
    self.protocol = `protocol`
    self.hasPorts = hasPorts
    self.isEstablished = isEstablished
    self.ending = ending
    self.firstTime = firstTime
    self.lastTime = lastTime
  }
}

/// One end of a conversation, laid out flat.
@safe struct EndRecord {
  var packets: UInt64 = 0
  var bytes: UInt64 = 0
  var payloadBytes: UInt64 = 0
  var addressHigh: UInt64 = 0
  var addressLow: UInt64 = 0
  var port: UInt16 = 0
  var hasPort = false
  var family: UInt8 = 4
  /// A record whose payload is the first bytes of this end, so that they are read as a packet's are.
  var payload: UnsafePointer<PacketRecord>

  init(_ end: ObservedConversation.End, hasPorts: Bool, payload: UnsafePointer<PacketRecord>) {
    packets = end.packets
    bytes = end.bytes
    payloadBytes = end.payloadBytes
    addressHigh = end.address.high
    addressLow = end.address.low
    family = end.address.family.rawValue
    port = end.port
    hasPort = hasPorts
    unsafe self.payload = payload
  }

  var address: IPAddress {
    IPAddress(family: IPFamily(rawValue: family) ?? .v4, high: addressHigh, low: addressLow)
  }

  static func offset(_ member: PartialKeyPath<EndRecord>) -> Int { MemoryLayout<EndRecord>.offset(of: member)! }

  static func at(_ base: UnsafeRawPointer) -> UnsafePointer<EndRecord> {
    unsafe base.assumingMemoryBound(to: EndRecord.self)
  }
}

/// A conversation, laid out flat: fields are read in place. Filled once per call.
@safe struct ConversationRecord {
  var client: EndRecord
  var server: EndRecord
  /// Seconds since 1970.
  var firstTime: Double
  var lastTime: Double
  var duration: Double
  var packets: UInt64
  var bytes: UInt64
  var protocolNumber: UInt8
  var ending: UInt8
  /// Bit 0.
  var isEstablished: UInt8

  static func offset(_ member: PartialKeyPath<ConversationRecord>) -> Int {
    MemoryLayout<ConversationRecord>.offset(of: member)!
  }

  static func at(_ base: UnsafeRawPointer) -> UnsafePointer<ConversationRecord> {
    unsafe base.assumingMemoryBound(to: ConversationRecord.self)
  }
}

/// Room for the one conversation that a script looks at.
///
/// Safe because: owned memory for one record, two ends' packets; filled before each call, read during it.
@safe final class ConversationArena {
  private let record = UnsafeMutablePointer<ConversationRecord>.allocate(capacity: 1)
  private let packets = UnsafeMutablePointer<ObservedPacket>.allocate(capacity: 2)
  private let payloads = UnsafeMutablePointer<PacketRecord>.allocate(capacity: 2)

  deinit {
    unsafe record.deallocate()
    unsafe packets.deallocate()
    unsafe payloads.deallocate()
  }

  /// All structs are trivial, so that plain assignment needs no clean-up.
  func place(_ conversation: ObservedConversation) -> UnsafePointer<ConversationRecord> {
    unsafe placePayload(0, conversation.client.payload)
    unsafe placePayload(1, conversation.server.payload)
    let hasPorts = conversation.hasPorts
    unsafe record.initialize(
      to: ConversationRecord(
        client: EndRecord(conversation.client, hasPorts: hasPorts, payload: payloads),
        server: EndRecord(conversation.server, hasPorts: hasPorts, payload: payloads + 1),
        firstTime: Double(conversation.firstTime) / 1e9, lastTime: Double(conversation.lastTime) / 1e9,
        duration: Double(conversation.lastTime &- conversation.firstTime) / 1e9,
        packets: conversation.client.packets &+ conversation.server.packets,
        bytes: conversation.client.bytes &+ conversation.server.bytes, protocolNumber: conversation.protocol,
        ending: conversation.ending.rawValue, isEstablished: conversation.isEstablished ? 1 : 0))
    return unsafe UnsafePointer(record)
  }

  private func placePayload(_ end: Int, _ bytes: UnsafeRawBufferPointer) {
    // An empty payload may have no address.
    let empty = unsafe UnsafeRawPointer(bitPattern: 8)!
    unsafe (packets + end).initialize(
      to: ObservedPacket(
        bytes: bytes.baseAddress ?? empty, captured: bytes.count, original: bytes.count, time: 0, decoder: .none,
        summary: PacketSummary(), vpc: -1, eni: nil, subnet: -1, isOutbound: false,
        flow: ObservedPacket.Flow(id: 0, packets: 0, bytes: 0, firstSeen: 0)))
    unsafe (payloads + end).initialize(to: PacketRecord(packets + end, depth: 0, roomDepth: 1))
    unsafe payloads[end].fill(packets[end], isObserved: false)
  }
}
