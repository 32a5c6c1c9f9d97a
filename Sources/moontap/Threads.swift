import Threads

extension BackgroundThread {
  /// The same, with an error for people.
  static func begin(_ name: String, _ body: @escaping @Sendable () -> Void) throws {
    do throws(NoThread) {
      try start(name, body)
    } catch {
      throw Problem(
        code: "thread", sentence: error.description, hint: "may this user have so many? ulimit -u, ulimit -v",
        exit: .failed)
    }
  }
}
