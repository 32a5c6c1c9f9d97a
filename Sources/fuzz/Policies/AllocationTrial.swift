import Glibc
import LuaRuntime
import Policy

/// One script with failing allocations.
struct AllocationTrial {
  struct Counts {
    var runs = 0
    var refused = 0
    var failing = 0
    var whole = 0
  }

  let bench: PolicyBench
  let source: String
  let file: String
  let capture: String

  /// While the interpreter is made: the same for every script.
  static func open(_ bench: PolicyBench, most: Int, every: Int, _ counts: inout Counts) throws {
    for n in stride(from: 1, through: most, by: every) {
      Fuzz.await()
      counts.runs += 1
      switch bench.load("", file: "empty.lua", opening: UInt64(n)) {
      case .policy:
        guard n > 500 else { throw Fault(description: "an interpreter was made with \(n) allocations") }
        return
      case .refused(let error):
        counts.refused += 1
        guard error.kind == .memory else { throw Fault(description: "allocation \(n): \(error)") }
      }
    }
  }

  /// While the script loads, and while it is called. One failure is a collection, two are out of memory, more go on.
  func run(most: Int, every: Int, _ counts: inout Counts) throws {
    // Somewhere else in each script.
    let first = 1 + file.utf8.reduce(0) { ($0 * 31 + Int($1)) % 1009 } % every
    for count in [2, .max] as [UInt64] {
      for n in stride(from: first, through: most, by: every) where try !attempt(UInt64(n), count, &counts) { break }
    }
    try attemptCollection(UInt64(first), &counts)
    try call(most: most, every: every, first, &counts)
  }

  /// - Returns: false if the script ended before it allocated so often: larger numbers give the same.
  private func attempt(_ n: UInt64, _ count: UInt64, _ counts: inout Counts) throws -> Bool {
    Fuzz.await()
    counts.runs += 1
    switch bench.load(source, file: file, failing: .init(from: n, count: count)) {
    case .policy(let policy):
      counts.whole += 1
      _ = try bench.run(policy, over: [capture])
      return policy.allocations >= Int(n)
    case .refused(let error):
      counts.refused += 1
      try PolicyBench.check(error.message)
      return error.kind == .memory
    }
  }

  private func attemptCollection(_ n: UInt64, _ counts: inout Counts) throws {
    counts.runs += 1
    guard case .policy(let policy) = bench.load(source, file: file, failing: .init(from: n, count: 1)) else { return }
    _ = try bench.run(policy, over: [capture], failing: .init(from: n % 50 + 1, count: 1))
  }

  private func call(most: Int, every: Int, _ first: Int, _ counts: inout Counts) throws {
    guard case .policy(let policy) = bench.load(source, file: file) else { return }
    let whole = try bench.run(policy, over: [capture])
    let used = policy.allocations
    for n in stride(from: first, through: most, by: every) {
      Fuzz.await()
      counts.runs += 1
      let before = policy.allocations
      _ = try bench.run(policy, over: [capture], failing: .init(from: UInt64(n), count: n % 2 == 0 ? 2 : 3))
      if policy.failures.contains(where: { $0.kind == .memory }) { counts.failing += 1 }
      if policy.allocations - before < n { break }
    }
    for failure in policy.failures { try PolicyBench.check(failure.firstMessage) }
    let after = try bench.run(policy, over: [capture])
    guard after.isEmpty == whole.isEmpty, policy.allocations >= used else {
      throw Fault(description: "nothing is counted any more")
    }
  }
}
