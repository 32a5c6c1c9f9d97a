import CZlib
import Glibc

/// Unpacks a gzip stream of one or more members (RFC 1952) from a file descriptor.
///
/// Safe because: zlib's pointers into `packed` are set anew from it before every call; both live as long as the object.
@safe final class GzipInflater {
  private static let packedCapacity = 128 << 10

  private(set) var reader: DescriptorReader
  private let packed: UnsafeMutableRawPointer
  private var stream: z_stream
  private var isInMember = true

  /// - Parameter head: bytes that were already read from the descriptor, at most 16.
  init(reader: DescriptorReader, head: [UInt8]) {
    self.reader = reader
    unsafe packed = .allocate(byteCount: Self.packedCapacity, alignment: 16)
    unsafe stream = z_stream()
    unsafe UnsafeMutableRawBufferPointer(start: packed, count: Self.packedCapacity).copyBytes(from: head)
    unsafe stream.next_in = packed.assumingMemoryBound(to: UInt8.self)
    unsafe stream.avail_in = uInt(head.count)
    // 15 bits of window, + 16: gzip header and trailer, checked
    let result = unsafe inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    precondition(result == Z_OK, "zlib: out of memory")
  }

  deinit {
    unsafe inflateEnd(&stream)
    unsafe packed.deallocate()
  }

  /// Unpacks at least one byte into `buffer`.
  ///
  /// - Returns: how many bytes; 0 at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws(InputFailure) -> Int {
    unsafe stream.next_out = buffer.baseAddress!.assumingMemoryBound(to: UInt8.self)
    unsafe stream.avail_out = uInt(buffer.count)
    // First without new input: zlib may hold output for which the buffer had no room.
    if isInMember { try step() }
    while unsafe Int(stream.avail_out) == buffer.count {
      guard try refill() else { return 0 }
      guard try beginMember() else { return 0 }
      try step()
    }
    return unsafe buffer.count - Int(stream.avail_out)
  }

  /// Reads packed bytes when none are left.
  ///
  /// - Returns: false at the end of the file, behind a whole member.
  private func refill() throws(InputFailure) -> Bool {
    guard unsafe stream.avail_in == 0 else { return true }
    let count = try unsafe reader.read(into: UnsafeMutableRawBufferPointer(start: packed, count: Self.packedCapacity))
    unsafe stream.next_in = packed.assumingMemoryBound(to: UInt8.self)
    unsafe stream.avail_in = uInt(count)
    if count == 0, isInMember, !reader.isCancelled() { throw .stream("the gzip stream is cut short") }
    return count > 0
  }

  /// Starts the next member when the last one has ended; steps over the zeros that pad a stream.
  ///
  /// - Returns: false when nothing but zeros was left in the input.
  private func beginMember() throws(InputFailure) -> Bool {
    if isInMember { return true }
    repeat {
      while unsafe stream.avail_in > 0, unsafe stream.next_in.pointee == 0 {
        unsafe stream.next_in += 1
        unsafe stream.avail_in -= 1
      }
      guard try refill() else { return false }
    } while unsafe stream.next_in.pointee == 0
    guard unsafe stream.next_in.pointee == 0x1f else { throw .stream("what follows the gzip stream is no gzip member") }
    unsafe inflateReset(&stream)
    isInMember = true
    return true
  }

  private func step() throws(InputFailure) {
    switch unsafe inflate(&stream, Z_NO_FLUSH) {
    case Z_OK, Z_BUF_ERROR: return
    case Z_STREAM_END: isInMember = false
    default:
      let message = unsafe stream.msg.map { unsafe String(cString: $0) } ?? "error in packed data"
      throw .stream("the gzip stream is damaged: \(message)")
    }
  }
}
