internal import Mirroring
internal import Wire

/// What of a packet's transport header counts for its conversation: flags, sequence number, where the payload is.
@safe struct Segment {
  var isTCP = false
  var flags: UInt8 = 0
  var sequence: UInt32 = 0
  /// Captured payload, from the frame's first byte; start <= end <= captured.
  var payload: Range<Int>
  /// On the wire.
  var payloadLength: Int

  var isSYN: Bool { flags & 0x02 != 0 }
  var isACK: Bool { flags & 0x10 != 0 }
  var isRST: Bool { flags & 0x04 != 0 }
  var isFIN: Bool { flags & 0x01 != 0 }

  /// - Precondition: the packet is IP: its offsets lie inside the captured bytes.
  init(_ packet: ObservedPacket) {
    let summary = packet.summary
    let start = Int(summary.transportOffset)
    let end = Int(summary.packetEnd)
    var header = 0
    if summary.flags.contains(.protocolKnown), !summary.flags.contains(.laterFragment) {
      switch summary.protocol {
      case 6 where end - start >= 14:
        isTCP = true
        unsafe flags = packet.bytes.load(fromByteOffset: start + 13, as: UInt8.self)
        unsafe sequence = UInt32(
          bigEndian: packet.bytes.loadUnaligned(fromByteOffset: start + 4, as: UInt32.self))
        unsafe header = max(20, Int(packet.bytes.load(fromByteOffset: start + 12, as: UInt8.self) >> 4) * 4)
      case 6: header = 20
      case 17, 136, 1, 58: header = 8
      case 132: header = 12
      default: header = 0
      }
    }
    payload = min(start + header, end)..<end
    // What was not captured of the frame belongs to the packet.
    let missing = end == packet.captured ? max(0, packet.original - packet.captured) : 0
    payloadLength = max(0, end + missing - (start + header))
  }
}

extension TrackedConversation.End {
  /// Counts a packet that this end sent, and keeps its payload if it is the next of the first `limit` bytes.
  mutating func add(_ packet: ObservedPacket, _ segment: Segment, limit: Int) {
    packets += 1
    bytes += UInt64(packet.original)
    payloadBytes += UInt64(segment.payloadLength)
    if segment.isFIN { hasFIN = true }
    if segment.isTCP, segment.isSYN {
      hasSYN = true
      if payload.isEmpty { nextSequence = segment.sequence &+ 1 }
      return
    }
    guard segment.payloadLength > 0, !isComplete, limit > 0 else { return }
    var piece = segment.payload
    if segment.isTCP {
      let expected = nextSequence ?? segment.sequence
      // Sent again, perhaps with more behind it; or with a gap before it, which ends what is kept.
      let ahead = Int32(bitPattern: segment.sequence &- expected)
      guard ahead <= 0 else {
        isComplete = true
        return
      }
      guard Int(-ahead) < segment.payloadLength else { return }
      piece = min(piece.lowerBound + Int(-ahead), piece.upperBound)..<piece.upperBound
      nextSequence = segment.sequence &+ UInt32(truncatingIfNeeded: segment.payloadLength)
    }
    let kept = piece.prefix(limit - payload.count)
    unsafe payload += UnsafeRawBufferPointer(start: packet.bytes + kept.lowerBound, count: kept.count)
    if payload.count >= limit || segment.payload.count < segment.payloadLength { isComplete = true }
  }
}
