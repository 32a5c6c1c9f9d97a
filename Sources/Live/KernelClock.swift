internal import Glibc

/// Clocks of the kernel, in nanoseconds: clock_gettime(2).
public enum KernelClock {
  /// Nobody sets it.
  static func monotonic() -> Int64 { read(CLOCK_MONOTONIC)! }

  /// Since 1970.
  public static func wall() -> Int64 { read(CLOCK_REALTIME)! }

  /// Processor time that this thread has taken.
  static func thread() -> Int64 { read(CLOCK_THREAD_CPUTIME_ID)! }

  /// - Returns: nil: the thread whose clock it was has ended.
  static func read(_ clock: clockid_t) -> Int64? {
    var time = timespec()
    guard unsafe clock_gettime(clock, &time) == 0 else { return nil }
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
