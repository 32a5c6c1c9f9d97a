internal import Glibc

/// There are no descriptors left for a pipe.
public struct NoPipe: Error, Sendable, CustomStringConvertible {
  /// Of pipe(2).
  public let code: Int32

  public var description: String { "no pipe: \(unsafe String(cString: strerror(code)))" }
}

/// Wakes a thread that waits for descriptors, or for this one. What rang while nobody listened is heard, once.
///
/// Safe because: both ends of the pipe stay open as long as this object lives.
public final class Bell: Sendable {
  /// Readable once it was rung, until it is silenced.
  public let descriptor: Int32
  private let writing: Int32

  public init() throws(NoPipe) {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { throw NoPipe(code: errno) }
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

  /// Never waits: a full pipe says enough already.
  public func ring() {
    var byte: UInt8 = 0
    _ = unsafe write(writing, &byte, 1)
  }

  public func silence() {
    var bytes = [UInt8](repeating: 0, count: 256)
    while unsafe read(descriptor, &bytes, bytes.count) > 0 {}
  }

  /// Waits until it rings, and silences it.
  ///
  /// - Parameter nanoseconds: of waiting; a ring can be lost, as write(2) can fail.
  public func hear(atMost nanoseconds: Int64) {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let milliseconds = Int32(clamping: (nanoseconds + 999_999) / 1_000_000)
    var answer: Int32
    repeat { answer = unsafe poll(&entry, 1, milliseconds) } while answer < 0 && errno == EINTR
    silence()
  }
}
