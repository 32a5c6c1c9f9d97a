import DataPath
import LuaRuntime
import Mirroring
import Policy
import Wire

/// What a dry run came to, as rows: observed, collected, each receiver, each reason that applied.
struct DryRunTable {
  private let run: MirrorRun
  private let report: PipelineReport.Mirror

  init(_ run: MirrorRun) {
    self.run = run
    report = run.pipeline.report(entry: run.entry)
  }

  var value: LuaValue {
    var rows = [row("observed", report.observed), row("collected", report.collected)]
    for receiver in report.receivers {
      rows.append(row("collected", receiver.collected, receiver: receiver.address?.description))
    }
    for (reason, tally) in report.reasons where tally.packets > 0 { rows.append(row(reason.name, tally)) }
    for (name, tally) in [("unattributed", report.unattributed), ("undecodable", report.undecodable)]
    where tally.packets > 0 {
      rows.append(row(name, tally, hasShare: false))
    }
    return .table(LuaTable(items: rows))
  }

  /// - Parameter hasShare: it is a part of what was observed.
  private func row(_ verdict: String, _ tally: DataPath.Tally, receiver: String? = nil, hasShare: Bool = true)
    -> LuaValue
  {
    var fields: [LuaTable.Field] = [
      .init("bytes", .integer(Int64(clamping: tally.bytes))),
      .init("packets", .integer(Int64(clamping: tally.packets))),
    ]
    if let receiver { fields.append(.init("receiver", .string(receiver))) }
    if hasShare {
      let share = Double(tally.packets) / Double(max(1, report.observed.packets))
      fields.append(.init("share", .number((share * 1000).rounded() / 10)))
    }
    fields.append(.init("verdict", .string(verdict)))
    return .table(LuaTable(fields: fields))
  }
}

/// What one mirror made of one packet.
struct VerdictOfOne {
  let verdict: TestVerdict

  init(_ explanation: Explanation, _ run: MirrorRun) {
    let index = run.plan.enabled[run.entry]
    let conclusions = explanation.mirrors.first { $0.index == index }?.conclusions ?? []
    guard let told = conclusions.first(where: { $0.verdict == .collected }) ?? conclusions.first else {
      verdict = TestVerdict(reason: explanation.isUndecodable ? "undecodable" : "unattributed")
      return
    }
    verdict = TestVerdict(
      reason: told.verdict.name, receiver: told.receiver.map { run.plan.mirrors[index].receivers[$0].description },
      eni: run.plan.sinkPlan.origins[told.origin].name, isOutbound: told.isOutbound)
  }
}
