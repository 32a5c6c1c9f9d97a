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

extension ConversationCounts {
  /// Counts a packet.
  ///
  /// - Returns: the piece of the frame that is the next of its sender's payload; nil: none is to be kept.
  mutating func count(_ packet: ObservedPacket, _ segment: Segment, isFromHigh: Bool, keeps: Bool) -> Range<Int>? {
    lastTime = max(lastTime, packet.time)
    if segment.isRST { isReset = true }
    return isFromHigh
      ? high.count(packet.original, segment, keeps: keeps) : low.count(packet.original, segment, keeps: keeps)
  }
}

extension ConversationCounts.End {
  /// Counts a packet that this end sent.
  ///
  /// - Returns: the piece of the frame that is the next of its payload; nil: none is to be kept.
  mutating func count(_ original: Int, _ segment: Segment, keeps: Bool) -> Range<Int>? {
    packets += 1
    bytes += UInt64(original)
    payloadBytes += UInt64(segment.payloadLength)
    if segment.isFIN { hasFIN = true }
    if segment.isTCP, segment.isSYN {
      hasSYN = true
      if payloadBytes == 0 { begin(at: segment.sequence &+ 1) }
      return nil
    }
    guard segment.payloadLength > 0, !isComplete, keeps else { return nil }
    var piece = segment.payload
    if segment.isTCP {
      if !hasSequence { begin(at: segment.sequence) }
      // Sent again, perhaps with more behind it; or with a gap before it, which ends what is kept.
      let ahead = Int(Int32(bitPattern: segment.sequence &- nextSequence))
      guard ahead <= 0 else {
        isComplete = true
        return nil
      }
      guard -ahead < segment.payloadLength else { return nil }
      piece = min(piece.lowerBound - ahead, piece.upperBound)..<piece.upperBound
      nextSequence = segment.sequence &+ UInt32(truncatingIfNeeded: segment.payloadLength)
    }
    // Behind what was not captured nothing fits.
    if segment.payload.count < segment.payloadLength { isComplete = true }
    return piece
  }

  private mutating func begin(at sequence: UInt32) {
    nextSequence = sequence
    hasSequence = true
  }
}

extension [UInt8] {
  /// Keeps a piece of a frame, up to `limit` bytes in all.
  ///
  /// - Returns: whether there is enough.
  mutating func add(_ packet: ObservedPacket, _ piece: Range<Int>, limit: Int) -> Bool {
    let kept = piece.prefix(limit - count)
    unsafe self += UnsafeRawBufferPointer(start: packet.bytes + kept.lowerBound, count: kept.count)
    return count >= limit
  }
}
