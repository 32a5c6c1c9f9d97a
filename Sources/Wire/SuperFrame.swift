// Frames as captures on a host meet them: not finished, because a network card was to finish them. A super-frame holds what
// goes over the wire as many; a checksum may be missing. Here they become what the wire has.
//
// 1. Nothing is read beyond the captured bytes, nothing written beyond what `length(of:)` says.
// 2. The segments' payloads, joined, are the super-frame's payload; their headers are what the kernel's own software
//    segmentation makes (segmentation-offloads.rst).

/// What the kernel left to the card (virtio_net_hdr; virtio 1.2, section 5.1.6).
public struct OffloadNotes: Sendable, Hashable {
  public enum Segmentation: UInt8, Sendable { case none, tcp, udp, other }

  public var segmentation: Segmentation
  /// Bytes of payload in each segment but the last.
  public var segmentSize: Int
  /// The checksum over all from `checksumStart` is missing; where it belongs, `checksumOffset` behind, stands the sum of the
  /// pseudo-header.
  public var needsChecksum: Bool
  public var checksumStart: Int
  public var checksumOffset: Int

  public init(
    segmentation: Segmentation = .none, segmentSize: Int = 0, needsChecksum: Bool = false, checksumStart: Int = 0,
    checksumOffset: Int = 0
  ) {
    self.segmentation = segmentation
    self.segmentSize = segmentSize
    self.needsChecksum = needsChecksum
    self.checksumStart = checksumStart
    self.checksumOffset = checksumOffset
  }
}

/// A TCP or UDP packet in one piece that travels in several.
///
/// Safe because: offsets come from `PacketSummary`, which compares them with `captured`; `init` compares the rest.
@safe public struct SuperFrame {
  private let bytes: UnsafeRawPointer
  private let captured: Int
  /// End of the payload; may lie behind what was captured.
  private let end: Int
  private let networkOffset: Int
  private let transportOffset: Int
  private let headerLength: Int
  private let segmentSize: Int
  private let family: IPFamily
  private let isTCP: Bool
  /// A UDP checksum of zero: there is none.
  private let hasChecksum: Bool
  public let segmentCount: Int

  /// - Parameters:
  ///   - bytes: `captured` readable bytes, which outlive the value.
  ///   - original: length of the frame as the kernel has it.
  /// - Returns: nil when the outermost packet is not one of the kind that the notes tell of (a tunnel's inner one is), or its
  ///   headers were not captured.
  public init?(
    _ bytes: UnsafeRawPointer, captured: Int, original: Int, decoder: LinkDecoder, notes: OffloadNotes
  ) {
    guard notes.segmentation == .tcp || notes.segmentation == .udp, notes.segmentSize > 0 else { return nil }
    let packet = unsafe PacketSummary.parse(bytes, captured: captured, decoder: decoder)
    isTCP = notes.segmentation == .tcp
    guard let family = packet.family, packet.flags.contains(.protocolKnown), !packet.flags.contains(.fragment),
      packet.protocol == (isTCP ? 6 : 17)
    else { return nil }
    networkOffset = Int(packet.networkOffset)
    transportOffset = Int(packet.transportOffset)
    // The kernel's own mark of where the transport header is: that of an inner packet lies further back.
    if notes.needsChecksum, notes.checksumStart != transportOffset { return nil }
    guard captured >= transportOffset + (isTCP ? 20 : 8) else { return nil }
    let transportLength = unsafe isTCP ? Int(byte(bytes, transportOffset + 12) >> 4) * 4 : 8
    headerLength = transportOffset + transportLength
    guard transportLength >= (isTCP ? 20 : 8), captured >= headerLength,
      let end = unsafe Self.end(bytes, networkOffset, family, original: original), end >= headerLength
    else { return nil }
    self.end = end
    self.family = family
    segmentSize = notes.segmentSize
    segmentCount = max(1, (end - headerLength + segmentSize - 1) / segmentSize)
    hasChecksum = unsafe isTCP || notes.needsChecksum || bigEndian16(bytes, transportOffset + 6) != 0
    self.captured = captured
    unsafe self.bytes = bytes
  }

  /// Where the packet ends. IPv4 total length 0: where the frame does (longer than 65,535 bytes). An IPv6 jumbogram has
  /// a header more than its segments: not done.
  private static func end(
    _ bytes: UnsafeRawPointer, _ network: Int, _ family: IPFamily, original: Int
  ) -> Int? {
    switch family {
    case .v4:
      let total = unsafe Int(bigEndian16(bytes, network + 2))
      return total == 0 ? original : min(original, network + total)
    case .v6:
      let payload = unsafe Int(bigEndian16(bytes, network + 4))
      return payload == 0 ? nil : min(original, network + 40 + payload)
    }
  }

  /// Length of a segment's frame on the wire.
  public func length(of segment: Int) -> Int {
    headerLength + min(segmentSize, end - headerLength - segment * segmentSize)
  }

