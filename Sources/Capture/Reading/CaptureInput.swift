import Glibc
import Wire

/// The bytes of a capture, front to back, in pieces that lie in one place: read, or unpacked.
///
/// Files are read, not mapped: a read of 256 KiB that stays in the cache costs a fifth of the page faults of a mapping,
/// and a file that shrinks meanwhile is just a file that ends.
///
/// 1. `available` bytes from `cursor` on may be read. They stay valid until `require` or `skip` is called, or the end of
///    the object; `consume` moves `cursor` only.
/// 2. `offset` is the position of `cursor` in the stream (unpacked, when it is gzip'ed).
@safe final class CaptureInput {
  /// The largest number of bytes that `require` brings together: a record or a block that must be parsed.
  static let maximumPiece = 1 << 20

  private let descriptor: Int32
  private let ownsDescriptor: Bool
  private let buffer: StreamBuffer
  /// Bytes in the file; nil for a pipe.
  let total: UInt64?
  let isUnpacked: Bool
  private(set) var cursor: UnsafeRawPointer
  private(set) var available: Int
  private(set) var offset: UInt64 = 0

  init(descriptor: Int32, ownsDescriptor: Bool, isCancelled: @escaping @Sendable () -> Bool) throws(InputFailure) {
    self.descriptor = descriptor
    self.ownsDescriptor = ownsDescriptor
    total = Self.regularFileSize(descriptor)
    unsafe cursor = unsafe UnsafeRawPointer(bitPattern: 1)!
    available = 0
    var reader = DescriptorReader(descriptor: descriptor, isCancelled: isCancelled)
    let head = try Self.readHead(&reader)
    isUnpacked = unsafe CaptureFileKind(firstBytes: head.span.bytes) == .gzip
    buffer =
      isUnpacked
      ? StreamBuffer(.gzip(GzipInflater(reader: reader, head: head)), head: [])
      : StreamBuffer(.plain(reader), head: head)
    unsafe present(buffer.unread)
  }

  /// The first four bytes, or all when there are fewer: read, not peeked at, because a pipe gives its bytes once.
  private static func readHead(_ reader: inout DescriptorReader) throws(InputFailure) -> [UInt8] {
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 4, alignment: 4)
    defer { unsafe room.deallocate() }
    var head: [UInt8] = []
    while head.count < 4 {
      let count = try unsafe reader.read(into: UnsafeMutableRawBufferPointer(rebasing: room[head.count...]))
      guard count > 0 else { break }
      unsafe head += room[head.count..<head.count + count]
    }
    return head
  }

  deinit {
    if ownsDescriptor { close(descriptor) }
  }

  /// nil for what is not a regular file.
  private static func regularFileSize(_ descriptor: Int32) -> UInt64? {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return UInt64(max(0, status.st_size))
  }

  /// Bytes of the file that were used, for a progress bar.
  var consumed: UInt64 { buffer.consumed }

  /// The next `count` bytes, which must be available.
  var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: cursor, count: available) }

  /// Steps over bytes that are available.
  func consume(_ count: Int) {
    precondition(count >= 0 && count <= available)
    unsafe cursor += count
    available -= count
    offset += UInt64(count)
  }

  /// Tries to make `count` bytes available, at most `maximumPiece`; `available` tells how many there are.
  ///
  /// - Returns: whether there are so many.
  func require(_ count: Int) throws(InputFailure) -> Bool {
    precondition(count <= Self.maximumPiece)
    if available >= count { return true }
    unsafe buffer.consume(buffer.unread.count - available)
    try buffer.refill(wanted: count)
    unsafe present(buffer.unread)
    return available >= count
  }

  /// A regular file that is not packed.
  var canSeek: Bool { total != nil && !isUnpacked }

  /// Goes on at a position of the file.
  func seek(to position: UInt64) throws(InputFailure) {
    precondition(canSeek)
    guard lseek(descriptor, off_t(clamping: position), SEEK_SET) >= 0 else { throw .system(errno) }
    buffer.restart(at: position)
    unsafe present(buffer.unread)
    offset = position
  }

  private func present(_ bytes: UnsafeRawBufferPointer) {
    available = bytes.count
    if let address = bytes.baseAddress { unsafe cursor = address }
  }

  /// Steps over `count` bytes, available or not.
  ///
  /// - Returns: how many there were: fewer at the end of the stream.
  func skip(_ count: UInt64) throws(InputFailure) -> UInt64 {
    var left = count
    while left > 0, try require(1) {
      let step = Int(min(left, UInt64(available)))
      consume(step)
      left -= UInt64(step)
    }
    return count - left
  }
}
