import DataPath
import Foundation
import Live
import Threads

/// A thread that judges beside the engine's, with all that it needs of its own: rings, conversations, counters, sockets, and a
/// state of every policy. It shares nothing with others while it judges, and waits for nobody.
///
/// Safe because: its thread uses what is in it, and others while that waits at the gate or has ended.
final class Worker: @unchecked Sendable {
  private(set) var configuration: Configuration
  let pipeline: Pipeline
  let sink: LiveSink
  let bell: Bell
  private let reader: RingReader
  private var lookout: Lookout
  /// Why it ended before its time.
  private(set) var failure: (any Error)?

  init(
    _ configuration: Configuration, _ pipeline: Pipeline, _ sink: LiveSink, _ reader: RingReader, _ lookout: Lookout
  ) throws(LiveError) {
    self.configuration = configuration
    self.pipeline = pipeline
    self.sink = sink
    self.reader = reader
    self.lookout = lookout
    do throws(NoPipe) { bell = try Bell() } catch { throw LiveError("waking a worker", error) }
    reader.bells = [bell.descriptor]
    lookout.introduce(configuration, pipeline)
  }

  /// The thread's work, until the source has ended.
  ///
  /// - Parameter failed: called when it cannot go on.
  func run(_ gate: Gate, failed: () -> Void) {
    defer { gate.leave() }
    let batch = FrameBatch()
    do {
      while true {
        // With no batch in hand: rings may be closed meanwhile.
        gate.pass()
        guard reader.fill(batch) else { return }
        if reader.wasWoken { bell.silence() }
        lookout.look(configuration, pipeline, sink)
        try pipeline.process(batch, interfaces: reader.interfaces, sink: sink)
        if batch.count == 0 { pipeline.advance(to: KernelClock.wall()) }
      }
    } catch {
      failure = error
      failed()
    }
  }

  // MARK: While it is held

  /// A change that the first worker's scripts, or people, made of mirrors.
  func follow(_ first: Configuration, _ switched: [MirrorIdentity: Bool]) -> Configuration.Change {
    configuration.follow(first)
    return configuration.change(switched)
  }

  func carryOut(_ change: Configuration.Change) { configuration.carryOut(change, in: pipeline) }

  /// Another configuration takes the place of its present one.
  func replace(_ new: Configuration) {
    new.replace(configuration, in: pipeline)
    configuration.finishLogs()
    configuration = new
  }
}
