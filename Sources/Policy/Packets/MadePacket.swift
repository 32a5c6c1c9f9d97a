internal import Mirroring
internal import Wire

/// A packet that a script made: its bytes and its record live as long as the policy.
@safe final class MadePacket {
  private let bytes: UnsafeMutableRawBufferPointer
  private let arena = PacketArena()
  let record: UnsafePointer<PacketRecord>

  init(_ frame: [UInt8], decoder: LinkDecoder, time: Int64, number: Int, isOutbound: Bool?) {
    unsafe bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, frame.count), alignment: 8)
    unsafe bytes.copyBytes(from: frame)
    let start = unsafe UnsafeRawPointer(bytes.baseAddress!)
    let summary = unsafe PacketSummary.parse(start, captured: frame.count, decoder: decoder)
    // Conversations of the data path count from 0: these stay out of their way.
    let flow = ObservedPacket.Flow(
      id: 0x8000_0000 | UInt32(truncatingIfNeeded: number), packets: 1, bytes: UInt64(frame.count), firstSeen: time)
    let packet = unsafe ObservedPacket(
      bytes: start, captured: frame.count, original: frame.count, time: time, decoder: decoder, summary: summary,
      vpc: -1, eni: nil, subnet: -1, isOutbound: isOutbound ?? false, flow: flow)
    unsafe record = arena.place(packet, isObserved: isOutbound != nil)
  }

  deinit { unsafe bytes.deallocate() }
}
