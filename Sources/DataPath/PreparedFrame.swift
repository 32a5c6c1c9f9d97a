// What the loop needs of a frame to find its conversation and what that remembers: small, so that a batch of them stays
// in the first-level cache. All else is read again from the frame where it is needed, which is seldom.

internal import Wire

struct PreparedFrame: BitwiseCopyable {
  enum Kind: UInt8 {
    /// The source is the key's lower endpoint, or its higher.
    case straight, swapped
    /// Fragments, ICMP, what is not IP: judged anew each time.
    case unremembered
    /// No decoder for the link type.
    case undecodable
  }

  var key: FlowKey
  var hash: UInt64
  /// As in `Path.source`.
  var source: UInt64
  /// As in `Path.destination`, class 0.
  var destination: UInt64
  var kind: Kind

  @inline(__always)
  init(_ summary: PacketSummary, link: UInt16, seed: HashSeed) {
    let (key, isSwapped) = FlowKey.make(summary)
    self.key = key
    hash = key.hash(seed)
    source = Self.sourceWord(summary, link: link)
    destination = Self.destinationWord(summary)
    let isPlain =
      summary.isIP && !summary.flags.contains(.fragment) && summary.protocol != 1 && summary.protocol != 58
    kind = isPlain ? isSwapped ? .swapped : .straight : .unremembered
  }

  @inline(__always)
  static func sourceWord(_ summary: PacketSummary, link: UInt16) -> UInt64 { summary.sourceMAC << 16 | UInt64(link) }

  /// Cooked captures know that a frame went to a group, but not its address: the group bit stands for it.
  @inline(__always)
  static func destinationWord(_ summary: PacketSummary) -> UInt64 {
    let group = UInt64(summary.flags.rawValue & PacketSummary.Flags.groupDestination.rawValue) << 30
    return (summary.destinationMAC | group) << 16
  }
}

/// Room for one batch.
///
/// Safe because: owned memory for `FrameBatch.capacity` frames, all initialised; positions come from a batch.
@safe final class PreparedBatch {
  let frames: UnsafeMutablePointer<PreparedFrame>

  init() {
    unsafe frames = .allocate(capacity: FrameBatch.capacity)
    let empty = PreparedFrame(PacketSummary(), link: 0, seed: .fixed)
    unsafe frames.initialize(repeating: empty, count: FrameBatch.capacity)
  }

  deinit { unsafe frames.deallocate() }
}
