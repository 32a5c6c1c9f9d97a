internal import DataPath
internal import Wire

/// What the loop counts of a conversation: plain values, so that a packet costs no reference.
struct ConversationCounts: BitwiseCopyable {
  /// One end: the lower or the higher of the key.
  struct End: BitwiseCopyable {
    var packets: UInt64 = 0
    var bytes: UInt64 = 0
    var payloadBytes: UInt64 = 0
    /// Sequence number of the next byte that fits, if one was seen.
    var nextSequence: UInt32 = 0
    var hasSequence = false
    /// A byte is missing, or there is enough: no payload is kept any more.
    var isComplete = false
    var hasSYN = false
    var hasFIN = false
  }

  // In this order because of `ConversationTracker.seek`, which reads words less than a cache line apart.
  /// In order of their first packets.
  var serial: UInt64
  var key: FlowKey
  var firstTime: Int64
  var low = End()
  var high = End()
  var lastTime: Int64
  /// Scripts, by bit, whose `where` matched one of its packets.
  var wanted: UInt64 = 0
  /// What `where` says of each direction, by bit, where that follows from the flow.
  var interestFromLow: UInt64 = 0
  var interestFromHigh: UInt64 = 0
  var knowsFromLow = false
  var knowsFromHigh = false
  var clientIsHigh: Bool
  var protocolNumber: UInt8
  var isReset = false
  var placeCount: UInt8 = 0
  /// The entry holds a conversation.
  var isLive = true

  var isClosed: Bool { isReset || low.hasFIN && high.hasFIN }
}

/// What is kept of a conversation besides: touched by its first packets only.
struct ConversationBody {
  var lowAddress: IPAddress
  var highAddress: IPAddress
  /// The first bytes of each end's payload, in order.
  var lowPayload: [UInt8] = []
  var highPayload: [UInt8] = []
  /// Its first packets.
  var places: [PacketPlace] = []

  static let placeLimit = 6

  var room: Int { lowPayload.capacity + highPayload.capacity }

  /// Gives back what it kept.
  mutating func forget() {
    lowPayload = []
    highPayload = []
    places = []
  }
}

/// A packet of a capture.
struct PacketPlace: Sendable, Hashable {
  var capture: Int
  /// From 1.
  var frame: Int
}

/// A conversation that is over; an object, because every script is shown the same one.
final class EndedConversation {
  /// Of the frame of the batch before which it is over.
  let position: Int
  let id: UInt32
  let counts: ConversationCounts
  let body: ConversationBody

  init(position: Int, id: UInt32, counts: ConversationCounts, body: ConversationBody) {
    self.position = position
    self.id = id
    self.counts = counts
    self.body = body
  }
}
