import DataPath
import Live

/// What every worker does between two batches, the first too.
struct Lookout {
  private let watch: ReceiverWatch
  private let board: StatisticsBoard
  private let number: Int
  private var publisher: StatisticsPublisher
  /// The last change of receivers' health that the pipeline knows.
  private var known = 0
  private var lastRoutes = ContinuousClock.now

  /// - Parameter number: of the worker; 0 is the engine's thread.
  init(_ watch: ReceiverWatch, _ board: StatisticsBoard, worker number: Int) {
    self.watch = watch
    self.board = board
    self.number = number
    publisher = StatisticsPublisher(board, worker: number)
  }

  /// Scripts hear of what other workers count.
  func introduce(_ configuration: Configuration, _ pipeline: Pipeline) {
    guard board.isRead else { return }
    configuration.colleagues = { [board, number] identity in board.others(besides: number, identity) }
    configuration.begin(in: pipeline)
  }

  mutating func look(_ configuration: Configuration, _ pipeline: Pipeline, _ sink: LiveSink) {
    if watch.change != known {
      known = watch.change
      pipeline.setDown(watch.down)
    }
    publisher.publish(configuration, pipeline)
    guard ContinuousClock.now - lastRoutes > .seconds(1) else { return }
    lastRoutes = .now
    sink.lookAfterRoutes()
  }
}
