import Control
import DataPath
import Foundation
import Live
import Mirroring
import Policy
import Wire

/// A summary as metrics. Names, labels and what each counts are described in docs/control.md and in HELP; the numbers are those
/// of the summary.
struct MetricsPage {
  /// Series of mirrors, ENIs and directions: ENIs that have observed something, in the order of the inventory, until there are
  /// so many; all others of a mirror are put together.
  static let mostCells = 2000
  static let otherENIs = "(others)"

  typealias Labels = [(name: String, value: String)]

  let summary: Summary
  let started: Double

  init(_ summary: Summary, started: Double) {
    self.summary = summary
    self.started = started
  }

  func text(_ format: MetricsText.Format) -> [UInt8] {
    var text = MetricsText(format)
    addRun(&text)
    addObservations(&text)
    addReceivers(&text)
    addScripts(&text)
    addStates(&text)
    addLive(&text)
    return text.finished()
  }

  // MARK: The run

  private func addRun(_ text: inout MetricsText) {
    let report = summary.report
    text.family("moontap_build", .gauge, help: "1; the version is a label.")
    text.sample([("version", Moontap.number)], UInt64(1))
    text.family("moontap_start_time_seconds", .gauge, unit: "seconds", help: "When the run began, seconds since 1970.")
    text.sample([], (started * 1000).rounded() / 1000)
    text.family("moontap_reloads", .counter, help: "Configurations that came into force after the first.")
    text.sample([], UInt64(summary.reloads))
    tallies(&text, "moontap_records", "Frames that were judged.") { [([], report.records)] }
    tallies(&text, "moontap_undecodable", "Frames of a link type without a decoder.") { [([], report.undecodable)] }
    tallies(&text, "moontap_unattributed", "Frames of no VPC that has an enabled mirror.") {
      [([], report.unattributed)]
    }
    text.family(
      "moontap_fragments_without_ports", .counter, help: "Later fragments whose ports no condition could know.")
    text.sample([], report.fragmentsWithoutPorts)
    text.family("moontap_conversations", .gauge, help: "Conversations that are remembered.")
    text.sample([], UInt64(report.conversations.live))
    text.family(
      "moontap_conversations_evicted", .counter, help: "Conversations that were forgotten for room, though not idle.")
    text.sample([], report.conversations.evicted)
  }

  /// Two families: packets and bytes of the same thing.
  private func tallies(
    _ text: inout MetricsText, _ name: String, _ help: String, _ samples: () -> [(Labels, Tally)]
  ) {
    let samples = samples()
    text.family(name + "_packets", .counter, unit: "packets", help: help)
    for (labels, tally) in samples { text.sample(labels, tally.packets) }
    text.family(name + "_bytes", .counter, unit: "bytes", help: help + " Bytes as on the wire.")
    for (labels, tally) in samples { text.sample(labels, tally.bytes) }
  }

  private var mirrors: [PipelineReport.Mirror] { summary.report.mirrors + summary.report.former }

  static func labels(_ identity: MirrorIdentity) -> Labels {
    [("mirror", identity.name), ("vpc", identity.vpc), ("region", identity.region)]
  }

  // MARK: Observations

  private func addObservations(_ text: inout MetricsText) {
    let cells = cells
    tallies(&text, "moontap_observed", "What a mirror looked at: collected and left out are parts of it.") {
      cells.map { ($0.labels, $0.cell.observed) }
    }
    tallies(&text, "moontap_collected", "What a mirror copied.") { cells.map { ($0.labels, $0.cell.collected) } }
    tallies(&text, "moontap_left_out", "What a mirror observed and did not copy, by the stage that said so.") {
      cells.flatMap { labels, cell in
        cell.reasons.map { (labels + [("reason", $0.reason.name)], $0.tally) }
      }
    }
  }

  /// Cells with their labels, bounded.
  private var cells: [(labels: Labels, cell: PipelineReport.Cell)] {
    var result: [(labels: Labels, cell: PipelineReport.Cell)] = []
    for mirror in mirrors {
      var others: [Bool: PipelineReport.Cell] = [:]
      for cell in mirror.cells {
        if result.count < Self.mostCells {
          result.append((Self.labels(mirror, summary.report.origins[cell.origin], cell.isOutbound), cell))
        } else {
          others[cell.isOutbound] = others[cell.isOutbound].map { $0.adding(cell) } ?? cell
        }
      }
      for isOutbound in [true, false] {
        if let cell = others[isOutbound] { result.append((Self.labels(mirror, Self.otherENIs, isOutbound), cell)) }
      }
    }
    return result
  }

