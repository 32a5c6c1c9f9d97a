import Foundation
import Synchronization

/// Ctrl-C: the first asks for a clean stop with the summary so far, the second ends at once.
enum Interrupt {
  private static let flag = Atomic<Bool>(false)

  static var isRequested: Bool { flag.load(ordering: .relaxed) }

  /// From now on SIGINT and SIGTERM ask for a clean stop.
  static func catchSignals() {
    // A parent may have left them blocked (sigprocmask(2) is inherited).
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGINT)
    unsafe sigaddset(&signals, SIGTERM)
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        // Async-signal-safe (signal-safety(7)): an atomic exchange and restoring the default action.
        if Interrupt.flag.exchange(true, ordering: .relaxed) { _exit(128 + number) }
      }
    }
  }
}
