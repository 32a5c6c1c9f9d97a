public import Inventory
public import Policy
internal import Wire

/// Packets that a test made, as a capture (pcapng): an interface for each ENI that one is seen at.
public enum MadeCapture {
  /// - Parameter frames: those without a time are seen with the one before them.
  public static func bytes(_ frames: [MadeFrame], in inventory: Inventory) -> [UInt8] {
    struct Interface: Hashable {
      var linkType: UInt16
      var eni: ENIIndex?
    }
    let interfaces = frames.map { Interface(linkType: $0.linkType.rawValue, eni: $0.eni) }
    var numbers: [Interface: Int] = [:]
    var bytes = PcapngSectionHeader.emit(application: "moontap test")
    for (interface, frame) in zip(interfaces, frames) where numbers[interface] == nil {
      numbers[interface] = numbers.count
      bytes += PcapngInterface.emit(
        linkType: frame.linkType, snapLength: 0, name: interface.eni.map { inventory.enis[$0].id })
    }
    var time: Int64 = 0
    for (interface, frame) in zip(interfaces, frames) {
      time = frame.time ?? time
      let packet = EvidencePacket(
        capture: "", frame: 0, time: time, length: frame.original, bytes: frame.bytes,
        linkType: interface.linkType)
      bytes += packet.block(interface: numbers[interface] ?? 0, comment: "made", isOutbound: frame.isOutbound)
    }
    return bytes
  }
}
