import Capture
import DataPath
import Foundation
import Glibc
import Inventory
import LuaRuntime
import Policy

/// Policies over captures: load, run through the pipeline, and what came of it.
struct PolicyBench {
  /// Allocations of the interpreter that fail: `count` of them, from one on. One failure alone is an emergency collection.
  struct Failing {
    var from: UInt64 = 0
    var count: UInt64 = 0
  }

  let inventory: Inventory
  let compiler = PcapFilterCompiler()
  var limits = (loading: LuaLimits.load, callback: LuaLimits.callback, timer: LuaLimits.timer)

  /// The policy, or why there is none: its kind.
  enum Loaded {
    case policy(Policy)
    case refused(PolicyError)
  }

  func load(
    _ source: String, file: String, opening: UInt64 = 0, failing: Failing = Failing(), remembers: Bool = true
  ) -> Loaded {
    var options = PolicyOptions()
    options.remembersVerdicts = remembers
    (options.loading, options.callback, options.timer) = limits
    options.failOpeningFrom = opening
    options.failLoading = (failing.from, failing.count)
    do throws(PolicyError) {
      return .policy(
        try Policy(source: source, file: file, host: 0, inventory: inventory, bpf: compiler, options: options))
    } catch {
      return .refused(error)
    }
  }

  /// Judges every packet of the captures.
  ///
  /// - Parameter failing: at the first packet of each capture.
  /// - Returns: what was counted, as text: equal runs give equal texts.
  /// - Throws: when counters do not add up.
  func run(_ policy: Policy, over captures: [String], failing: Failing? = nil) throws -> String {
    let plan = MirrorPlan(inventory: inventory, mirrors: policy.mirrors)
    let pipeline = try Pipeline(plan: plan, scripts: [policy], compiler: compiler)
    policy.begin(
      plan: plan.enabled.enumerated().map { (entry: $0, mirror: policy.mirrorNumbers[$1]) },
      statistics: { [weak pipeline] entry in pipeline.map { MirrorStatistics($0.report(entry: entry)) } })
    let batch = FrameBatch()
    let exact = ExactFrames()
    for path in captures {
      let source = try CaptureFileSource(path: path)
      if let failing { policy.failAllocations(from: failing.from, count: failing.count) }
      while try source.fill(batch) {
        try exact.copy(batch, interfaces: source.interfaces.count)
        try pipeline.process(batch, interfaces: source.interfaces, sink: nil)
      }
    }
    policy.failAllocations(from: 0, count: 0)
    policy.finishLog()
    return Self.text(try pipeline.report(), policy)
  }

  private static func text(_ report: PipelineReport, _ policy: Policy) -> String {
    let mirrors = report.mirrors.map { mirror in
      let reasons = mirror.reasons.filter { $0.tally.packets > 0 }.map { "\($0.reason) \($0.tally.packets)" }
      let receivers = mirror.receivers.map { "\($0.collected.packets)/\($0.collected.bytes)" }
      return "\(mirror.identity.name): \(mirror.observed.packets) \(mirror.collected.packets) \(reasons) \(receivers)"
    }
    let metrics = (policy.counters + policy.gauges).map { "\($0.name)=\($0.value)" }
    let failures = policy.failures.map { "\($0.function) \($0.kind) \($0.count) \($0.firstMessage)" }
    return (mirrors + metrics + failures).joined(separator: "\n")
  }

  /// What every message must be: one clean line of at most 1 KiB and a place.
  static func check(_ message: String) throws {
    let isClean = message.unicodeScalars.allSatisfy {
      $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) && !(0x202a...0x202e).contains($0.value)
    }
    guard isClean, message.utf8.count <= 1200 else {
      throw Fault(description: "a message that is not clean: \(message)")
    }
  }
}

extension MirrorStatistics {
  init(_ report: PipelineReport.Mirror) {
    func tally(_ counted: DataPath.Tally) -> Tally { Tally(packets: counted.packets, bytes: counted.bytes) }
    self.init(
      observed: tally(report.observed), collected: tally(report.collected),
      reasons: Dictionary(uniqueKeysWithValues: report.reasons.map { ("\($0.reason)", tally($0.tally)) }))
  }
}

/// Seconds that the thread has worked: what a busy machine takes away does not count.
func secondsWorked() -> Double {
  var time = timespec()
  unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
