internal import Glibc

/// Processor time of threads, read by any of them: pthread_getcpuclockid(3).
struct ThreadClocks {
  private var clocks: [(id: clockid_t, last: Int64)] = []

  /// The calling thread is one of them from now on.
  mutating func join() {
    var id: clockid_t = 0
    guard unsafe pthread_getcpuclockid(pthread_self(), &id) == 0, !clocks.contains(where: { $0.id == id }),
      let now = KernelClock.read(id)
    else { return }
    clocks.append((id, now))
  }

  /// Nanoseconds of all threads together since it was asked last. One that has ended is forgotten.
  mutating func taken() -> UInt64 {
    var sum: Int64 = 0
    clocks = clocks.compactMap { clock in
      guard let now = KernelClock.read(clock.id) else { return nil }
      // Another thread may have the number of one that has ended.
      sum += max(0, now - clock.last)
      return (clock.id, now)
    }
    return UInt64(sum)
  }
}

/// What a copy costs to send, by those that were timed, the last ones above all.
struct SendCost {
  private static let timedEvery: UInt64 = 16

  private var calls: UInt64 = 0
  private var nanoseconds: UInt64 = 0
  private var copies: UInt64 = 0
  /// Nanoseconds; 0: none was timed.
  private(set) var perCopy: UInt64 = 0

  /// Whether the next call is to be timed: the first one is, and one in 16.
  mutating func isDue() -> Bool {
    calls &+= 1
    return calls % Self.timedEvery == 1
  }

  mutating func add(_ taken: Int64, copies count: Int) {
    guard count > 0, taken > 0 else { return }
    nanoseconds += UInt64(taken)
    copies += UInt64(count)
    perCopy = nanoseconds / copies
    if copies > 1024 { (nanoseconds, copies) = (nanoseconds / 2, copies / 2) }
  }
}

/// A window's processor time, shared out among mirrors: what of it no shedding saves.
///
/// Measured are the time that was taken and, by samples, scripts and sends of each mirror. The rest (reading rings, judging) has no
/// owner; each mirror is taken to cause as much of it as it has of the copies.
struct TimeShares {
  /// Nanoseconds by mirror: its scripts, and its part of the rest.
  let fixed: [UInt64]

  init(taken: UInt64, scripts: [UInt64], sends: [UInt64], copies: [UInt64]) {
    let known = scripts.reduce(0, +) + sends.reduce(0, +)
    let rest = Double(taken - min(taken, known))
    let all = Double(max(1, copies.reduce(0, +)))
    fixed = zip(scripts, copies).map { scripts, copies in
      min(taken, scripts + UInt64(rest * (Double(copies) / all)))
    }
  }
}
