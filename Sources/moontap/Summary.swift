import DataPath
import Inventory
import JSONText
import Mirroring
import Policy
import Wire

/// The summary of `run` (product.md), for people and as JSON.
struct Summary {
  let plan: MirrorPlan
  let report: PipelineReport
  let seconds: Double
  /// By mirror index: what its script says of itself (`faulted`), or nil.
  let states: [Int: String]
  let metrics: [Metrics]
  let failures: [PolicyFailure]
  /// By entry of the plan: how the mirror's Lua functions were asked.
  let scripts: [[ScriptStatistics]]
  let isInterrupted: Bool

  /// What one policy counted by itself.
  struct Metrics {
    var policy: String
    var counters: [PolicyMetric]
    var gauges: [PolicyMetric]
  }

  // MARK: Text

  var text: String {
    let width = (report.mirrors.map { plan.mirrors[$0.index].name.count }.max() ?? 0) + 2
    var text = ""
    for (entry, mirror) in report.mirrors.enumerated() { text += block(mirror, scripts[entry], nameWidth: width) }
    for mirror in plan.mirrors where !mirror.isEnabled {
      text += Words.pad(mirror.name, width) + " " + Terminal.dim("disabled: judges nothing") + "\n"
    }
    return text + apart + metrics.map(line).joined() + pace
  }

  private func block(_ mirror: PipelineReport.Mirror, _ scripts: [ScriptStatistics], nameWidth: Int) -> String {
    let definition = plan.mirrors[mirror.index]
    let state = states[mirror.index].map { " · " + $0 } ?? ""
    let rows = [
      ("observed", mirror.observed, " packets"), ("collected", mirror.collected, ""),
    ].map { label, tally, unit in (label, Words.count(tally.packets) + unit, Words.bytes(tally.bytes)) }
    let countWidth = rows.map(\.1.count).max() ?? 0
    let line = plan.describe(definition) { function in
      let share = scripts.first { $0.number == function.function }?.cachedShare
      return share.map { "cached \(Words.percent($0))" }
    }
    var text = Terminal.bold(Words.pad(definition.name, nameWidth)) + " " + line + state + "\n"
    text += "  observed   " + Words.pad(rows[0].1, countWidth) + "   " + rows[0].2 + "\n"
    text +=
      "  collected  " + Words.pad(rows[1].1, countWidth) + "   " + rows[1].2 + receivers(mirror, definition) + "\n"
    let leftOut = mirror.reasons.filter { $0.tally.packets > 0 }
      .sorted { $0.tally.packets > $1.tally.packets }
      .map { "\($0.reason.name) \(Words.count($0.tally.packets))" }
    if !leftOut.isEmpty { text += "  left out   " + leftOut.joined(separator: " · ") + "\n" }
    return text + lost(mirror)
  }

  private func receivers(_ mirror: PipelineReport.Mirror, _ definition: TrafficMirror) -> String {
    zip(definition.receivers, mirror.receivers).map { address, receiver in
      "    → \(address)  \(Words.count(receiver.collected.packets))  \(Words.bytes(receiver.collected.bytes))"
    }.joined()
  }

  /// Copies the sink could not deliver; nothing when all were.
  private func lost(_ mirror: PipelineReport.Mirror) -> String {
    let drops = DeliveryDrop.allCases.compactMap { reason -> String? in
      let packets = mirror.receivers.reduce(0) { sum, receiver in
        sum + (receiver.drops.first { $0.reason == reason }?.tally.packets ?? 0)
      }
      return packets > 0 ? "\(reason.name) \(Words.count(packets))" : nil
    }
    return drops.isEmpty ? "" : "  lost       " + drops.joined(separator: " · ") + "\n"
  }

  /// Records that are no observation of any mirror.
  private var apart: String {
    let parts = [
      ("unattributed", report.unattributed.packets), ("undecodable", report.undecodable.packets),
      ("fragments without ports", report.fragmentsWithoutPorts),
      ("conversations forgotten for room", report.conversations.evicted),
    ].filter { $0.1 > 0 }.map { "\($0.0) \(Words.count($0.1))" }
    return parts.isEmpty ? "" : parts.joined(separator: " · ") + "\n"
  }

