// Runs a scene through the pipeline and through the model, and says where they differ; finds the smallest case.

import Inventory
import Mirroring
import Wire

@testable import DataPath

struct Differential {
  var scene: Scene
  var frames: [TestFrame]
  var batches = [128]
  /// The plan is adopted anew before every batch: nobody must notice.
  var adoptsItsPlan = false
  /// Which receivers are down, from which frame on.
  var outages: [(frame: Int, down: Set<SinkPlan.Destination>)] = []

  /// The first difference in words, or nil.
  func difference() throws -> String? {
    let host = FakeScriptHost()
    let pipeline = scene.pipeline(scripts: [host])
    let sink = CollectingSink()
    try pipeline.run(frames, scene.interfaces, sink: sink, batches: batches) { pipeline in
      if adoptsItsPlan { pipeline.adopt(plan: pipeline.plan, scripts: [host]) }
      let next = Int(pipeline.records.packets)
      if let outage = outages.last(where: { $0.frame <= next }) { pipeline.setDown(outage.down) }
    }
    let model = ModelEngine(scene)
    let outcomes = frames.enumerated().map { number, frame in
      if number > 0, isBatchStart(number), let outage = outages.last(where: { $0.frame <= number }) {
        model.setDown(outage.down)
      }
      return model.judge(frame)
    }
    if let problem = host.problems.first { return problem }
    return try compare(sink.delivered, expected(outcomes, model)) ?? compare(pipeline.report(), model)
  }

  private func isBatchStart(_ frame: Int) -> Bool {
    var (start, turn) = (0, 0)
    while start < frame {
      start += batches[turn % batches.count]
      turn += 1
    }
    return start == frame
  }

  /// The copies that the model's outcomes mean.
  private func expected(_ outcomes: [[ModelOutcome]], _ model: ModelEngine) -> [Delivered] {
    let firstRoutes = model.enabled.indices.map { entry in
      model.enabled[..<entry].reduce(0) { $0 + scene.mirrors[$1].receivers.count }
    }
    return outcomes.enumerated().flatMap { frame, all in
      all.filter { $0.verdict == .collected }.map { outcome in
        Delivered(
          frame: frame, route: firstRoutes[outcome.mirror] + outcome.receiver!, origin: origin(outcome.place),
          isOutbound: outcome.isOutbound, sourcePort: 0)
      }
    }
  }

  func origin(_ place: ModelPlace) -> Int {
    switch place {
    case .listed(let eni): eni
    case .unlisted(let subnet): scene.inventory.enis.count + subnet
    }
  }

  private func compare(_ delivered: [Delivered], _ expected: [Delivered]) -> String? {
    var found = delivered
    for position in found.indices {
      if found[position].sourcePort < 49152 { return "source port \(found[position].sourcePort)" }
      found[position].sourcePort = 0
    }
    let expected = expected.sorted()
    found.sort()
    for position in 0..<max(found.count, expected.count) {
      let here = position < found.count ? found[position] : nil
      let there = position < expected.count ? expected[position] : nil
      if here != there {
        return "copy \(position): pipeline \(here.map { "\($0)" } ?? "none"), model \(there.map { "\($0)" } ?? "none")"
      }
    }
    return nil
  }

  private func compare(_ report: PipelineReport, _ model: ModelEngine) -> String? {
    if report.undecodable != model.undecodable { return "undecodable \(report.undecodable) \(model.undecodable)" }
    if report.unattributed != model.unattributed { return "unattributed \(report.unattributed) \(model.unattributed)" }
    if report.fragmentsWithoutPorts != model.fragmentsWithoutPorts {
      return "fragments without ports \(report.fragmentsWithoutPorts) \(model.fragmentsWithoutPorts)"
    }
    if report.records.packets != UInt64(frames.count) { return "records \(report.records)" }
    for (entry, mirror) in report.mirrors.enumerated() {
      let cells = Dictionary(
        uniqueKeysWithValues: model.cells.filter { $0.key.mirror == entry }.map {
          (CellKey(mirror: entry, origin: Int32(origin($0.key.place)), isOutbound: $0.key.isOutbound), $0.value)
        })
      if let words = compare(mirror, entry, cells) { return words }
    }
    return nil
  }

  private func compare(_ mirror: PipelineReport.Mirror, _ entry: Int, _ cells: [CellKey: [Verdict: Tally]]) -> String? {
    if mirror.cells.count != cells.count { return "mirror \(entry): cells \(mirror.cells) model \(cells)" }
    for cell in mirror.cells {
      let key = CellKey(mirror: entry, origin: Int32(cell.origin), isOutbound: cell.isOutbound)
      guard let tallies = cells[key] else { return "mirror \(entry): no cell \(key)" }
      for (reason, tally) in cell.reasons + [(.collected, cell.collected)] where tally != tallies[reason] ?? Tally() {
        return "mirror \(entry), origin \(cell.origin), \(cell.isOutbound ? "out" : "in"), \(reason.name): "
          + "pipeline \(tally), model \(tallies[reason] ?? Tally())"
      }
    }
    return nil
  }

  // MARK: The smallest case

  /// Leaves out frames and mirrors as long as a difference remains.
  func smallest() throws -> Differential {
    var best = self
    best.batches = [128]
    if try best.difference() == nil { best.batches = batches }
    var step = max(1, best.frames.count / 2)
    while true {
      var start = 0
      while start < best.frames.count {
        var shorter = best
        shorter.frames.removeSubrange(start..<min(shorter.frames.count, start + step))
        if try shorter.difference() != nil { best = shorter } else { start += step }
      }
      if step == 1 { break }
      step /= 2
    }
    for position in best.scene.mirrors.indices.reversed() where best.scene.mirrors.count > 1 {
      var fewer = best
      fewer.scene.mirrors.remove(at: position)
      if try fewer.difference() != nil { best = fewer }
    }
    return best
  }

  /// Everything that is needed to see the case.
  func told(seed: UInt64) throws -> String {
    let smallest = try smallest()
    var lines = [
      "seed \(seed): \(try smallest.difference() ?? "no difference left")", "options \(smallest.scene.options)",
    ]
    for (index, interface) in smallest.scene.interfaces.enumerated() {
      lines.append("interface \(index): \(interface)")
    }
    lines.append("bound \(smallest.scene.boundENIs)")
    let inventory = smallest.scene.inventory
    for (index, eni) in inventory.enis.enumerated() {
      lines.append(
        "eni \(index): \(eni.id) vpc \(eni.vpc) \(eni.mac?.description ?? "no mac") \(eni.addresses) \(eni.publicAddresses)"
      )
    }
    for mirror in smallest.scene.mirrors { lines.append("\(mirror)") }
    for frame in smallest.frames {
      lines.append(
        "frame time \(frame.time) original \(frame.original) interface \(frame.interface) \(frame.direction): "
          + hexadecimal(frame.bytes))
    }
    return lines.joined(separator: "\n")
  }
}

func hexadecimal(_ bytes: [UInt8]) -> String {
  let digits = Array("0123456789abcdef")
  return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
}
