// What the loop needs of a frame to find its conversation and what that remembers: small, so that a batch of them stays
// in the first-level cache. All else is read again from the frame where it is needed, which is seldom.

internal import Wire

struct PreparedFrame: BitwiseCopyable {
  enum Kind: UInt8 {
    /// The source is the key's lower endpoint, or its higher.
    case straight, swapped
    /// Fragments, ICMP errors, what is not IP: judged anew each time.
    case unremembered
    /// No decoder for the link type.
    case undecodable

    @inline(__always)
    var isRemembered: Bool { rawValue <= Kind.swapped.rawValue }
  }

  /// `FlowName.nobody` of a frame that is judged anew.
  var name: FlowName
  var hash: UInt64
  /// As in `Path.source`.
  var source: UInt64
  /// As in `Path.destination`, class 0.
  var destination: UInt64
  /// Where the conversation probably is: `ConversationTable.seek`.
  var candidate: UInt32
  var kind: Kind
  /// Only where the name is not whole.
  var wide: WideKey

  static let empty = PreparedFrame(
    name: .nobody, hash: 0, source: 0, destination: 0, candidate: 0, kind: .undecodable, wide: .empty)

  /// Cooked captures know that a frame went to a group, but not its address: the group bit stands for it.
  static func destinationWord(_ summary: PacketSummary) -> UInt64 {
    let group = UInt64(summary.flags.rawValue & PacketSummary.Flags.groupDestination.rawValue) << 30
    return (summary.destinationMAC | group) << 16
  }

  static func sourceWord(_ summary: PacketSummary, link: UInt16) -> UInt64 { summary.sourceMAC << 16 | UInt64(link) }
}

extension UnsafeMutablePointer<PreparedFrame> {
  /// Prepares a frame in place. Only what the loop will read is written: of IPv4 no wide key.
  @inline(__always)
  func prepare(_ frame: UnsafeMutablePointer<Frame>, _ link: BoundLink, _ seed: HashSeed) {
    let captured = unsafe Int(frame.pointee.captured)
    guard link.binding.decoder == .ethernet, captured >= PlainFrame.smallestIPv4 else {
      return unsafe prepareAny(frame, link, seed)
    }
    let plain = unsafe PlainFrame(frame.pointee.bytes)
    if plain.isIPv4 {
      unsafe prepareIPv4(plain, seed)
    } else if captured >= PlainFrame.smallestIPv6, plain.isIPv6 {
      unsafe prepareIPv6(plain, seed)
    } else {
      return unsafe prepareAny(frame, link, seed)
    }
    unsafe pointee.source = plain.sourceMACWord | UInt64(link.number)
    unsafe pointee.destination = plain.destinationMACWord
  }

  @inline(__always)
  private func prepareIPv4(_ plain: PlainFrame, _ seed: HashSeed) {
    let (source, destination) = plain.ends4
    let name = FlowName(
      low: Swift.min(source, destination), high: Swift.max(source, destination), protocol: plain.protocol4,
      known: FlowKey.portsKnown | FlowKey.protocolKnown | FlowKey.isIPv4)
    unsafe pointee.name = name
    unsafe pointee.hash = name.hash(seed)
    unsafe pointee.kind = source > destination ? .swapped : .straight
  }

  @inline(__always)
  private func prepareIPv6(_ plain: PlainFrame, _ seed: HashSeed) {
    var summary = PacketSummary()
    (summary.sourceHigh, summary.sourceLow) = plain.source6
    (summary.destinationHigh, summary.destinationLow) = plain.destination6
    summary.ports = plain.ports6
    summary.ipVersion = 6
    summary.protocol = plain.protocol6
    summary.flags = [.protocolKnown, .portsKnown]
    let (key, isSwapped) = FlowKey.make(summary)
    let hash = key.hash(seed)
    unsafe pointee.name = FlowName(wide: key, hash: hash)
    unsafe pointee.hash = hash
    unsafe pointee.wide = key.wide
    unsafe pointee.kind = isSwapped ? .swapped : .straight
  }

  /// All that is not plain.
  @inline(never)
  private func prepareAny(_ frame: UnsafeMutablePointer<Frame>, _ link: BoundLink, _ seed: HashSeed) {
    unsafe pointee.name = .nobody
    guard link.binding.decoder != .none else {
      unsafe pointee.kind = .undecodable
      return
    }
    let summary = unsafe PacketSummary.parse(
      frame.pointee.bytes, captured: Int(frame.pointee.captured), decoder: link.binding.decoder)
    unsafe pointee.source = PreparedFrame.sourceWord(summary, link: link.number)
    unsafe pointee.destination = PreparedFrame.destinationWord(summary)
    guard summary.isIP, !summary.flags.contains(.fragment), unsafe summary.quotedFlow(frame.pointee.bytes) == nil else {
      unsafe pointee.kind = .unremembered
      return
    }
    let (key, isSwapped) = FlowKey.make(summary)
    let (name, hash) = key.name(seed)
    unsafe pointee.name = name
    unsafe pointee.hash = hash
    unsafe pointee.wide = key.wide
    unsafe pointee.kind = isSwapped ? .swapped : .straight
  }
}

/// Room for one batch.
///
/// Safe because: owned memory for `FrameBatch.capacity` frames, all initialised; positions come from a batch.
@safe final class PreparedBatch {
  let frames: UnsafeMutablePointer<PreparedFrame>

  init() {
    unsafe frames = .allocate(capacity: FrameBatch.capacity)
    unsafe frames.initialize(repeating: .empty, count: FrameBatch.capacity)
  }

  deinit { unsafe frames.deallocate() }
}
