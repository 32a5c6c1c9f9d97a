internal import Wire

/// Who sent how much, by capture. Bounded: who comes when there are too many is not counted.
struct TalkerTable {
  private static let limit = 1 << 17

  private struct Sum {
    var packets: UInt64 = 0
    var bytes: UInt64 = 0
  }

  private var sums: [[IPAddress: Sum]]

  init(captures: Int) { sums = Array(repeating: [:], count: captures) }

  mutating func add(_ conversation: TrackedConversation) {
    let capture = conversation.places.first?.capture ?? 0
    add(conversation.lowAddress, conversation.low, capture)
    add(conversation.highAddress, conversation.high, capture)
  }

  private mutating func add(_ address: IPAddress, _ end: TrackedConversation.End, _ capture: Int) {
    guard end.packets > 0, sums[capture].count < Self.limit || sums[capture][address] != nil else { return }
    sums[capture][address, default: Sum()].packets += end.packets
    sums[capture][address, default: Sum()].bytes += end.bytes
  }

  func most(ofCapture capture: Int) -> [CaptureResult.Talker] {
    sums[capture].map { CaptureResult.Talker(address: $0.description, packets: $1.packets, bytes: $1.bytes) }
      .sorted { ($1.bytes, $0.address) < ($0.bytes, $1.address) }.prefix(CaptureResult.talkerLimit).map(\.self)
  }
}
