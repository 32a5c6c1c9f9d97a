internal import CLuaShims

private struct Work {
  let run: () -> Void
}

extension HostCall {
  /// Runs `body` while the script's call waits: inside it the state may be used as if nothing ran, each call under limits
  /// of its own. Arguments of this call stay readable.
  ///
  /// - Returns: false when there is no room for it; the body did not run then.
  public func aside(_ body: () -> Void) -> Bool {
    let kept = unsafe state.pending
    unsafe state.pending = []
    defer { unsafe state.pending = kept }
    return withoutActuallyEscaping(body) { body in
      let work = Work(run: body)
      return unsafe withUnsafePointer(to: work) { work in
        unsafe mt_aside(
          c, { context in unsafe context?.assumingMemoryBound(to: Work.self).pointee.run() },
          UnsafeMutableRawPointer(mutating: work)) == Int32(MT_OK.rawValue)
      }
    }
  }
}
