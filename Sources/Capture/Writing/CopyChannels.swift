import Wire

/// All that copies of one mirror, receiver, ENI and link type have in common.
@safe struct CopyChannel: BitwiseCopyable {
  /// `CopyChannels.key`
  var key: UInt64
  /// Index of the file.
  var file: Int
  /// Number of the interface in a pcapng file.
  var interface: UInt32 = 0
  /// Options behind a packet in pcapng: owned by the sink, which outlives the channels.
  var options: UnsafeRawPointer
  var optionsByteCount: Int
  /// Bytes of a body that may be captured, and that it may have had on the wire.
  var maximumCaptured: UInt32
  var maximumOriginal: UInt32
  /// Decoder of a link without Ethernet header, which needs dressing; `.ethernet` for all others.
  var decoder: LinkDecoder
  /// Packets so far.
  var sequence: UInt32 = 0
  /// Of the outer headers.
  var layout: EncapsulationLayout
}

/// Channels by mirror, receiver, ENI and link type: an open-addressing table, bounded.
///
/// Safe because: indices are handed out by `insert` only and stay below `limit`; `templateBytes` are initialised for
/// each.
@safe final class CopyChannels {
  /// Channels kept at most; when they are that many, all are forgotten and made anew as they are needed.
  static let limit = 1 << 15
  private static let slotCount = limit * 2

  let channels: UnsafeMutablePointer<CopyChannel>
  /// `EncapsulationTemplate.capacity` bytes each.
  let templateBytes: UnsafeMutableRawPointer
  /// Room for the indices of some copies.
  let found: UnsafeMutablePointer<Int32>
  static let foundCapacity = 256
  /// Index of a channel, plus one; 0: empty.
  private let slots: UnsafeMutablePointer<Int32>
  private var count = 0

  init() {
    unsafe channels = .allocate(capacity: Self.limit)
    unsafe templateBytes = .allocate(byteCount: Self.limit * EncapsulationTemplate.capacity, alignment: 32)
    unsafe slots = .allocate(capacity: Self.slotCount)
    unsafe found = .allocate(capacity: Self.foundCapacity)
    unsafe slots.initialize(repeating: 0, count: Self.slotCount)
  }

  deinit {
    unsafe channels.deallocate()
    unsafe templateBytes.deallocate()
    unsafe slots.deallocate()
    unsafe found.deallocate()
  }

  /// - Parameters: route and origin below 2^24, which `CaptureFileSink.init` checks.
  @inline(__always)
  static func key(route: UInt32, origin: UInt32, linkType: UInt16) -> UInt64 {
    UInt64(route) << 40 | UInt64(origin) << 16 | UInt64(linkType)
  }

  @inline(__always)
  private static func slot(_ key: UInt64) -> Int {
    Int(truncatingIfNeeded: (key &* 0x9e37_79b9_7f4a_7c15) >> 48)
  }

  /// - Returns: the channel's index, or -1.
  @inline(__always)
  func find(_ key: UInt64) -> Int {
    var slot = Self.slot(key)
    while true {
      let index = unsafe Int(slots[slot]) &- 1
      if index < 0 { return -1 }
      if unsafe channels[index].key == key { return index }
      slot = (slot &+ 1) & (Self.slotCount &- 1)
    }
  }

  /// Adds a channel whose key is not there.
  func insert(_ channel: CopyChannel, _ template: EncapsulationTemplate) -> Int {
    if count == Self.limit { removeAll() }
    let index = count
    count += 1
    unsafe (channels + index).initialize(to: channel)
    let capacity = EncapsulationTemplate.capacity
    unsafe (templateBytes + index * capacity).copyMemory(from: template.bytes, byteCount: capacity)
    var slot = Self.slot(channel.key)
    while unsafe slots[slot] != 0 { slot = (slot + 1) & (Self.slotCount - 1) }
    unsafe slots[slot] = Int32(index + 1)
    return index
  }

  /// Channels in force, with what they have numbered.
  var all: [(key: UInt64, sequence: UInt32)] {
    (0..<count).map { unsafe (channels[$0].key, channels[$0].sequence) }
  }

  func removeAll() {
    unsafe slots.update(repeating: 0, count: Self.slotCount)
    count = 0
  }
}
