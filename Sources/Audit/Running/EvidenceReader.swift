internal import Capture
internal import DataPath
internal import Policy
internal import Wire

extension EvidencePacket {
  struct Name: Hashable {
    var capture: String
    var frame: Int
  }

  var name: Name { Name(capture: capture, frame: frame) }
}

/// Takes frames out of a capture by their numbers.
enum EvidenceReader {
  static func read(
    _ wanted: Set<Int>, _ capture: String, _ source: CaptureFileSource, _ take: (EvidencePacket) -> Void
  ) {
    guard let last = wanted.max() else { return }
    let batch = FrameBatch()
    var number = 0
    while number < last, (try? source.fill(batch)) == true {
      for position in 0..<batch.count {
        number += 1
        if wanted.contains(number) {
          unsafe take(packet(batch.frames[position], number, capture, source.interfaces))
        }
      }
    }
  }

  private static func packet(
    _ frame: Frame, _ number: Int, _ capture: String, _ interfaces: [CaptureInterface]
  ) -> EvidencePacket {
    let captured = unsafe Array(UnsafeRawBufferPointer(start: frame.bytes, count: Int(frame.captured)))
    let linkType = interfaces[Int(frame.interface)].linkType
    let length = max(Int(frame.original), captured.count)
    return EvidencePacket(
      capture: capture, frame: number, time: frame.time, length: length,
      text: PacketText.line(captured, original: length, time: frame.time, linkType: linkType),
      bytes: Array(captured.prefix(EvidencePacket.byteLimit)), linkType: linkType.rawValue)
  }
}