  private func line(_ metrics: Metrics) -> String {
    let values = (metrics.counters + metrics.gauges).map { "\($0.name) \(Words.number($0.value))" }
    return "\(metrics.policy): " + values.joined(separator: " · ") + "\n"
  }

  private var pace: String {
    "in \(Words.duration(seconds)) · \(Words.rate(packets: report.records.packets, seconds: seconds))"
      + (isInterrupted ? " · interrupted" : "") + "\n"
  }

  // MARK: JSON

  var json: JSONValue {
    [
      "format": "moontap.summary/1", "interrupted": .bool(isInterrupted),
      "records": Self.json(report.records), "undecodable": Self.json(report.undecodable),
      "unattributed": Self.json(report.unattributed),
      "fragmentsWithoutPorts": .integer(report.fragmentsWithoutPorts),
      "conversationsEvicted": .integer(report.conversations.evicted),
      "mirrors": .array(report.mirrors.enumerated().map { json($1, scripts[$0]) }),
      "policies": .array(metrics.map(json)), "failures": .array(failures.map(json)),
      "disabled": .array(plan.mirrors.filter { !$0.isEnabled }.map { .string($0.name) }),
      "seconds": .double((seconds * 1e6).rounded() / 1e6),
    ]
  }

  private func json(_ failure: PolicyFailure) -> JSONValue {
    [
      "function": .string(failure.function), "kind": .string(failure.kind.rawValue), "count": .integer(failure.count),
      "first": .string(failure.firstMessage),
    ]
  }

  private func json(_ metrics: Metrics) -> JSONValue {
    func values(_ list: [PolicyMetric]) -> JSONValue { .object(list.map { JSONMember($0.name, .double($0.value)) }) }
    return [
      "name": .string(metrics.policy), "counters": values(metrics.counters), "gauges": values(metrics.gauges),
    ]
  }

  private func json(_ script: ScriptStatistics) -> JSONValue {
    [
      "function": .string(script.function), "hits": .integer(script.hits), "misses": .integer(script.misses),
      "calls": .integer(script.calls),
      "nanosecondsPerCall": script.nanosecondsPerCall.map { .double(($0 * 10).rounded() / 10) } ?? .null,
    ]
  }

  private func json(_ mirror: PipelineReport.Mirror, _ scripts: [ScriptStatistics]) -> JSONValue {
    let definition = plan.mirrors[mirror.index]
    return [
      "name": .string(definition.name), "vpc": .string(plan.inventory.vpcs[definition.vpc].id),
      "state": .string(states[mirror.index] ?? "running"), "observed": Self.json(mirror.observed),
      "collected": Self.json(mirror.collected),
      "reasons": .object(mirror.reasons.map { JSONMember($0.reason.name, Self.json($0.tally)) }),
      "receivers": .array(zip(definition.receivers, mirror.receivers).map(json)),
      "scripts": .array(scripts.map(json)), "enis": .array(mirror.cells.map(json)), "unattributed": Self.json(mirror.unattributed),
    ]
  }

  private func json(_ address: IPAddress, _ receiver: PipelineReport.Receiver) -> JSONValue {
    [
      "address": .string(address.description), "packets": .integer(receiver.collected.packets),
      "bytes": .integer(receiver.collected.bytes), "delivered": Self.json(receiver.delivered),
      "drops": .object(receiver.drops.map { JSONMember($0.reason.name, Self.json($0.tally)) }),
    ]
  }

  private func json(_ cell: PipelineReport.Cell) -> JSONValue {
    [
      "eni": .string(plan.sinkPlan.origins[cell.origin].name), "direction": .string(cell.isOutbound ? "out" : "in"),
      "observed": Self.json(cell.observed), "collected": Self.json(cell.collected),
      "reasons": .object(
        cell.reasons.filter { $0.tally.packets > 0 }.map { JSONMember($0.reason.name, Self.json($0.tally)) }),
    ]
  }

  static func json(_ tally: Tally) -> JSONValue {
    ["packets": .integer(tally.packets), "bytes": .integer(tally.bytes)]
  }
}
