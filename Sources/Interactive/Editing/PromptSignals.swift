import Foundation
import LuaRuntime
import Synchronization

/// Ctrl-C and changes of the window, between a signal handler and the prompt.
///
/// Safe because: the handlers use atomics, one write(2) and _exit(2) only (signal-safety(7)); `shared` is made before
/// they are installed.
final class PromptSignals: Sendable {
  static let shared = PromptSignals()

  /// What woke the prompt up.
  enum Wake: UInt8 {
    case interrupt = 105
    case window = 119
  }

  private let isReading = Atomic(false)
  /// A script runs, and may be ended by this.
  private let interrupt = Mutex<LuaInterrupt?>(nil)
  /// The same for the handler, which must not wait for a lock. The session keeps it alive.
  private let raw = Atomic<UInt>(0)
  let readEnd: Int32
  private let writeEnd: Int32

  private init() {
    var ends: [Int32] = [-1, -1]
    _ = unsafe pipe(&ends)
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    (readEnd, writeEnd) = (ends[0], ends[1])
  }

  /// From now on Ctrl-C ends what the interrupt belongs to.
  func install(_ given: LuaInterrupt) {
    interrupt.withLock { $0 = given }
    raw.store(unsafe UInt(bitPattern: Unmanaged.passUnretained(given).toOpaque()), ordering: .relaxed)
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for number in [SIGINT, SIGWINCH] {
      unsafe sigaddset(&signals, number)
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { PromptSignals.shared.handle($0) }
      unsafe sigaction(number, &action, nil)
    }
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  private func handle(_ number: Int32) {
    let saved = errno
    if number == SIGWINCH { wake(.window) } else { interrupted() }
    errno = saved
  }

  /// While a line is read it wakes the prompt; else it ends what runs, and the second one ends everything.
  private func interrupted() {
    if isReading.load(ordering: .relaxed) { return wake(.interrupt) }
    guard let pointer = unsafe UnsafeRawPointer(bitPattern: raw.load(ordering: .relaxed)) else { _exit(130) }
    let interrupt = unsafe Unmanaged<LuaInterrupt>.fromOpaque(pointer)
    unsafe interrupt._withUnsafeGuaranteedRef { interrupt in
      if interrupt.isRequested { _exit(130) }
      interrupt.request()
    }
  }

  private func wake(_ reason: Wake) {
    var byte = reason.rawValue
    _ = unsafe write(writeEnd, &byte, 1)
  }

  /// A line is being read now, or is not any more.
  func setReading(_ flag: Bool) { isReading.store(flag, ordering: .relaxed) }

  /// What came since the last look.
  func take() -> Wake? {
    var byte: UInt8 = 0
    guard unsafe read(readEnd, &byte, 1) == 1 else { return nil }
    return Wake(rawValue: byte)
  }
}