  /// Writes one segment's frame.
  ///
  /// - Parameters:
  ///   - segment: below `segmentCount`.
  ///   - frame: `length(of: segment)` writable bytes.
  /// - Returns: how many bytes of it are known. Of a segment that was not captured whole the checksum is not right.
  public func emit(_ segment: Int, to frame: UnsafeMutableRawPointer) -> Int {
    let start = headerLength + segment * segmentSize
    let payload = length(of: segment) - headerLength
    let known = max(0, min(payload, captured - start))
    unsafe frame.copyMemory(from: bytes, byteCount: headerLength)
    if known > 0 { unsafe (frame + headerLength).copyMemory(from: bytes + start, byteCount: known) }
    unsafe patchNetwork(frame, segment, length: headerLength - networkOffset + payload)
    let length = headerLength - transportOffset + payload
    if isTCP {
      unsafe patchTCP(frame, segment)
    } else {
      unsafe frame.store16(UInt16(truncatingIfNeeded: length), at: transportOffset + 4)
    }
    if known == payload, hasChecksum { unsafe patchChecksum(frame, length: length) }
    return headerLength + known
  }

  /// RFC 791: length, identification one more each time, checksum. RFC 8200: length.
  private func patchNetwork(_ frame: UnsafeMutableRawPointer, _ segment: Int, length: Int) {
    guard family == .v4 else {
      unsafe frame.store16(UInt16(truncatingIfNeeded: length - 40), at: networkOffset + 4)
      return
    }
    let identification = unsafe bigEndian16(bytes, networkOffset + 4) &+ UInt16(truncatingIfNeeded: segment)
    unsafe frame.store16(UInt16(truncatingIfNeeded: length), at: networkOffset + 2)
    unsafe frame.store16(identification, at: networkOffset + 4)
    unsafe frame.store16(0, at: networkOffset + 10)
    let headerLength = unsafe Int(byte(bytes, networkOffset) & 15) * 4
    let sum = unsafe InternetChecksum.sum(frame + networkOffset, count: headerLength)
    unsafe frame.store16(InternetChecksum.finish(sum), at: networkOffset + 10)
  }

  /// RFC 9293: the sequence number goes on; FIN and PSH belong to the last, CWR (RFC 3168) to the first.
  private func patchTCP(_ frame: UnsafeMutableRawPointer, _ segment: Int) {
    let sequence = unsafe bigEndian32(bytes, transportOffset + 4) &+ UInt32(truncatingIfNeeded: segment * segmentSize)
    unsafe frame.store16(UInt16(truncatingIfNeeded: sequence >> 16), at: transportOffset + 4)
    unsafe frame.store16(UInt16(truncatingIfNeeded: sequence), at: transportOffset + 6)
    var flags = unsafe byte(bytes, transportOffset + 13)
    if segment < segmentCount - 1 { flags &= ~0x09 }
    if segment > 0 { flags &= ~0x80 }
    unsafe frame.storeBytes(of: flags, toByteOffset: transportOffset + 13, as: UInt8.self)
  }

  /// - Parameter length: of transport header and payload.
  private func patchChecksum(_ frame: UnsafeMutableRawPointer, length: Int) {
    let field = transportOffset + (isTCP ? 16 : 6)
    let addresses = networkOffset + (family == .v4 ? 12 : 8)
    unsafe frame.store16(0, at: field)
    // The pseudo-header: addresses, protocol, length.
    var sum = unsafe InternetChecksum.sum(
      frame + addresses, count: family == .v4 ? 8 : 32, from: UInt64(length) + (isTCP ? 6 : 17))
    sum = unsafe InternetChecksum.sum(frame + transportOffset, count: length, from: sum)
    let checksum = InternetChecksum.finish(sum)
    unsafe frame.store16(checksum == 0 && !isTCP ? 0xffff : checksum, at: field)
  }
}

extension OffloadNotes {
  /// Puts the checksum in that the card was to compute.
  ///
  /// - Parameter frame: `captured` bytes, writable.
  /// - Returns: false when not all bytes that it covers were captured, or the notes point out of the frame.
  public func completeChecksum(
    _ frame: UnsafeMutableRawPointer, captured: Int, original: Int
  ) -> Bool {
    let field = checksumStart + checksumOffset
    // Offset 8 is SCTP's, which is no sum (RFC 9260 section 6.8).
    guard needsChecksum, captured == original, field + 2 <= captured, checksumOffset != 8 else { return false }
    let sum = unsafe InternetChecksum.sum(frame + checksumStart, count: captured - checksumStart)
    let checksum = InternetChecksum.finish(sum)
    // Offset 6 is UDP's field: zero would say that there is none (RFC 768).
    unsafe frame.store16(checksum == 0 && checksumOffset == 6 ? 0xffff : checksum, at: field)
    return true
  }
}
