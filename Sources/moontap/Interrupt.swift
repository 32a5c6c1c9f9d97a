import Foundation
import Synchronization

/// Ctrl-C and SIGTERM. Until packets are read they end the process at once, as the system does it; from then on the first asks
/// for a clean stop with the summary so far, the second ends at once.
enum Interrupt {
  /// The signal that asked; 0: none.
  private static let signalNumber = Atomic<Int32>(0)

  static var isRequested: Bool { signalNumber.load(ordering: .relaxed) != 0 }

  /// Asks for a clean stop as SIGTERM does.
  static func request() {
    _ = signalNumber.compareExchange(expected: 0, desired: SIGTERM, ordering: .relaxed)
  }

  /// 130 or 143: 128 and the signal's number, as shells have it.
  static var ending: Ending { signalNumber.load(ordering: .relaxed) == SIGTERM ? .terminated : .interrupted }

  private static let signals = [SIGINT, SIGTERM]
  private static let isCaught = Atomic<Bool>(false)

  /// A parent may have left them blocked or ignored (both are inherited): loading a policy must end by them, too.
  static func takeDefaults() {
    for number in signals { signal(number, SIG_DFL) }
    unblock()
  }

  /// Waits for something that may never come: until it does they end the process again, whatever they did before.
  static func whileWaiting<Success>(_ body: () throws -> Success) rethrows -> Success {
    guard isCaught.load(ordering: .relaxed) else { return try body() }
    takeDefaults()
    defer { catchSignals() }
    return try body()
  }

  /// From now on they ask for a clean stop.
  static func catchSignals() {
    isCaught.store(true, ordering: .relaxed)
    for number in signals {
      signal(number) { number in
        // Async-signal-safe (signal-safety(7)): an atomic exchange and _exit(2).
        if Interrupt.signalNumber.exchange(number, ordering: .relaxed) != 0 { _exit(128 + number) }
      }
    }
    unblock()
  }

  private static func unblock() {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for number in signals { unsafe sigaddset(&set, number) }
    unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
  }
}
