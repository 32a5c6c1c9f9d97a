import DataPath
import Policy

/// What the policies' states of all workers say, put together.
struct WorkerSums {
  private let configurations: [Configuration]

  /// - Parameter configurations: one for each worker, the first worker's first; of the same files.
  init(_ configurations: [Configuration]) { self.configurations = configurations }

  /// Mirrors whose scripts failed too often for one of them.
  var faults: [Int: MirrorFault] {
    configurations.reduce(into: [:]) { all, one in all.merge(one.faults) { first, _ in first } }
  }

  var failures: [PolicyFailure] {
    configurations.reduce(FailureSum()) { sum, one in sum.adding(one.failures) }.list
  }

  /// Functions that failed: what they were asked was not evaluated.
  var problems: [Problem] {
    failures.map { failure in
      Problem(
        code: "script.\(failure.kind.rawValue)",
        sentence:
          "\(failure.function) failed \(failure.count == 1 ? "once" : "\(failure.count) times"); the first: \(failure.firstMessage)",
        hint: failure.hint, exit: .failed)
    }
  }

  /// By entry of the plan.
  var scripts: [[ScriptStatistics]] {
    configurations.dropFirst().reduce(configurations[0].scripts) { sums, one in
      zip(sums, one.scripts).map(Self.sum)
    }
  }

  /// The same functions, in whatever order they were asked first.
  private static func sum(_ some: [ScriptStatistics], _ more: [ScriptStatistics]) -> [ScriptStatistics] {
    more.reduce(into: some) { sums, one in
      if let known = sums.firstIndex(where: { $0.number == one.number }) {
        sums[known] += one
      } else {
        sums.append(one)
      }
    }
  }

  /// Counters are sums; a gauge is what the first worker's state has.
  var metrics: [Summary.Metrics] {
    let all = configurations.map(\.allMetrics)
    return all[0].indices.map { policy in
      all.dropFirst().reduce(all[0][policy]) { $0.adding($1[policy]) }
    }.filter { !$0.isEmpty }
  }
}

extension ScriptStatistics {
  fileprivate static func += (a: inout ScriptStatistics, b: ScriptStatistics) {
    a.hits += b.hits
    a.misses += b.misses
    a.calls += b.calls
    a.timed += b.timed
    a.nanoseconds += b.nanoseconds
  }
}

extension Summary.Metrics {
  fileprivate func adding(_ other: Self) -> Self {
    var sum = self
    sum.forgottenStates += other.forgottenStates
    let counted = Dictionary(other.counters.map { ($0.name, $0.value) }, uniquingKeysWith: +)
    for index in sum.counters.indices { sum.counters[index].value += counted[sum.counters[index].name] ?? 0 }
    return sum
  }
}
