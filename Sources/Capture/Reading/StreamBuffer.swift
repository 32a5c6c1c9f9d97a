/// A buffer that is refilled from a descriptor, plain or gzip'ed.
///
/// Safe because: `bytes` is owned memory of `capacity` bytes of which `start ..< end` are filled; what `unread` returns
/// is valid until the next `refill` or the end of the object.
@safe final class StreamBuffer {
  enum Origin {
    case plain(DescriptorReader)
    case gzip(GzipInflater)
  }

  /// Room for the longest block that must lie in one piece, and enough for few, large reads.
  static let capacity = CaptureInput.maximumPiece + (256 << 10)

  private let bytes: UnsafeMutableRawPointer
  private var start = 0
  private var end = 0
  private var origin: Origin

  /// - Parameter head: the first bytes, already read from the descriptor.
  init(_ origin: Origin, head: [UInt8]) {
    unsafe bytes = .allocate(byteCount: Self.capacity, alignment: 16)
    self.origin = origin
    unsafe UnsafeMutableRawBufferPointer(start: bytes, count: Self.capacity).copyBytes(from: head)
    end = head.count
  }

  deinit {
    unsafe bytes.deallocate()
  }

  var unread: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: bytes + start, count: end - start)
  }

  /// Bytes of the file that were read, packed or not.
  var consumed: UInt64 {
    switch origin {
    case .plain(let reader): reader.consumed - UInt64(end - start)
    case .gzip(let inflater): inflater.reader.consumed
    }
  }

  /// The descriptor stands at another position now.
  func restart(at position: UInt64) {
    guard case .plain(var reader) = origin else { preconditionFailure("a packed stream is read front to back") }
    reader.restart(at: position)
    origin = .plain(reader)
    start = 0
    end = 0
  }

  func consume(_ count: Int) {
    precondition(count >= 0 && count <= end - start)
    start += count
  }

  /// Moves what is unread to the front and reads until `wanted` bytes are there, or the stream ends.
  func refill(wanted: Int) throws(InputFailure) {
    precondition(wanted <= Self.capacity)
    unsafe bytes.copyMemory(from: bytes + start, byteCount: end - start)
    end -= start
    start = 0
    while end < wanted {
      let room = unsafe UnsafeMutableRawBufferPointer(start: bytes + end, count: min(Self.capacity - end, 256 << 10))
      let count = try unsafe read(into: room)
      guard count > 0 else { return }
      end += count
    }
  }

  private func read(into room: UnsafeMutableRawBufferPointer) throws(InputFailure) -> Int {
    switch origin {
    case .gzip(let inflater): return try unsafe inflater.read(into: room)
    case .plain(var reader):
      defer { origin = .plain(reader) }
      return try unsafe reader.read(into: room)
    }
  }
}
