public import Inventory
internal import Mirroring
public import Wire

/// A frame that a script made, or took from a capture, and where the script says that it is seen.
public struct MadeFrame: Sendable {
  public var bytes: [UInt8]
  /// Length on the wire.
  public var original: Int
  public var linkType: LinkType
  /// Nanoseconds since 1970; nil: whatever the clock says when it is judged.
  public var time: Int64?
  /// Where it is captured; nil: on a tap of the whole VPC, or at the ENI that `isOutbound` means.
  public var eni: ENIIndex?
  /// nil: on a tap, seen at both of its ends.
  public var isOutbound: Bool?

  public init(_ bytes: [UInt8], original: Int? = nil, linkType: LinkType, time: Int64? = nil) {
    self.bytes = bytes
    self.original = original ?? bytes.count
    self.linkType = linkType
    self.time = time
  }

  func summary(_ decoder: LinkDecoder) -> PacketSummary {
    unsafe bytes.withUnsafeBytes { buffer in
      guard let base = buffer.baseAddress else { return PacketSummary() }
      return unsafe PacketSummary.parse(base, captured: buffer.count, decoder: decoder)
    }
  }
}

/// A packet that a script made: its bytes and its record live as long as the policy.
@safe final class MadePacket {
  let frame: MadeFrame
  private let bytes: UnsafeMutableRawBufferPointer
  private let arena = PacketArena()
  let record: UnsafePointer<PacketRecord>

  init(_ frame: MadeFrame, in inventory: Inventory, clock: Int64, number: Int) {
    self.frame = frame
    unsafe bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, frame.bytes.count), alignment: 8)
    unsafe bytes.copyBytes(from: frame.bytes)
    let start = unsafe UnsafeRawPointer(bytes.baseAddress!)
    let decoder = frame.linkType.decoder ?? .none
    let summary = unsafe PacketSummary.parse(start, captured: frame.bytes.count, decoder: decoder)
    let time = frame.time ?? clock
    // Conversations of the data path count from 0: these stay out of their way.
    let flow = ObservedPacket.Flow(
      id: 0x8000_0000 | UInt32(truncatingIfNeeded: number), packets: 1, bytes: UInt64(frame.original), firstSeen: time)
    var packet = unsafe ObservedPacket(
      bytes: start, captured: frame.bytes.count, original: frame.original, time: time, decoder: decoder,
      summary: summary, vpc: frame.eni.map { inventory.enis[$0].vpc } ?? -1, eni: frame.eni,
      subnet: frame.eni.map { inventory.enis[$0].subnet } ?? -1, isOutbound: frame.isOutbound ?? false, flow: flow)
    unsafe record = arena.place(&packet, isObserved: frame.isOutbound != nil)
  }

  deinit { unsafe bytes.deallocate() }
}
