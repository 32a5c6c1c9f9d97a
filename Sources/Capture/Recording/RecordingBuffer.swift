import Wire

/// Whole blocks of one file, on their way to the disk.
///
/// Safe because: it is in one hand at a time: in that of the packet loop or the queue, both under the recording's lock, or in
/// the writer's, who got it from the queue and gives it back.
@safe final class RecordingBuffer: @unchecked Sendable {
  static let byteCount = 1 << 20

  let base: UnsafeMutableRawPointer
  var used = 0
  /// When its file began, nanoseconds since 1970.
  var fileBegan: Int64 = 0
  /// When its first block came, by the monotonic clock.
  var since: Int64 = 0

  init() { unsafe base = .allocate(byteCount: Self.byteCount, alignment: 16) }

  deinit { unsafe base.deallocate() }

  var room: Int { Self.byteCount - used }

  func append(_ bytes: [UInt8]) {
    precondition(bytes.count <= room)
    unsafe (base + used).copyMemory(from: bytes, byteCount: bytes.count)
    used += bytes.count
  }

  /// What stands in some of its bytes, from the block at `offset` on: how far the last whole block reaches, and packets with
  /// their captured bytes.
  func blocks(from offset: Int, to limit: Int) -> (end: Int, packets: UInt64, bytes: UInt64) {
    precondition(limit <= used)
    var (end, packets, bytes) = (offset, UInt64(0), UInt64(0))
    while end + 12 <= limit {
      let type = unsafe base.loadUnaligned(fromByteOffset: end, as: UInt32.self)
      let total = unsafe Int(base.loadUnaligned(fromByteOffset: end + 4, as: UInt32.self))
      guard end + total <= limit else { break }
      if type == PcapngBlockType.enhancedPacket {
        packets += 1
        unsafe bytes += UInt64(base.loadUnaligned(fromByteOffset: end + 20, as: UInt32.self))
      }
      end += total
    }
    return (end, packets, bytes)
  }
}
