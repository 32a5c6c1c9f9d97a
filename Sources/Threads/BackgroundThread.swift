internal import Glibc

/// The kernel gives no more threads, or no memory for a stack.
public struct NoThread: Error, Sendable, CustomStringConvertible {
  /// What it was for.
  public let name: String
  /// Of pthread_create(3).
  public let code: Int32

  public var description: String { "no thread for \(name): \(unsafe String(cString: strerror(code)))" }
}

/// Threads that are not waited for. Foundation's say nothing when there is none to be had, and whoever counts on one waits for ever.
public enum BackgroundThread {
  /// Bytes: scripts nest C calls.
  private static let stackSize = 8 << 20

  private final class Work {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// - Parameter name: what it is for, should there be none.
  public static func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(NoThread) {
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    defer { unsafe pthread_attr_destroy(&attributes) }
    unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    unsafe pthread_attr_setstacksize(&attributes, stackSize)
    let work = unsafe Unmanaged.passRetained(Work(body))
    var thread = pthread_t()
    let code = unsafe pthread_create(
      &thread, &attributes,
      { context in
        let work = unsafe Unmanaged<Work>.fromOpaque(context!).takeRetainedValue()
        work.body()
        return nil
      }, work.toOpaque())
    guard code != 0 else { return }
    unsafe work.release()
    throw NoThread(name: name, code: code)
  }
}
