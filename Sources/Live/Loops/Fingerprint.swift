internal import Wire

/// What is the same of a packet however often it goes round: the innermost packet's first bytes, without what routers and bridges
/// change (MACs, tags, TTL, checksum of the header) and whatever tunnels it is in.
enum Fingerprint {
  /// Tunnels in tunnels that are looked into: each time round puts the packet into one more for each engine on its way.
  private static let depth = 64
  private static let length = 64

  static func make(_ start: UnsafeRawPointer, captured: Int, decoder: LinkDecoder) -> UInt64 {
    var (bytes, count, decoder) = unsafe (start, captured, decoder)
    for _ in 0..<depth {
      let summary = unsafe PacketSummary.parse(bytes, captured: count, decoder: decoder)
      guard let inner = unsafe summary.inner(bytes) else { return unsafe hash(bytes, count, summary) }
      unsafe bytes += inner.offset
      count = inner.end - inner.offset
      decoder = inner.decoder
    }
    return unsafe hash(bytes, count, PacketSummary.parse(bytes, captured: count, decoder: decoder))
  }

  private static func hash(_ bytes: UnsafeRawPointer, _ captured: Int, _ summary: PacketSummary) -> UInt64 {
    let start = min(captured, Int(summary.networkOffset))
    let end = summary.isIP ? Int(summary.packetEnd) : captured
    var hash = UInt64(end - start) &* 0xc4ce_b9fe_1a85_ec53 ^ UInt64(summary.etherType)
    var offset = start
    while offset + 8 <= min(end, start + length) {
      var word = unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      if summary.ipVersion == 4, offset == start + 8 { word &= 0x00ff_0000_ffff_ffff }
      if summary.ipVersion == 6, offset == start { word &= 0xffff_ffff_ffff_ff00 }
      hash = (hash ^ word) &* 0x9e37_79b9_7f4a_7c15
      hash ^= hash >> 29
      offset += 8
    }
    return hash
  }
}
