import SeededRandom
import Wire

/// Emits frames of conversations: Ethernet, at most one tag, IPv4 or IPv6, TCP, UDP or ICMP, all checksums right.
///
/// Safe because: no frame is longer than `maximumByteCount`, which the caller provides, and `Payload` checks its bounds.
@safe struct FrameEmitter {
  static let maximumByteCount = 18 + 40 + 20 + Payload.maximumByteCount

  private let payload: Payload
  private var generator: SeededGenerator
  private var identification: UInt16 = 0

  init(seed: UInt64) {
    payload = Payload(seed: seed)
    generator = SeededGenerator(seed: ~seed)
  }

  /// Emits the next frame of a conversation.
  ///
  /// - Parameters:
  ///   - length: the frame's length in bytes; a frame that cannot be so short has no payload.
  ///   - target: room for `maximumByteCount` bytes.
  /// - Returns: the frame's length.
  mutating func emit(
    _ conversation: inout Conversation, isReply: Bool, length: Int, to target: UnsafeMutableRawPointer
  ) -> Int {
    let link = conversation.vlan == 0 ? 14 : 18
    let network = conversation.isVersion6 ? 40 : 20
    let transport = conversation.transport == .tcp ? 20 : 8
    let payloadLength = min(max(length - link - network - transport, 0), Payload.maximumByteCount)
    unsafe emitLink(conversation, isReply, to: target)
    if conversation.isVersion6 {
      unsafe emitV6(conversation, isReply, length: transport + payloadLength, to: target + link)
    } else {
      unsafe emitV4(conversation, isReply, length: transport + payloadLength, to: target + link)
    }
    let segment = unsafe target + link + network
    let word = generator.below((Payload.byteCount - Payload.maximumByteCount) / 2)
    let sum = unsafe payload.copy(from: word, count: payloadLength, to: segment + transport)
    unsafe emitTransport(&conversation, isReply, payload: (payloadLength, sum), to: segment)
    return link + network + transport + payloadLength
  }

  private func emitLink(_ conversation: Conversation, _ isReply: Bool, to target: UnsafeMutableRawPointer) {
    let (from, to) = isReply ? (conversation.server, conversation.client) : (conversation.client, conversation.server)
    // Eight bytes each: the second store mends what the first one wrote too much.
    unsafe put(to.mac << 16, target, 0)
    unsafe put(from.mac << 16, target, 6)
    let etherType: UInt16 = conversation.isVersion6 ? 0x86dd : 0x0800
    if conversation.vlan == 0 {
      unsafe put(etherType, target, 12)
    } else {
      unsafe put(UInt32(0x8100_0000) | UInt32(conversation.vlan), target, 12)
      unsafe put(etherType, target, 16)
    }
  }

  private mutating func emitV4(
    _ conversation: Conversation, _ isReply: Bool, length: Int, to target: UnsafeMutableRawPointer
  ) {
    let (from, to) = isReply ? (conversation.server, conversation.client) : (conversation.client, conversation.server)
    let first = UInt32(0x4500_0000) | UInt32(20 + length)
    let second = UInt32(identification) << 16 | 0x4000
    let third = UInt32(64) << 24 | UInt32(protocolNumber(conversation)) << 16
    identification &+= 1
    let checksum = InternetChecksum.finish(
      conversation.addressSum + UInt64(first) + UInt64(second) + UInt64(third))
    unsafe put(first, target, 0)
    unsafe put(second, target, 4)
    unsafe put(third | UInt32(checksum), target, 8)
    unsafe put(UInt32(truncatingIfNeeded: from.address.low), target, 12)
    unsafe put(UInt32(truncatingIfNeeded: to.address.low), target, 16)
  }

  private func emitV6(
    _ conversation: Conversation, _ isReply: Bool, length: Int, to target: UnsafeMutableRawPointer
  ) {
    let (from, to) = isReply ? (conversation.server, conversation.client) : (conversation.client, conversation.server)
    unsafe put(UInt32(0x6000_0000), target, 0)
    unsafe put(UInt32(length) << 16 | UInt32(protocolNumber(conversation)) << 8 | 64, target, 4)
    unsafe put(from.address.high, target, 8)
    unsafe put(from.address.low, target, 16)
    unsafe put(to.address.high, target, 24)
    unsafe put(to.address.low, target, 32)
  }

