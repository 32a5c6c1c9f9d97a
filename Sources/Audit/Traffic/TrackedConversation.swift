internal import DataPath
internal import Wire

/// One conversation while it goes on: what audits will be told when it is over.
struct TrackedConversation {
  /// One end: the lower or the higher of the key.
  struct End {
    var packets: UInt64 = 0
    var bytes: UInt64 = 0
    var payloadBytes: UInt64 = 0
    /// The first bytes of payload, in order.
    var payload: [UInt8] = []
    /// Sequence number of the next byte that fits; nil: none was seen.
    var nextSequence: UInt32?
    /// A byte is missing, or there is enough: nothing is added any more.
    var isComplete = false
    var hasSYN = false
    var hasFIN = false
  }

  /// A packet of a capture.
  struct Place: Sendable, Hashable {
    var capture: Int
    /// From 1.
    var frame: Int
  }

  static let placeLimit = 6

  var key: FlowKey
  /// In order of their first packets.
  var serial: UInt64
  var low = End()
  var high = End()
  var clientIsHigh: Bool
  var firstTime: Int64
  var lastTime: Int64
  var protocolNumber: UInt8
  var lowAddress: IPAddress
  var highAddress: IPAddress
  var isReset = false
  /// Its first packets.
  var places: [Place] = []
  /// Scripts, by bit, whose `where` matched one of its packets.
  var wanted: UInt64 = 0
  /// What `where` says of each direction, by bit, where that follows from the flow; from low to high, from high to low.
  var interest: (UInt64, UInt64) = (0, 0)
  var knowsInterest: (Bool, Bool) = (false, false)

  var hasPorts: Bool { key.hasPorts }
  var lowPort: UInt16 { key.ports.low }
  var highPort: UInt16 { key.ports.high }
  var isClosed: Bool { isReset || low.hasFIN && high.hasFIN }
  var payloadRoom: Int { low.payload.capacity + high.payload.capacity }
}
