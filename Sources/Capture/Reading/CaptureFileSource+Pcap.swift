import DataPath
import Wire

/// How the records of a pcap file are laid out.
struct PcapLayout {
  var isSwapped: Bool
  var hasUnorderedLengths: Bool
  /// Nanoseconds in one unit of a timestamp's fraction: 1 or 1,000.
  var fractionUnit: Int64
}

extension CaptureFileSource {
  func beginPcap() throws(CaptureError) {
    let header: PcapFileHeader
    do {
      header = try unsafe PcapFileHeader.parse(input.bytes.bytes)
    } catch {
      throw .badHeader(path: path, error)
    }
    guard header.linkType.decoder != nil else { throw .unsupportedLinkType(path: path, header.linkType) }
    input.consume(PcapFileHeader.byteCount)
    interfaces = [CaptureInterface(linkType: header.linkType, name: nil, origin: path)]
    format = .pcap(
      PcapLayout(
        isSwapped: header.isSwapped, hasUnorderedLengths: header.hasUnorderedLengths,
        fractionUnit: header.isNanosecond ? 1 : 1000))
  }

  /// One loop for each layout, so that the loop itself decides nothing.
  func parsePcap(_ layout: PcapLayout, into frames: UnsafeMutablePointer<Frame>) -> Int {
    switch (layout.isSwapped, layout.hasUnorderedLengths) {
    case (false, false): unsafe parsePcapRecords(layout.fractionUnit, swapped: false, unordered: false, into: frames)
    case (true, false): unsafe parsePcapRecords(layout.fractionUnit, swapped: true, unordered: false, into: frames)
    case (let swapped, true):
      unsafe parsePcapRecords(layout.fractionUnit, swapped: swapped, unordered: true, into: frames)
    }
  }

  /// Safe because: every load is within `end`, which bounds the bytes that `input` promises.
  @inline(__always)
  private func parsePcapRecords(
    _ fractionUnit: Int64, swapped: Bool, unordered: Bool, into frames: UnsafeMutablePointer<Frame>
  ) -> Int {
    let start = unsafe input.cursor
    let end = unsafe start + input.available
    var cursor = unsafe start
    var count = 0
    while count < FrameBatch.capacity, unsafe end - cursor >= PcapFileHeader.recordHeaderByteCount {
      var (captured, original) = unsafe (number(cursor, 8, swapped), number(cursor, 12, swapped))
      if unordered, captured > original { swap(&captured, &original) }
      let body = unsafe cursor + PcapFileHeader.recordHeaderByteCount
      guard captured <= PcapFileHeader.maximumCapturedLength, unsafe Int(captured) <= end - body else { break }
      let time =
        unsafe Int64(number(cursor, 0, swapped)) &* 1_000_000_000 &+ Int64(number(cursor, 4, swapped)) &* fractionUnit
      unsafe frames[count] = unsafe Frame(
        bytes: body, time: time, captured: captured, original: original, interface: 0, direction: .unknown)
      unsafe cursor = unsafe body + Int(captured)
      count += 1
    }
    unsafe input.consume(cursor - start)
    return count
  }

  /// Makes the record at the cursor whole in memory, or says what is wrong with it.
  func resumePcap(_ layout: PcapLayout) throws(CaptureError) -> Bool {
    let headerSize = PcapFileHeader.recordHeaderByteCount
    guard try require(headerSize) else {
      guard input.available > 0 else { return false }
      throw damage("the header of record \(frameCount + 1) needs \(headerSize) bytes, \(input.available) are left")
    }
    var captured = unsafe number(input.cursor, 8, layout.isSwapped)
    if layout.hasUnorderedLengths { captured = unsafe min(captured, number(input.cursor, 12, layout.isSwapped)) }
    guard captured <= PcapFileHeader.maximumCapturedLength else {
      throw damage(
        "record \(frameCount + 1) claims \(captured) captured bytes; at most \(PcapFileHeader.maximumCapturedLength) is right"
      )
    }
    guard try require(headerSize + Int(captured)) else {
      throw damage(
        "record \(frameCount + 1) claims \(captured) captured bytes, \(input.available - headerSize) are left")
    }
    return true
  }
}

/// A 32-bit number of a header; the caller has checked that the bytes are there.
@inline(__always)
func number(_ bytes: UnsafeRawPointer, _ offset: Int, _ swapped: Bool) -> UInt32 {
  let value = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
  return swapped ? value.byteSwapped : value
}
