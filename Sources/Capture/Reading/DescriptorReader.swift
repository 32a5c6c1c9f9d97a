import Glibc

/// Reads a file descriptor front to back: a file, a pipe, standard input.
struct DescriptorReader {
  let descriptor: Int32
  /// Asked while a pipe has nothing to give: true ends the stream.
  let isCancelled: @Sendable () -> Bool
  /// Bytes read so far.
  private(set) var consumed: UInt64 = 0

  init(descriptor: Int32, isCancelled: @escaping @Sendable () -> Bool) {
    self.descriptor = descriptor
    self.isCancelled = isCancelled
  }

  /// The descriptor was moved.
  mutating func restart(at position: UInt64) { consumed = position }

  /// Reads at least one byte, waiting for it.
  ///
  /// - Returns: how many bytes were read; 0 at the end, and when cancelled.
  /// - Throws: errno of read(2).
  mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(InputFailure) -> Int {
    while waitUntilReadable() {
      let count = unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      if count >= 0 {
        consumed += UInt64(count)
        return count
      }
      guard errno == EINTR || errno == EAGAIN else { throw .system(errno) }
    }
    return 0
  }

  /// poll(2) with a time limit, so that Ctrl-C ends a wait for a pipe that stays silent.
  private func waitUntilReadable() -> Bool {
    while !isCancelled() {
      var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let ready = unsafe poll(&request, 1, 250)
      if ready > 0 || (ready < 0 && errno != EINTR) { return true }
    }
    return false
  }
}
