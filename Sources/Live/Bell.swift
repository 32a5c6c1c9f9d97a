internal import Glibc

/// Wakes a thread that waits for descriptors.
///
/// Safe because: both ends of the pipe stay open as long as this object lives.
public final class Bell: Sendable {
  /// Readable once it was rung, until it is silenced.
  public let descriptor: Int32
  private let writing: Int32

  /// - Throws: when there are no descriptors left.
  public init(for what: String) throws(LiveError) {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { throw .system(what: what, call: "pipe", errno: errno) }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    (descriptor, writing) = (ends[0], ends[1])
  }

  deinit {
    close(descriptor)
    close(writing)
  }

  public func ring() {
    var byte: UInt8 = 0
    // A full pipe says enough already.
    _ = unsafe write(writing, &byte, 1)
  }

  public func silence() {
    var bytes = [UInt8](repeating: 0, count: 64)
    while unsafe read(descriptor, &bytes, bytes.count) > 0 {}
  }
}
