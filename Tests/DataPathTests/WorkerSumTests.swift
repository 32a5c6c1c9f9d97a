import Mirroring
import SeededRandom
import Testing

@testable import DataPath

/// What several pipelines of one run have counted is together what one counts of all of it.
@Suite struct WorkerSumTests {
  /// Random frames go to three pipelines at random, under plans that change for all of them at once. What hangs on single packets
  /// is what one pipeline counts that gets them all; the rest adds up, down to the sink.
  @Test(arguments: 0..<60)
  func sumsAreWhatOneCounts(seed: Int) throws {
    var random = RandomNumbers(seed: UInt64(31_000 + seed))
    var scene = try random.scene()
    scene.options.tracksFragments = false
    let frames = random.frames(200, FrameWorld(scene))
    let (one, parts) = (scene.pipeline(), (0..<3).map { _ in scene.pipeline() })
    let sinks = (0..<4).map { _ in CollectingSink() }
    for sink in sinks { sink.dropsEvery = random.number(0...5) }
    var next = 0
    while next < frames.count {
      let end = min(frames.count, next + random.number(1...20))
      let batch = Array(frames[next..<end])
      let part = random.number(0...2)
      try one.run(batch, scene.interfaces, sink: sinks[3])
      try parts[part].run(batch, scene.interfaces, sink: sinks[part])
      next = end
      guard random.number(0...9) == 0 else { continue }
      let plan = MirrorPlan(
        inventory: scene.inventory, mirrors: random.mirrors(scene.inventory, 1...6), options: scene.options)
      for pipeline in parts + [one] { pipeline.adopt(plan: plan, scripts: [FakeScriptHost()]) }
    }
    let sum = try parts[1...].reduce(try parts[0].report()) { try $0.adding($1.report()) }
    let whole = try one.report()
    #expect(sum.records == whole.records && sum.undecodable == whole.undecodable)
    #expect(sum.unattributed == whole.unattributed && sum.records.packets == 200)
    let (all, expected) = (sum.mirrors + sum.former, whole.mirrors + whole.former)
    #expect(all.map(\.identity) == expected.map(\.identity))
    #expect(all.map(\.observed) == expected.map(\.observed))
    #expect(all.map(\.unattributed) == expected.map(\.unattributed))
    #expect(all.map(\.absent) == expected.map(\.absent))
    let delivered = all.flatMap(\.receivers).map(\.delivered.packets).reduce(0, +)
    #expect(delivered == UInt64(sinks[..<3].map { $0.delivered.count - $0.dropped.count }.reduce(0, +)))
  }

  @Test func aSumThatDoesNotAddUpIsTold() throws {
    let scene = try shopScene()
    let parts = (0..<2).map { _ in scene.pipeline() }
    let frame = TestFrame(udp("10.20.1.11", "8.8.8.8", 1, 2, macs: (1, 0xaa)))
    for part in parts { try part.run([frame], scene.interfaces, sink: CollectingSink()) }
    var wrong = try parts[1].report()
    wrong.mirrors[0].collected.packets += 1
    #expect(throws: IdentityViolation.self) { try parts[0].report().adding(wrong) }
  }
}
