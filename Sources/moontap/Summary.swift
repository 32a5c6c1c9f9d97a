import Capture
import DataPath
import Inventory
import JSONText
import Live
import Mirroring
import Policy
import Wire

/// The summary of `run` (product.md), for people and as JSON.
struct Summary: Sendable {
  let plan: MirrorPlan
  let report: PipelineReport
  let seconds: Double
  /// By mirror index: why its scripts are not called any more.
  let faults: [Int: MirrorFault]
  let metrics: [Metrics]
  let failures: [PolicyFailure]
  /// By entry of the plan: how the mirror's Lua functions were asked.
  let scripts: [[ScriptStatistics]]
  /// Configurations that came into force after the first.
  let reloads: Int
  let isInterrupted: Bool
  /// Captures that were written.
  let files: [String]
  /// Of a live run: what interfaces and receivers say.
  var live: LiveReport?
  var recording: RecordingReport?
  /// What each worker has judged.
  var workers: [Tally] = []

  /// What one policy counted by itself.
  struct Metrics: Sendable {
    var policy: String
    var counters: [PolicyMetric]
    var gauges: [PolicyMetric]
    /// Conversations whose `flow.state` gave way.
    var forgottenStates: Int

    var isEmpty: Bool { counters.isEmpty && gauges.isEmpty && forgottenStates == 0 }
  }

  // MARK: Text

  var text: String {
    let all = mirrors
    let width = (all.map(\.identity.name.count).max() ?? 0) + 2
    var blocks = all.map { (index: $0.index ?? .max, text: block($0, nameWidth: width)) }
    let told = Set(all.compactMap(\.index))
    for (index, mirror) in plan.mirrors.enumerated() where !mirror.isEnabled && !told.contains(index) {
      blocks.append((index, Words.pad(mirror.name, width) + " " + Terminal.dim("disabled: judges nothing") + "\n"))
    }
    let text = blocks.inOrder(of: \.index).map(\.text).joined()
    let live =
      (live.map { LiveSummary(report: $0).text } ?? "") + (recording.map { RecordingSummary(report: $0).text } ?? "")
    return text + apart + shares + live + metrics.map(line).joined() + written + pace
  }

  /// As they were declared, then those that are gone.
  private var mirrors: [PipelineReport.Mirror] { (report.mirrors + report.former).inOrder { $0.index ?? .max } }

  /// How the packets were shared out among several workers.
  private var shares: String {
    workers.count > 1 ? "workers: " + workers.map { Words.packets($0.packets) }.joined(separator: " · ") + "\n" : ""
  }

  private func block(_ mirror: PipelineReport.Mirror, nameWidth: Int) -> String {
    let rows = [
      (Words.packets(mirror.observed.packets), mirror.observed),
      (Words.count(mirror.collected.packets), mirror.collected),
    ].map { count, tally in (count, Words.bytes(tally.bytes)) }
    let countWidth = rows.map(\.0.count).max() ?? 0
    var text = Terminal.bold(Words.pad(mirror.identity.name, nameWidth)) + " " + describe(mirror) + "\n"
    text += "  observed   " + Words.pad(rows[0].0, countWidth) + "   " + rows[0].1 + "\n"
    text +=
      "  collected  " + Words.pad(rows[1].0, countWidth) + "   " + rows[1].1 + receivers(mirror) + "\n"
    let leftOut = mirror.reasons.filter { $0.tally.packets > 0 }
      .sorted { $0.tally.packets > $1.tally.packets }
      .map { "\($0.reason.name) \(Words.count($0.tally.packets))" }
    if !leftOut.isEmpty { text += "  left out   " + leftOut.joined(separator: " · ") + "\n" }
    return text + lost(mirror) + (liveMirror(mirror).map(LiveSummary.words) ?? "")
      + (fault(mirror).map(Self.words) ?? "")
  }

  private func liveMirror(_ mirror: PipelineReport.Mirror) -> LiveReport.Mirror? {
    live?.mirrors.first { $0.identity == mirror.identity }
  }

  private func fault(_ mirror: PipelineReport.Mirror) -> MirrorFault? { mirror.index.flatMap { faults[$0] } }

  /// Why a mirror is faulted, and what would be right.
  static func words(_ fault: MirrorFault) -> String {
    "  faulted    its scripts failed too often and are not called any more; the first failure:\n"
      + "             \(fault.firstMessage)\n" + (fault.hint.map { "             hint: \($0)\n" } ?? "")
  }

  /// The definition as it is now, and what became of the mirror.
  private func describe(_ mirror: PipelineReport.Mirror) -> String {
    guard let index = mirror.index else { return Terminal.dim("removed, was of \(mirror.identity.vpc)") }
    let state = state(mirror)
    let functions = functions(mirror)
    let name = mirror.identity.name
    let isShared = plan.mirrors.count { $0.name == name } > 1
    let origin = isShared ? " · from \(plan.mirrors[index].origin.cleanLine())" : ""
    let definition = plan.describe(plan.mirrors[index]) { function in
      let share = functions.first { $0.number == function.function }?.cachedShare
      return share.map { "cached \(Words.percent($0))" }
    }
    return definition + origin + (state == "running" ? "" : " · " + state)
  }

  /// How the mirror's Lua functions were asked since the plan came into force.
  private func functions(_ mirror: PipelineReport.Mirror) -> [ScriptStatistics] {
    guard let index = mirror.index, let entry = plan.enabled.firstIndex(of: index) else { return [] }
    return scripts.indices.contains(entry) ? scripts[entry] : []
  }

  private func state(_ mirror: PipelineReport.Mirror) -> String {
    (mirror.index.map { self.state(of: $0) } ?? .removed).rawValue
  }

