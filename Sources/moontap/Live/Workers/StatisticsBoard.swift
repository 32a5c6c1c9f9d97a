import DataPath
import Mirroring
import Policy
import Synchronization

/// What each worker has counted of mirrors, for the scripts of the others: `mirror:stats()` is about all of them.
final class StatisticsBoard: Sendable {
  /// By worker.
  private let sheets: Mutex<[[MirrorIdentity: MirrorStatistics]]>
  /// There are others to read it.
  let isRead: Bool

  init(workers: Int) {
    isRead = workers > 1
    sheets = Mutex(Array(repeating: [:], count: workers))
  }

  /// The sum of what the other workers have counted; nil: nothing as yet.
  func others(besides worker: Int, _ identity: MirrorIdentity) -> MirrorStatistics? {
    sheets.withLock { sheets in
      var sum: MirrorStatistics?
      for (number, sheet) in sheets.enumerated() where number != worker {
        guard let one = sheet[identity] else { continue }
        sum = sum.map { $0 + one } ?? one
      }
      return sum
    }
  }

  fileprivate func publish(_ statistics: [MirrorIdentity: MirrorStatistics], of worker: Int) {
    sheets.withLock { $0[worker] = statistics }
  }
}

/// One worker's pen.
struct StatisticsPublisher {
  /// How old a number may be, unless writing them all took more than a hundredth of that.
  private static let interval = Duration.milliseconds(100)
  private static let share = 100

  private let board: StatisticsBoard
  private let worker: Int
  private var next = ContinuousClock.now

  init(_ board: StatisticsBoard, worker: Int) {
    self.board = board
    self.worker = worker
  }

  /// Now and then; without scripts nobody reads it.
  mutating func publish(_ configuration: Configuration, _ pipeline: Pipeline) {
    guard board.isRead, !configuration.policies.isEmpty, ContinuousClock.now >= next else { return }
    let start = ContinuousClock.now
    let plan = configuration.plan
    var statistics: [MirrorIdentity: MirrorStatistics] = [:]
    for (entry, mirror) in plan.enabled.enumerated() {
      statistics[plan.identity(mirror)] = MirrorStatistics(pipeline.report(entry: entry))
    }
    board.publish(statistics, of: worker)
    next = .now + max(Self.interval, (ContinuousClock.now - start) * Self.share)
  }
}
