/// Where the segments of super-frames are written: one batch of them.
///
/// Safe because: owned memory; `take` hands out each byte once until `removeAll`.
@safe final class SegmentMemory {
  private static let capacity = 1 << 20
  private let bytes = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 64)
  private var used = 0

  deinit { unsafe bytes.deallocate() }

  func removeAll() { used = 0 }

  /// - Returns: nil when there is no room any more. An empty memory has room for any frame.
  func take(_ length: Int) -> UnsafeMutableRawPointer? {
    guard length <= Self.capacity - used else { return nil }
    defer { used += (length + 15) & ~15 }
    return unsafe bytes + used
  }
}
