internal import DataPath
internal import Inventory
internal import Mirroring
internal import Wire

/// One packet of a batch, ready for scripts.
@safe struct AuditPacket {
  var observed: ObservedPacket
  var place: PacketPlace
  var linkType: LinkType
  /// Of the capture's interfaces.
  var interface: Int
  var direction: CaptureDirection
  /// Its conversation, while it lives; nil: none.
  var entry: Int?
  var isFromHigh = false
  /// Where it is seen was looked up, and found.
  var isAttributed = false
  var isDecodable = true
}
