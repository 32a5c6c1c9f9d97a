// What a pipeline tells of the time that scripts take.

import Testing
import Wire

@testable import DataPath
@testable import Mirroring

@Suite struct ScriptTimeTests {
  private let host = FakeScriptHost()

  /// Two mirrors, the second one with a budget.
  private func scene(_ budget: MirrorBudget?) throws -> Scene {
    var scene = try shopScene(.script(ScriptFunction(host: 0, function: 0, name: "f")))
    var other = scene.mirrors[0]
    other.name = "other"
    other.budget = budget
    scene.mirrors.append(other)
    return scene
  }

  /// Judges a packet when the host has taken so much for each mirror; what is told then.
  private func told(_ pipeline: Pipeline, _ taken: [UInt64], after milliseconds: Int64 = 10) throws -> [[UInt64]] {
    for (mirror, taken) in taken.enumerated() { host.taken[mirror] = taken }
    let last = pipeline.now == .min ? 1_700_000_000_000_000_000 : pipeline.now
    let frame = TestFrame(
      udp("10.20.1.11", "8.8.8.8", 1, 2, macs: (1, 0xaa)), time: last + milliseconds * 1_000_000)
    let sink = CollectingSink()
    try pipeline.run([frame], [CaptureInterface(linkType: .ethernet, name: nil, origin: "a")], sink: sink)
    return sink.scriptTimes
  }

  @Test func whatScriptsTakeIsToldByMirror() throws {
    let scene = try scene(MirrorBudget(cpu: 5))
    let pipeline = scene.pipeline(scripts: [host])
    // What they took for others before.
    #expect(try told(pipeline, [500, 70]) == [[0, 0]])
    #expect(try told(pipeline, [590, 90], after: 9) == [])
    #expect(try told(pipeline, [600, 100], after: 1) == [[100, 30]])
    // An estimate that was too much is not told twice.
    #expect(try told(pipeline, [550, 100]) == [[0, 0]])
    #expect(try told(pipeline, [650, 101]) == [[50, 1]])
    pipeline.adopt(plan: MirrorPlan(inventory: scene.inventory, mirrors: scene.mirrors), scripts: [host])
    #expect(try told(pipeline, [900, 900]) == [[0, 0]])
    #expect(try told(pipeline, [901, 902]) == [[1, 2]])
  }

  @Test func nobodyIsAskedWhereNoMirrorHasABudgetOfProcessorTime() throws {
    let pipeline = try scene(MirrorBudget(packets: 10)).pipeline(scripts: [host])
    #expect(try told(pipeline, [1, 2]) == [])
  }
}
