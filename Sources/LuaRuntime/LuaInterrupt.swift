internal import CLuaShims

/// A flag that ends what a state is doing at its next look at the budget: at most 256 VM instructions later.
///
/// Safe because: the flag is one atomic of C, owned by this object. `request` may be called from any thread and, being
/// one relaxed store, from a signal handler (signal-safety(7)).
@safe public final class LuaInterrupt: @unchecked Sendable {
  let flag: OpaquePointer

  public init() {
    guard let flag = unsafe mt_interrupt_new() else { fatalError("out of memory") }
    unsafe self.flag = flag
  }

  deinit { unsafe mt_interrupt_free(flag) }

  public func request() { unsafe mt_interrupt_set(flag, true) }
  public func clear() { unsafe mt_interrupt_set(flag, false) }
  public var isRequested: Bool { unsafe mt_interrupt_is_set(flag) }
}
