internal import Mirroring
public import Wire

/// A frame on one line, as scripts see it with `tostring(packet)`.
public enum PacketText {
  /// - Parameter time: nanoseconds since 1970.
  public static func line(_ bytes: [UInt8], original: Int, time: Int64, linkType: LinkType) -> String {
    let arena = PacketArena()
    return unsafe bytes.withUnsafeBytes { buffer in
      guard let base = buffer.baseAddress else { return "no bytes" }
      let decoder = linkType.decoder ?? .none
      var packet = unsafe ObservedPacket(
        bytes: base, captured: buffer.count, original: original, time: time, decoder: decoder,
        summary: PacketSummary.parse(base, captured: buffer.count, decoder: decoder), vpc: -1, eni: nil, subnet: -1,
        isOutbound: false, flow: ObservedPacket.Flow(id: 0, packets: 0, bytes: 0, firstSeen: 0))
      return unsafe PacketLine.text(UnsafeRawPointer(arena.place(&packet, isObserved: false)))
    }
  }
}
