internal import CLuaShims

private struct Work {
  let run: () -> Void
}

/// Runs `body` on a thread with 8 MiB of stack, waits for it, and returns or throws what it did. If the machine has no
/// thread left, it runs here.
///
/// Lua nests up to 200 C calls, some with buffers of a page; the main thread's limit is the shell's choice.
public func withLuaStack<Success, Failure: Error>(_ body: () throws(Failure) -> Success) throws(Failure) -> Success {
  try withStack(of: 8 << 20, body)
}

/// The same with another size, in bytes, at least 512 KiB.
func withStack<Success, Failure: Error>(
  of size: Int, _ body: () throws(Failure) -> Success
) throws(Failure) -> Success {
  var result: Result<Success, Failure>?
  withoutActuallyEscaping(body) { body in
    let work = Work { result = Result { () throws(Failure) in try body() } }
    let fault = unsafe withUnsafePointer(to: work) { work in
      unsafe mt_run_on_stack(
        size, { context in unsafe context.assumingMemoryBound(to: Work.self).pointee.run() },
        UnsafeMutableRawPointer(mutating: work))
    }
    if fault != 0 { work.run() }
  }
  guard let result else { preconditionFailure("the thread ran") }
  return try result.get()
}
