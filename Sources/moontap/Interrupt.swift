import Foundation
import Synchronization

/// Ctrl-C and SIGTERM. Until packets are read they end the process at once, as the system does it; from then on the first asks
/// for a clean stop with the summary so far, the second ends at once.
enum Interrupt {
  /// The signal that asked; 0: none.
  private static let signalNumber = Atomic<Int32>(0)

  static var isRequested: Bool { signalNumber.load(ordering: .relaxed) != 0 }

  /// 130 or 143: 128 and the signal's number, as shells have it.
  static var ending: Ending { signalNumber.load(ordering: .relaxed) == SIGTERM ? .terminated : .interrupted }

  private static let signals = [SIGINT, SIGTERM]

  /// A parent may have left them blocked or ignored (both are inherited): loading a policy must end by them, too.
  static func takeDefaults() {
    for number in signals { signal(number, SIG_DFL) }
    unblock()
  }

  /// From now on they ask for a clean stop.
  static func catchSignals() {
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
