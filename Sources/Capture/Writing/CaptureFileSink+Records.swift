import DataPath
import Glibc
import Wire

/// What a call of `deliver` brings.
@safe struct CopyBatch {
  var copies: UnsafePointer<Copy>
  var count: Int
  var frames: UnsafePointer<Frame>
}

/// The part of a record that comes from the frame.
@safe struct CopyBody {
  var bytes: UnsafeRawPointer
  var captured: Int
  /// What the record says: as in the source, which may lie.
  var original: UInt32
  /// Of the dressing of a frame without Ethernet header.
  var etherType: UInt16 = 0
}

extension CaptureFileSink {
  /// Appends a record for each copy. Four loops in one text: `isPcapng` and `wraps` are constants of the caller.
  ///
  /// Safe because: a buffer always has room for a record of the largest size (`OutputBuffers`), and `maximumCaptured`
  /// of the channel bounds the record.
  @inline(__always)
  func append(
    _ batch: CopyBatch, isPcapng: Bool, wraps: Bool, _ drop: (Int, DeliveryDrop) -> Void
  ) throws(CaptureError) {
    var start = 0
    while start < batch.count {
      let end = min(start + CopyChannels.foundCapacity, batch.count)
      find(batch, start..<end, from: start)
      try append(batch, start..<end, isPcapng: isPcapng, wraps: wraps, drop)
      start = end
    }
  }

  /// The channels of some copies, all before any is written: their cache misses overlap instead of adding up. -1 where
  /// there is none yet.
  private func find(_ batch: CopyBatch, _ range: Range<Int>, from start: Int) {
    let (channels, linkTypes) = (channels, linkTypes)
    for position in range {
      let copy = unsafe batch.copies[position]
      let linkType = unsafe linkTypes[Int(batch.frames[Int(copy.frame)].interface)]
      let key = CopyChannels.key(route: copy.route, origin: copy.origin, linkType: linkType.rawValue)
      unsafe channels.found[position &- start] = Int32(truncatingIfNeeded: channels.find(key))
    }
  }

  @inline(__always)
  private func append(
    _ batch: CopyBatch, _ range: Range<Int>, isPcapng: Bool, wraps: Bool, _ drop: (Int, DeliveryDrop) -> Void
  ) throws(CaptureError) {
    let (channels, buffers) = (channels, buffers)
    let threshold = buffers.threshold
    for position in range {
      let copy = unsafe batch.copies[position]
      let frame = unsafe batch.frames + Int(copy.frame)
      var index = unsafe Int(channels.found[position &- range.lowerBound])
      if index < 0 {
        index = try unsafe makeChannel(copy, linkTypes[Int(frame.pointee.interface)])
        // Of those after it some may be the same, and if there was no room for it, all are made anew.
        find(batch, position + 1..<range.upperBound, from: range.lowerBound)
      }
      let channel = unsafe channels.channels + index
      let body = unsafe wraps ? wrappedBody(frame, channel) : CopyBody(frame)
      guard unsafe fits(body, channel) else {
        drop(position, .tooBig)
        continue
      }
      let buffer = unsafe buffers.buffers + channel.pointee.file
      let record = unsafe buffer.pointee.base + buffer.pointee.used
      let data = unsafe record + (isPcapng ? WrittenBlock.headerByteCount : PcapFileHeader.recordHeaderByteCount)
      var headerCount = 0
      if wraps { unsafe headerCount = emitOuterHeaders(data, body, copy, index) }
      unsafe memcpy(data + headerCount, body.bytes, body.captured)
      let captured = headerCount + body.captured
      // A length in the file that is shorter than what was captured stays as it is; one too large for 32 bits cannot be.
      let original = UInt32(truncatingIfNeeded: headerCount &+ Int(body.original))
      let time = unsafe frame.pointee.time
      let end =
        unsafe isPcapng
        ? WrittenBlock.finish(
          record, captured, original, time, interface: channel.pointee.interface, options: channel.pointee.options,
          channel.pointee.optionsByteCount, isOutbound: copy.isOutbound)
        : finishPcapRecord(record, captured, original, time)
      let used = unsafe end - buffer.pointee.base
      unsafe buffer.pointee.used = used
      if used >= threshold { try unsafe buffers.drain(channel.pointee.file) }
    }
  }

