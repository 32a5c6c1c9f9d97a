import Foundation
import Synchronization

/// SIGHUP: a reload is wanted. The signal handler writes one byte into a pipe; whoever reloads reads it there.
enum Hangup {
  private static let writing = Atomic<Int32>(-1)

  /// From now on SIGHUP asks for a reload instead of ending the process.
  ///
  /// - Returns: where to read: a byte for each signal, fewer when they come faster than they are read.
  static func catchSignal() throws -> Int32 {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0, fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0,
      fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0, fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0
    else {
      throw Problem(code: "signal", sentence: "no pipe for SIGHUP: \(TextFile.reason())", exit: .failed)
    }
    writing.store(ends[1], ordering: .relaxed)
    // A parent may have left it blocked (sigprocmask(2) is inherited).
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGHUP)
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    signal(SIGHUP) { _ in Hangup.wake(Hangup.reload) }
    return ends[0]
  }

  /// What a byte in the pipe says: a signal has come; there is something else to do.
  static let reload = UInt8(ascii: "r")
  static let look = UInt8(ascii: "l")

  /// Async-signal-safe (signal-safety(7)): write(2), and errno is left as it was. A full pipe says enough already.
  static func wake(_ byte: UInt8) {
    let code = errno
    var byte = byte
    _ = unsafe write(writing.load(ordering: .relaxed), &byte, 1)
    errno = code
  }
}