  private func receivers(_ mirror: PipelineReport.Mirror) -> String {
    mirror.receivers.map { receiver in
      let address = receiver.address?.description ?? "(several)"
      return "    → \(address)  \(Words.count(receiver.collected.packets))  \(Words.bytes(receiver.collected.bytes))"
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
    let forgotten =
      metrics.forgottenStates > 0
      ? ["flow.state of \(Words.count(UInt64(metrics.forgottenStates))) conversations forgotten for room"] : []
    return "\(metrics.policy.cleanLine()): " + (values + forgotten).joined(separator: " · ") + "\n"
  }

  private var written: String {
    switch files.count {
    case 0: ""
    case 1: "wrote \(files[0].cleanLine())\n"
    default: "wrote \(files.count) captures: \(Words.some(files.map { $0.cleanLine() }))\n"
    }
  }

  private var pace: String {
    "in \(Words.duration(seconds)) · \(Words.rate(packets: report.records.packets, seconds: seconds))"
      + (reloads > 0 ? " · \(reloads) reload" + (reloads == 1 ? "" : "s") : "")
      + (isInterrupted ? " · interrupted" : "") + "\n"
  }

  // MARK: JSON

  var json: JSONValue {
    guard let live, case .object(let members) = common.content else { return common }
    let recording = recording.map { RecordingSummary(report: $0).json } ?? .null
    return JSONValue.object(
      members + [JSONMember("live", LiveSummary(report: live).json(recording: recording, workers: workers))])
  }

  private var common: JSONValue {
    [
      "format": "moontap.summary/1", "interrupted": .bool(isInterrupted),
      "records": Self.json(report.records), "undecodable": Self.json(report.undecodable),
      "unattributed": Self.json(report.unattributed),
      "fragmentsWithoutPorts": .integer(report.fragmentsWithoutPorts),
      "conversationsEvicted": .integer(report.conversations.evicted),
      "mirrors": .array(mirrors.map(json)),
      "policies": .array(metrics.map(json)), "failures": .array(failures.map(json)),
      "disabled": .array(plan.mirrors.filter { !$0.isEnabled }.map { .string($0.name) }),
      "files": .array(files.map { .string($0) }),
      "reloads": .integer(reloads),
      "seconds": .double((seconds * 1e6).rounded() / 1e6),
    ]
  }

  private func json(_ failure: PolicyFailure) -> JSONValue {
    [
      "function": .string(failure.function), "kind": .string(failure.kind.rawValue), "count": .integer(failure.count),
      "first": .string(failure.firstMessage), "hint": failure.hint.map { .string($0) } ?? .null,
    ]
  }

  private func json(_ metrics: Metrics) -> JSONValue {
    func values(_ list: [PolicyMetric]) -> JSONValue { .object(list.map { JSONMember($0.name, .double($0.value)) }) }
    return [
      "name": .string(metrics.policy), "counters": values(metrics.counters), "gauges": values(metrics.gauges),
      "flowStatesForgotten": .integer(metrics.forgottenStates),
    ]
  }

  private func json(_ script: ScriptStatistics) -> JSONValue {
    [
      "function": .string(script.function), "hits": .integer(script.hits), "misses": .integer(script.misses),
      "calls": .integer(script.calls),
    ]
  }

  private func json(_ mirror: PipelineReport.Mirror) -> JSONValue {
    [
      "name": .string(mirror.identity.name), "vpc": .string(mirror.identity.vpc),
      "origin": mirror.index.map { .string(plan.mirrors[$0].origin) } ?? .null,
      "state": .string(state(mirror)), "fault": fault(mirror).map(Self.json) ?? .null,
      "observed": Self.json(mirror.observed),
      "collected": Self.json(mirror.collected),
      "reasons": .object(mirror.reasons.map { JSONMember($0.reason.name, Self.json($0.tally)) }),
      "receivers": .array(mirror.receivers.map(json)),
      "scripts": .array(functions(mirror).map(json)), "enis": .array(mirror.cells.map(json)),
      "unattributed": Self.json(mirror.unattributed), "undecodable": Self.json(mirror.undecodable),
      "absent": Self.json(mirror.absent),
    ]
  }

  private func json(_ receiver: PipelineReport.Receiver) -> JSONValue {
    [
      "address": .string(receiver.address?.description ?? "(several)"), "packets": .integer(receiver.collected.packets),
      "bytes": .integer(receiver.collected.bytes), "delivered": Self.json(receiver.delivered),
      "drops": .object(receiver.drops.map { JSONMember($0.reason.name, Self.json($0.tally)) }),
    ]
  }

  private func json(_ cell: PipelineReport.Cell) -> JSONValue {
    [
      "eni": .string(report.origins[cell.origin]), "direction": .string(cell.isOutbound ? "out" : "in"),
      "observed": Self.json(cell.observed), "collected": Self.json(cell.collected),
      "reasons": .object(
        cell.reasons.filter { $0.tally.packets > 0 }.map { JSONMember($0.reason.name, Self.json($0.tally)) }),
    ]
  }

  static func json(_ fault: MirrorFault) -> JSONValue {
    ["first": .string(fault.firstMessage), "hint": fault.hint.map { .string($0) } ?? .null]
  }

  static func json(_ tally: Tally) -> JSONValue {
    ["packets": .integer(tally.packets), "bytes": .integer(tally.bytes)]
  }
}

extension Array {
  /// By a number; what has the same one stays in its order.
  fileprivate func inOrder(of number: (Element) -> Int) -> [Element] {
    enumerated().sorted { (number($0.element), $0.offset) < (number($1.element), $1.offset) }.map(\.element)
  }
}
