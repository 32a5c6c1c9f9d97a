import Glibc
import Synchronization

// A file that shrinks while it is mapped raises SIGBUS when a lost page is touched. This file turns that signal into a
// flag and a page of zeros, for the windows registered here; every other SIGBUS goes to whoever handled it before.
//
// 1. The handler calls only mmap(2) and sigaction(2) and reads and writes atomics: async-signal-safe.
// 2. The table never moves. A window's address range is reserved once and stays the same until it is given back, so
//    that the handler sees either all of it or nothing (length 0).
// 3. The handler is installed while at least one window is registered.

/// One mapped address range and whether the file behind it was found shorter than promised.
private struct WatchedRange: ~Copyable {
  let isTaken = Atomic<Bool>(false)
  let base = Atomic<UInt>(0)
  let length = Atomic<UInt>(0)
  let hasShrunk = Atomic<Bool>(false)
}

private let rangeCapacity = 64

/// Safe because: allocated once, never freed, accessed through atomics only.
nonisolated(unsafe) private let ranges: UnsafeMutablePointer<WatchedRange> = {
  let table = UnsafeMutablePointer<WatchedRange>.allocate(capacity: rangeCapacity)
  for index in 0..<rangeCapacity { unsafe (table + index).initialize(to: WatchedRange()) }
  return unsafe table
}()

/// The disposition that was found when ours was installed. Written before ours is installed, under the lock.
nonisolated(unsafe) private let previousAction: UnsafeMutablePointer<sigaction> = {
  let action = UnsafeMutablePointer<sigaction>.allocate(capacity: 1)
  unsafe action.initialize(to: sigaction())
  return unsafe action
}()

private let registered = Mutex(0)

/// A registration of one reserved address range, of whole pages.
struct ShrinkGuard {
  private let index: Int

  /// - Returns: nil when as many windows as the table holds are open; then the file must be read without mapping.
  static func register(base: UnsafeRawPointer, length: Int) -> ShrinkGuard? {
    for index in 0..<rangeCapacity
    where unsafe ranges[index].isTaken.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged {
      unsafe ranges[index].hasShrunk.store(false, ordering: .relaxed)
      unsafe ranges[index].base.store(UInt(bitPattern: base), ordering: .relaxed)
      unsafe ranges[index].length.store(UInt(length), ordering: .releasing)
      installHandler()
      return ShrinkGuard(index: index)
    }
    return nil
  }

  /// A page of the range was lost: what was read from it since is zeros.
  var hasShrunk: Bool { unsafe ranges[index].hasShrunk.load(ordering: .relaxed) }

  /// Gives the registration back; call once, before the range is unmapped.
  func unregister() {
    removeHandler()
    unsafe ranges[index].length.store(0, ordering: .releasing)
    unsafe ranges[index].isTaken.store(false, ordering: .releasing)
  }

  private static func installHandler() {
    registered.withLock { count in
      count += 1
      guard count == 1 else { return }
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_sigaction = handleBusError
      action.sa_flags = SA_SIGINFO | SA_ONSTACK
      unsafe sigaction(SIGBUS, nil, previousAction)
      unsafe sigaction(SIGBUS, &action, nil)
    }
  }

  private func removeHandler() {
    registered.withLock { count in
      count -= 1
      guard count == 0 else { return }
      unsafe sigaction(SIGBUS, previousAction, nil)
    }
  }
}

private func handleBusError(
  _ signal: Int32, _ info: UnsafeMutablePointer<siginfo_t>?, _ context: UnsafeMutableRawPointer?
) {
  let address = unsafe UInt(bitPattern: info?.pointee._sifields._sigfault.si_addr)
  for index in 0..<rangeCapacity {
    let length = unsafe ranges[index].length.load(ordering: .acquiring)
    let base = unsafe ranges[index].base.load(ordering: .relaxed)
    guard address &- base < length else { continue }
    if replacePage(address) {
      unsafe ranges[index].hasShrunk.store(true, ordering: .relaxed)
      return
    }
  }
  unsafe passOn(signal, info, context)
}

/// Puts a page of zeros over the page that is lost.
private func replacePage(_ address: UInt) -> Bool {
  let saved = errno
  defer { errno = saved }
  let pageSize = UInt(sysconf(Int32(_SC_PAGESIZE)))
  let page = unsafe UnsafeMutableRawPointer(bitPattern: address & ~(pageSize - 1))
  let mapped = unsafe mmap(page, Int(pageSize), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
  return unsafe mapped == page
}

/// Calls the handler that was there before, or restores it: returning from the signal then repeats the fault under it.
private func passOn(_ signal: Int32, _ info: UnsafeMutablePointer<siginfo_t>?, _ context: UnsafeMutableRawPointer?) {
  let previous = unsafe previousAction.pointee
  if previous.sa_flags & SA_SIGINFO != 0, let handler = unsafe previous.__sigaction_handler.sa_sigaction {
    unsafe handler(signal, info, context)
  } else {
    // SIG_DFL, SIG_IGN or a plain handler: the kernel delivers the repeated fault to it.
    unsafe sigaction(signal, previousAction, nil)
  }
}
