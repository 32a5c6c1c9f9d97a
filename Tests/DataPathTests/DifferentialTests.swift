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

  private func judge(_ part: Int, adoptsItsPlan: Bool) throws {
    for index in 0..<30 {
      let seed = UInt64(part * 1000 + index)
      var random = RandomNumbers(seed: seed)
      let scene = try random.scene()
      let frames = random.frames(150, FrameWorld(scene))
      let batches = random.pick(adoptsItsPlan ? [[40], [1], [7, 60, 1]] : [[128], [1], [7, 60, 1]])
      let run = Differential(scene: scene, frames: frames, batches: batches, adoptsItsPlan: adoptsItsPlan)
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
