import LuaRuntime
import Mirroring
import Policy
import SeededRandom

/// One generated policy: loaded and run twice, once more with nothing remembered, then with allocations that fail; after each failure it must still work.
struct PolicyTrial {
  /// Fewer steps while loading than policies have, so that many run; more time, since answers that end by time depend on the
  /// machine, and this one runs under AddressSanitizer.
  static let limits = (
    loading: LuaLimits(steps: 1_000_000, wallNanoseconds: 2_000_000_000, allocatedBytesPerCall: 64 << 20),
    callback: LuaLimits(steps: 50_000, wallNanoseconds: 500_000_000, allocatedBytesPerCall: 2 << 20),
    timer: LuaLimits(steps: 200_000, wallNanoseconds: 500_000_000, allocatedBytesPerCall: 16 << 20)
  )
  /// Seconds of work that one run over the captures may take.
  private static let longestRun = 8.0

  let bench: PolicyBench
  let captures: [String]

  /// - Returns: what became of it, for the statistics.
  func run(_ source: String, seed: UInt64) throws -> String {
    var generator = SeededGenerator(seed: seed)
    let captures = [generator.pick(captures), generator.pick(captures)]
    let policy: Policy
    switch try load(source) {
    case .refused(let error):
      try loadWithoutMemory(source, allocations: 3000, &generator)
      return error.kind.rawValue
    case .policy(let loaded): policy = loaded
    }
    let allocations = policy.allocations
    let first = try judge(policy, captures)
    try compare(first, source, captures, "again", PolicyBench.Failing())
    try compare(first, source, captures, "with nothing remembered", PolicyBench.Failing(), remembers: false)
    // A collection in the middle of anything changes nothing.
    for _ in 0..<2 {
      let at = PolicyBench.Failing(from: UInt64(generator.below(max(1, policy.allocations))) + 1, count: 1)
      try compare(first, source, captures, "with a collection at \(at.from)", at)
    }
    try loadWithoutMemory(source, allocations: allocations, &generator)
    try judgeWithoutMemory(policy, captures, &generator)
    return policy.failures.isEmpty ? "whole" : "failing"
  }

  private func load(
    _ source: String, _ failing: PolicyBench.Failing = .init(), remembers: Bool = true
  ) throws -> PolicyBench.Loaded {
    let start = secondsWorked()
    let loaded = bench.load(source, file: "fuzz.lua", failing: failing, remembers: remembers)
    let taken = secondsWorked() - start
    guard taken < 4 else { throw Fault(description: "loading took \(taken) s") }
    if case .refused(let error) = loaded {
      guard !error.message.contains(PolicyGenerator.mark) else { throw Fault(description: error.message) }
      for text in [error.message] + error.violations.map(\.message) { try PolicyBench.check(text) }
    }
    return loaded
  }

  private func judge(
    _ policy: Policy, _ captures: [String], failing: PolicyBench.Failing? = nil
  ) throws -> String {
    let start = secondsWorked()
    let text = try bench.run(policy, over: captures, failing: failing)
    let taken = secondsWorked() - start
    guard taken < Self.longestRun else { throw Fault(description: "a run took \(taken) s") }
    for failure in policy.failures { try PolicyBench.check(failure.firstMessage) }
    guard !text.contains(PolicyGenerator.mark) else { throw Fault(description: text) }
    guard policy.mismatches == 0 else { throw Fault(description: "a remembered answer differed from a new one") }
    return text
  }

  /// A policy of its own gives the same answers, unless it reached a limit of time or memory.
  private func compare(
    _ first: String, _ source: String, _ captures: [String], _ how: String, _ failing: PolicyBench.Failing,
    remembers: Bool = true
  ) throws {
    let policy: Policy
    switch try load(source, failing, remembers: remembers) {
    case .policy(let loaded): policy = loaded
    case .refused(let error):
      // Buffers of texts are asked for once.
      if error.kind == .memory, failing.count == 1 { return }
      throw Fault(description: "loaded once, and \(how) not: \(error)")
    }
    let second = try judge(policy, captures, failing: failing.from > 0 ? failing : nil)
    guard first != second, !Self.dependsOnMachine(first), !Self.dependsOnMachine(second) else { return }
    // The hook counts from a collection on anew: a call that runs out of steps does so up to 256 instructions later.
    if failing.from > 0, Self.runsOutOfSteps(first), Self.runsOutOfSteps(second) { return }
    throw Fault(description: "another answer \(how):\n\(first)\n----\n\(second)")
  }

  private static func dependsOnMachine(_ text: String) -> Bool {
    text.contains("time limit") || text.contains("not enough memory")
  }

  private static func runsOutOfSteps(_ text: String) -> Bool { text.contains("CPU budget of") }

  private func loadWithoutMemory(_ source: String, allocations: Int, _ generator: inout SeededGenerator) throws {
    for _ in 0..<3 {
      let failing = PolicyBench.Failing(
        from: UInt64(generator.below(max(1, allocations))) + 1, count: generator.pick([2, 2, 5, .max]))
      if case .policy(let policy) = try load(source, failing) { _ = try judge(policy, captures) }
    }
  }

  /// After every failure the same policy still judges, and its counters add up.
  private func judgeWithoutMemory(_ policy: Policy, _ captures: [String], _ generator: inout SeededGenerator) throws {
    for _ in 0..<4 {
      let failing = PolicyBench.Failing(from: UInt64(generator.below(400)) + 1, count: generator.pick([1, 2, 3, .max]))
      _ = try judge(policy, captures, failing: failing)
    }
    let last = try judge(policy, captures)
    guard !last.isEmpty || policy.mirrors.isEmpty else { throw Fault(description: "nothing was counted any more") }
  }
}
