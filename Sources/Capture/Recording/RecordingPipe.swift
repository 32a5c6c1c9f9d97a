import Glibc

/// Wakes another thread. What rang while nobody listened is heard, once.
final class RecordingPipe: Sendable {
  private let (reading, writing): (Int32, Int32)

  /// nil: no descriptors; errno says why.
  init?() {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { return nil }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    (reading, writing) = (ends[0], ends[1])
  }

  deinit {
    close(reading)
    close(writing)
  }

  /// Never waits: a full pipe says enough already.
  func ring() {
    var byte: UInt8 = 0
    _ = unsafe write(writing, &byte, 1)
  }

  /// Waits until it rings.
  ///
  /// - Parameter nanoseconds: nil: however long that takes.
  func hear(atMost nanoseconds: Int64?) {
    var entry = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
    let milliseconds = nanoseconds.map { Int32(clamping: ($0 + 999_999) / 1_000_000) } ?? -1
    var answer: Int32
    repeat { answer = unsafe poll(&entry, 1, milliseconds) } while answer < 0 && errno == EINTR
    var bytes = [UInt8](repeating: 0, count: 256)
    while unsafe read(reading, &bytes, bytes.count) > 0 {}
  }
}
