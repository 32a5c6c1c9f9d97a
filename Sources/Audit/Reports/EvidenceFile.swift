internal import Policy
internal import Wire

/// The packets of a finding as a capture: pcapng, each with a comment that says what it shows.
public enum EvidenceFile {
  /// - Returns: the bytes; nil if the finding has no packets.
  public static func bytes(of finding: Finding, audit: AuditResult) -> [UInt8]? {
    guard finding.packets.contains(where: { !$0.bytes.isEmpty }) else { return nil }
    var bytes = PcapngSectionHeader.emit(application: "moontap audit")
    var links: [UInt16] = []
    for packet in finding.packets where !links.contains(packet.linkType) {
      links.append(packet.linkType)
      bytes += PcapngInterface.emit(linkType: LinkType(rawValue: packet.linkType), snapLength: 0, name: nil)
    }
    for packet in finding.packets where !packet.bytes.isEmpty {
      let comment = "\(audit.id): \(finding.message) (\(packet.capture) frame \(packet.frame))"
      bytes += packet.block(interface: links.firstIndex(of: packet.linkType) ?? 0, comment: comment)
    }
    return bytes
  }
}

extension EvidencePacket {
  /// An enhanced packet block (pcapng section 4.3) in the machine's byte order, with nanoseconds.
  func block(interface: Int, comment: String, isOutbound: Bool? = nil) -> [UInt8] {
    let time = UInt64(bitPattern: self.time)
    var body: [UInt8] = []
    for number in [
      UInt32(interface), UInt32(time >> 32), UInt32(truncatingIfNeeded: time), UInt32(bytes.count),
      UInt32(clamping: max(length, bytes.count)),
    ] {
      body.append(native: number)
    }
    body += bytes
    body += [UInt8](repeating: 0, count: -bytes.count & 3)
    body += PcapngOption.emitPacketOptions(comment: comment, isOutbound: isOutbound)
    let total = UInt32(body.count + 12)
    var block: [UInt8] = []
    block.append(native: PcapngBlockType.enhancedPacket)
    block.append(native: total)
    block += body
    block.append(native: total)
    return block
  }
}

extension [UInt8] {
  fileprivate mutating func append(native number: UInt32) {
    #if _endian(little)
      let shifts: [UInt32] = [0, 8, 16, 24]
    #else
      let shifts: [UInt32] = [24, 16, 8, 0]
    #endif
    for shift in shifts { append(UInt8(truncatingIfNeeded: number >> shift)) }
  }
}
