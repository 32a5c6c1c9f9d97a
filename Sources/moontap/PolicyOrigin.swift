import Policy
import Synchronization

/// Which policy a policy is: the same after a reload, whatever became of its text.
enum PolicyOrigin: Hashable, Sendable {
  /// Its place on the command line.
  case commandLine(Int)
  /// The stored mirror whose filter it is.
  case store(Int64)
}

/// What the workers of a policy share, and its next edition with it: made when first asked for, kept for the run.
final class SharedTables: Sendable {
  private let tables = Mutex<[PolicyOrigin: SharedStore]>([:])

  subscript(origin: PolicyOrigin) -> SharedStore {
    tables.withLock { tables in
      if let table = tables[origin] { return table }
      let table = SharedStore()
      tables[origin] = table
      return table
    }
  }
}