  private func protocolNumber(_ conversation: Conversation) -> UInt8 {
    switch conversation.transport {
    case .tcp: 6
    case .udp: 17
    case .icmp: conversation.isVersion6 ? 58 : 1
    }
  }

  private func emitTransport(
    _ conversation: inout Conversation, _ isReply: Bool, payload: (count: Int, sum: UInt64),
    to target: UnsafeMutableRawPointer
  ) {
    switch conversation.transport {
    case .tcp: unsafe emitTCP(&conversation, isReply, payload, to: target)
    case .udp: unsafe emitUDP(conversation, isReply, payload, to: target)
    case .icmp: unsafe emitICMP(&conversation, isReply, payload, to: target)
    }
  }

  /// RFC 9293 section 3.1.
  private func emitTCP(
    _ conversation: inout Conversation, _ isReply: Bool, _ payload: (count: Int, sum: UInt64),
    to target: UnsafeMutableRawPointer
  ) {
    let (client, server) = (conversation.clientSequence, conversation.serverSequence)
    let (sequence, acknowledged) = isReply ? (server, client) : (client, server)
    let flagsAndWindow = UInt32(payload.count == 0 ? 0x5010_fa00 : 0x5018_fa00)
    let sum =
      pseudoSum(conversation, length: 20 + payload.count) + conversation.portSum + payload.sum + UInt64(sequence)
      + UInt64(acknowledged) + UInt64(flagsAndWindow)
    unsafe putPorts(conversation, isReply, to: target)
    unsafe put(sequence, target, 4)
    unsafe put(acknowledged, target, 8)
    unsafe put(flagsAndWindow, target, 12)
    unsafe put(UInt32(InternetChecksum.finish(sum)) << 16, target, 16)
    if isReply {
      conversation.serverSequence = server &+ UInt32(payload.count)
    } else {
      conversation.clientSequence = client &+ UInt32(payload.count)
    }
  }

  /// RFC 768: a sum of zero is sent as all ones.
  private func emitUDP(
    _ conversation: Conversation, _ isReply: Bool, _ payload: (count: Int, sum: UInt64),
    to target: UnsafeMutableRawPointer
  ) {
    let length = UInt32(8 + payload.count)
    let sum =
      pseudoSum(conversation, length: Int(length)) + conversation.portSum + payload.sum + UInt64(length)
    let checksum = InternetChecksum.finish(sum)
    unsafe putPorts(conversation, isReply, to: target)
    unsafe put(length << 16 | UInt32(checksum == 0 ? 0xffff : checksum), target, 4)
  }

  /// RFC 792 and RFC 4443: echo, its identifier is the client's port.
  private func emitICMP(
    _ conversation: inout Conversation, _ isReply: Bool, _ payload: (count: Int, sum: UInt64),
    to target: UnsafeMutableRawPointer
  ) {
    let type: UInt32 = conversation.isVersion6 ? (isReply ? 129 : 128) : isReply ? 0 : 8
    let rest = UInt32(conversation.client.port) << 16 | (conversation.clientSequence & 0xffff)
    if isReply { conversation.clientSequence &+= 1 }
    let pseudo = conversation.isVersion6 ? pseudoSum(conversation, length: 8 + payload.count) : 0
    let checksum = InternetChecksum.finish(pseudo + UInt64(type) << 8 + UInt64(rest) + payload.sum)
    unsafe put(type << 24 | UInt32(checksum), target, 0)
    unsafe put(rest, target, 4)
  }

  private func pseudoSum(_ conversation: Conversation, length: Int) -> UInt64 {
    conversation.addressSum + UInt64(length) + UInt64(protocolNumber(conversation))
  }

  private func putPorts(_ conversation: Conversation, _ isReply: Bool, to target: UnsafeMutableRawPointer) {
    let (from, to) = isReply ? (conversation.server, conversation.client) : (conversation.client, conversation.server)
    unsafe put(UInt32(from.port) << 16 | UInt32(to.port), target, 0)
  }

  @inline(__always)
  private func put(_ value: some FixedWidthInteger, _ target: UnsafeMutableRawPointer, _ offset: Int) {
    unsafe target.storeBytes(of: value.bigEndian, toByteOffset: offset, as: type(of: value))
  }
}