  @inline(__always)
  private func fits(_ body: CopyBody, _ channel: UnsafeMutablePointer<CopyChannel>) -> Bool {
    unsafe body.captured <= Int(channel.pointee.maximumCaptured) && body.original <= channel.pointee.maximumOriginal
  }

  // MARK: Wrapping

  /// The frame as the inside of a tunnel: its length is at least what was captured; a link header that is not Ethernet is
  /// left out.
  @inline(__always)
  private func wrappedBody(_ frame: UnsafePointer<Frame>, _ channel: UnsafeMutablePointer<CopyChannel>) -> CopyBody {
    var body = unsafe CopyBody(frame)
    body.original = max(body.original, UInt32(body.captured))
    return unsafe channel.pointee.decoder == .ethernet ? body : undressed(body, channel.pointee.decoder)
  }

  @inline(never)
  private func undressed(_ body: CopyBody, _ decoder: LinkDecoder) -> CopyBody {
    let payload = unsafe LinkPayload.parse(body.bytes, captured: body.captured, decoder: decoder)
    return unsafe CopyBody(
      bytes: body.bytes + payload.offset, captured: body.captured - payload.offset,
      original: body.original - UInt32(payload.offset), etherType: payload.etherType)
  }

  /// - Returns: bytes of the headers.
  @inline(__always)
  private func emitOuterHeaders(_ data: UnsafeMutableRawPointer, _ body: CopyBody, _ copy: Copy, _ index: Int) -> Int {
    let channel = unsafe channels.channels + index
    let layout = unsafe channel.pointee.layout
    let packet = unsafe TunnelPacket(
      body: body.bytes, captured: body.captured, original: Int(body.original), etherType: body.etherType,
      sourcePort: copy.sourcePort, sequence: channel.pointee.sequence, isOutbound: copy.isOutbound)
    unsafe channel.pointee.sequence &+= 1
    unsafe layout.emit(
      to: data, from: channels.templateBytes + index &* EncapsulationTemplate.capacity, packet)
    let count = layout.byteCount
    if layout.isInnerHeaderSynthesised, !copy.isOutbound { unsafe turnAround(data + (count &- 14)) }
    return count
  }

  /// Swaps the addresses of a dressing, which is made for packets that leave the ENI. No checksum changes by that.
  private func turnAround(_ header: UnsafeMutableRawPointer) {
    for offset in 0..<6 {
      let byte = unsafe header.load(fromByteOffset: offset, as: UInt8.self)
      unsafe header.storeBytes(
        of: header.load(fromByteOffset: offset + 6, as: UInt8.self), toByteOffset: offset, as: UInt8.self)
      unsafe header.storeBytes(of: byte, toByteOffset: offset + 6, as: UInt8.self)
    }
  }

  // MARK: Records

  /// pcap: seconds, nanoseconds, captured and original length in front of the packet.
  ///
  /// - Returns: the end of the record.
  @inline(__always)
  private func finishPcapRecord(
    _ record: UnsafeMutableRawPointer, _ captured: Int, _ original: UInt32, _ time: Int64
  ) -> UnsafeMutableRawPointer {
    // 32 bits of seconds: 1970 to 2106
    let time = UInt64(clamping: time)
    let (seconds, fraction) = time.quotientAndRemainder(dividingBy: 1_000_000_000)
    unsafe record.storeBytes(of: UInt32(clamping: seconds), as: UInt32.self)
    unsafe record.storeBytes(of: UInt32(truncatingIfNeeded: fraction), toByteOffset: 4, as: UInt32.self)
    unsafe record.storeBytes(of: UInt32(truncatingIfNeeded: captured), toByteOffset: 8, as: UInt32.self)
    unsafe record.storeBytes(of: original, toByteOffset: 12, as: UInt32.self)
    return unsafe record + (PcapFileHeader.recordHeaderByteCount &+ captured)
  }
}

extension CopyBody {
  @inline(__always)
  init(_ frame: UnsafePointer<Frame>) {
    unsafe self.init(
      bytes: frame.pointee.bytes, captured: Int(frame.pointee.captured), original: frame.pointee.original)
  }
}
