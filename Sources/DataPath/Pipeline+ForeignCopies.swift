// Copies of other engines, and our own where nothing else shows it (their destination was translated): recognised by the mark that
// every VXLAN copy bears, which costs no bit: its UDP source port is the flow hash of what it carries (RFC 7348 section 5), by a
// hash that is the same on every host. A stranger's tunnel passes for a copy one time in 16,384 flows.

internal import Mirroring
internal import Wire

extension Pipeline {
  /// The record is a copy on its way from any engine, or an ICMP error that quotes one: to copy that would make the next error.
  func isForeignCopy(_ frame: UnsafeMutablePointer<Frame>, _ summary: PacketSummary) -> Bool {
    guard leavesOutForeignCopies, summary.flags.contains(.protocolKnown) else { return false }
    if followedCopy { return true }
    guard !summary.flags.contains(.laterFragment) else { return false }
    let bytes = unsafe frame.pointee.bytes
    switch summary.protocol {
    case 17: return unsafe summary.isMarkedCopy(bytes)
    case 1, 58: return unsafe summary.quotedFlow(bytes).map(judge.isCopy) ?? false
    default: return false
    }
  }
}

extension PacketSummary {
  /// Its payload is VXLAN with an Ethernet frame in it, whose flow gives the source port.
  func isMarkedCopy(_ bytes: UnsafeRawPointer) -> Bool {
    let start = Int(transportOffset) + 8
    let inner = start + 8
    guard flags.contains(.portsKnown), sourcePort >= 0xc000, Int(packetEnd) >= inner + 14 else { return false }
    let header = unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self))
    // The I flag alone, nothing reserved: as `EncapsulationTemplate` writes it.
    guard header & 0xffff_ffff_0000_00ff == 0x0800_0000_0000_0000 else { return false }
    let carried = unsafe PacketSummary.parse(
      bytes + inner, captured: Int(packetEnd) - inner, decoder: .ethernet)
    return unsafe carried.copyPort(bytes + inner) == sourcePort
  }

  /// The source port of a copy of the frame.
  private func copyPort(_ bytes: UnsafeRawPointer) -> UInt16 {
    guard isIP else { return FlowKey.makeLinkLayer(self).key.copyPort }
    return unsafe FlowKey.make(quotedFlow(bytes) ?? self).key.copyPort
  }
}

extension FlowKey {
  /// Outer UDP source port of copies, 49152 to 65535 (RFC 7348 section 5).
  var copyPort: UInt16 { 0xc000 | UInt16(truncatingIfNeeded: hash(.fixed) >> 50) }
}
