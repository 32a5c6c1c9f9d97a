internal import Wire

/// Who sent how much, by capture. Bounded: who comes when there are too many is not counted.
struct TalkerTable {
  private static let limit = 1 << 17

  private struct Sum {
    var packets: UInt64 = 0
    var bytes: UInt64 = 0

    mutating func add(_ end: ConversationCounts.End) {
      packets += end.packets
      bytes += end.bytes
    }
  }

  private var sums: [[IPAddress: Sum]]

  init(captures: Int) { sums = Array(repeating: [:], count: captures) }

  mutating func add(_ conversation: EndedConversation) {
    let capture = conversation.body.places.first?.capture ?? 0
    add(conversation.body.lowAddress, conversation.counts.low, capture)
    add(conversation.body.highAddress, conversation.counts.high, capture)
  }

  private mutating func add(_ address: IPAddress, _ end: ConversationCounts.End, _ capture: Int) {
    guard end.packets > 0 else { return }
    if sums[capture].count >= Self.limit, sums[capture][address] == nil { return }
    sums[capture][address, default: Sum()].add(end)
  }

  func most(ofCapture capture: Int) -> [CaptureResult.Talker] {
    sums[capture].map { CaptureResult.Talker(address: $0.description, packets: $1.packets, bytes: $1.bytes) }
      .sorted { ($1.bytes, $0.address) < ($0.bytes, $1.address) }.prefix(CaptureResult.talkerLimit).map(\.self)
  }
}
