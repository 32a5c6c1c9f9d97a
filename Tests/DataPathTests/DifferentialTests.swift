import SeededRandom
import Synchronization
import Testing

@testable import DataPath

/// The pipeline against the reference model: every verdict, ENI, direction, receiver and counter of random runs.
@Suite struct DifferentialTests {
  private static let isTold = Mutex(false)

  @Test(arguments: 0..<8)
  func judgesAsTheReferenceModelDoes(part: Int) throws {
    try judge(part, adoptsItsPlan: false)
  }

  @Test(arguments: 8..<12)
  func judgesTheSameWhenItsPlanIsAdoptedAgainAndAgain(part: Int) throws {
    try judge(part, adoptsItsPlan: true)
  }

  @Test(arguments: 12..<20)
  func judgesAsTheReferenceModelDoesWhileReceiversGoAndComeBack(part: Int) throws {
    try judge(part, adoptsItsPlan: part % 4 == 0, hasOutages: true)
  }

  private func judge(_ part: Int, adoptsItsPlan: Bool, hasOutages: Bool = false) throws {
    for index in 0..<30 {
      let seed = UInt64(part * 1000 + index)
      var random = RandomNumbers(seed: seed)
      let scene = try random.scene()
      let frames = random.frames(150, FrameWorld(scene))
      let batches = random.pick(adoptsItsPlan || hasOutages ? [[40], [1], [7, 60, 1]] : [[128], [1], [7, 60, 1]])
      var run = Differential(scene: scene, frames: frames, batches: batches, adoptsItsPlan: adoptsItsPlan)
      if hasOutages { run.outages = random.outages(scene, frames: frames.count) }
      if try run.difference() != nil {
        // Finding the smallest case takes seconds: one is enough to begin with.
        let isFirst = Self.isTold.withLock { told in
          defer { told = true }
          return !told
        }
        Issue.record(isFirst ? "\(try run.told(seed: seed))" : "seed \(seed)")
        return
      }
    }
  }
}

extension RandomNumbers {
  /// Receivers of the scene that go and come back.
  mutating func outages(_ scene: Scene, frames: Int) -> [(frame: Int, down: Set<SinkPlan.Destination>)] {
    let plan = MirrorPlan(inventory: scene.inventory, mirrors: scene.mirrors)
    let destinations = plan.sinkPlan.routes.map(\.destination)
    return (0..<6).map { _ in
      let chance = number(0...4)
      return (frame: number(1...frames), down: Set(destinations.filter { _ in number(0...3) < chance }))
    }.sorted { $0.frame < $1.frame }
  }
}
