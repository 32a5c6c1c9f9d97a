import Capture
import DataPath

/// The captures of a command line as one source.
enum Captures {
  /// Opens every capture. From here on Ctrl-C asks for a clean stop.
  ///
  /// - Parameter waiting: called now and then while a pipe has nothing to give.
  /// - Throws: `Problems` when a capture cannot be read: a run over less than was asked for is no run.
  static func open(
    _ traffic: TrafficOptions, waiting: @escaping @Sendable () -> Void = {}
  ) throws -> any FrameSource {
    Interrupt.catchSignals()
    var sources: [CaptureFileSource] = []
    var problems: [Problem] = []
    for path in try traffic.recorded.captures() {
      do throws(CaptureError) {
        sources.append(
          try CaptureFileSource(path: path) {
            waiting()
            return Interrupt.isRequested
          })
      } catch {
        problems.append(Problem(error))
      }
    }
    // A pipe that was silent when the wait ended is no empty capture.
    if Interrupt.isRequested {
      throw Problem(code: "interrupted", sentence: "ended before the first packet was read", exit: Interrupt.ending)
    }
    guard problems.isEmpty else { throw Problems(list: problems) }
    if sources.count == 1 { return sources[0] }
    return traffic.order == .time ? MergedSource(sources) : SequentialSource(sources)
  }

  /// Captures that were damaged while the others were read on.
  static func failures(of source: any FrameSource) -> [CaptureError] {
    switch source {
    case let merged as MergedSource: merged.failures
    case let sequence as SequentialSource: sequence.failures
    default: []
    }
  }
}