  private static func labels(_ mirror: PipelineReport.Mirror, _ eni: String, _ isOutbound: Bool) -> Labels {
    labels(mirror.identity) + [("eni", eni), ("direction", isOutbound ? "out" : "in")]
  }

  // MARK: Receivers

  private func addReceivers(_ text: inout MetricsText) {
    let receivers = mirrors.flatMap { mirror in
      mirror.receivers.map { receiver in
        let address = receiver.address?.description ?? "(several)"
        return (labels: Self.labels(mirror.identity) + [("receiver", address)], receiver: receiver)
      }
    }
    tallies(&text, "moontap_given", "Copies that a mirror had for a receiver: delivered and dropped together.") {
      receivers.map { ($0.labels, $0.receiver.collected) }
    }
    tallies(&text, "moontap_delivered", "Copies that the kernel took, or that were written.") {
      receivers.map { ($0.labels, $0.receiver.delivered) }
    }
    tallies(&text, "moontap_dropped", "Copies that were lost, by the reason.") {
      receivers.flatMap { labels, receiver in
        receiver.drops.map { (labels + [("reason", $0.reason.name)], $0.tally) }
      }
    }
  }

  // MARK: Lua

  private func addScripts(_ text: inout MetricsText) {
    let uses = scripts
    let since = " Since the mirrors in force came into force: a reload begins anew."
    func family(_ name: String, _ help: String, _ value: (ScriptStatistics) -> UInt64) {
      text.family(name, .counter, help: help + since)
      for (labels, use) in uses { text.sample(labels, value(use)) }
    }
    family("moontap_lua_calls", "Calls of a Lua function.", \.calls)
    family("moontap_lua_cache_hits", "Answers of a Lua function that were remembered: no call.", \.hits)
    family("moontap_lua_cache_misses", "Calls of a Lua function whose answers are remembered.", \.misses)
    family("moontap_lua_timed_calls", "Calls that were timed: one in 64.", \.timed)
    text.family(
      "moontap_lua_timed_seconds", .counter, unit: "seconds",
      help: "How long the timed calls took: by moontap_lua_timed_calls it is the mean of a call." + since)
    for (labels, use) in uses { text.sample(labels, Double(use.nanoseconds) / 1e9) }
    text.family("moontap_lua_errors", .counter, help: "Failures of Lua functions, by kind; of the whole run.")
    for failure in summary.failures {
      text.sample([("function", failure.function), ("kind", failure.kind.rawValue)], UInt64(failure.count))
    }
    addPolicies(&text)
  }

  private var scripts: [(Labels, ScriptStatistics)] {
    zip(summary.plan.enabled, summary.scripts).flatMap { index, functions in
      functions.enumerated().map { position, use in
        // Two functions of a mirror may have one name.
        let isTwin = functions[..<position].contains { $0.function == use.function }
        let name = isTwin ? "\(use.function) (\(use.number))" : use.function
        return (Self.labels(summary.plan.identity(index)) + [("function", name)], use)
      }
    }
  }

  /// What policies count by themselves.
  private func addPolicies(_ text: inout MetricsText) {
    func samples(_ values: (Summary.Metrics) -> [PolicyMetric]) -> [(Labels, Double)] {
      summary.metrics.enumerated().flatMap { position, policy in
        let isTwin = summary.metrics[..<position].contains { $0.policy == policy.policy }
        let name = isTwin ? "\(policy.policy) (\(position))" : policy.policy
        return values(policy).map { ([("policy", name), ("name", $0.name)], $0.value) }
      }
    }
    text.family("moontap_policy_count", .counter, help: "What policies count with counter(name).")
    for (labels, value) in samples(\.counters) { text.sample(labels, value) }
    text.family("moontap_policy_gauge", .gauge, help: "What policies set with gauge(name).")
    for (labels, value) in samples(\.gauges) { text.sample(labels, value) }
  }

  // MARK: States

  private func addStates(_ text: inout MetricsText) {
    text.family("moontap_mirror_state", .gauge, help: "1 for the state that a mirror is in, 0 for the others.")
    for index in summary.plan.mirrors.indices {
      let now = summary.state(of: index)
      for state in MirrorState.ofPlan {
        let labels = Self.labels(summary.plan.identity(index)) + [("state", state.rawValue)]
        text.sample(labels, UInt64(state == now ? 1 : 0))
      }
    }
  }
}

extension PipelineReport.Cell {
  fileprivate func adding(_ other: Self) -> Self {
    var sum = self
    sum.observed += other.observed
    sum.collected += other.collected
    for index in sum.reasons.indices { sum.reasons[index].tally += other.reasons[index].tally }
    return sum
  }
}
