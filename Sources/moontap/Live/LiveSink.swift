import Capture
import DataPath
import Live

/// Where the copies of a live run go: to receivers, into a recording, or both. What becomes of a copy at its receiver and in the
/// recording are two things, and counted as two; only of a run that does not send is the recording what delivers.
final class LiveSink: FrameSink {
  typealias Failure = LiveError

  /// nil: nothing is sent.
  private let sender: CopySender?
  private let recording: Recording?

  init(_ sender: CopySender?, _ recording: Recording?) {
    (self.sender, self.recording) = (sender, recording)
  }

  func deliver(
    _ copies: UnsafePointer<Copy>, count: Int, frames: UnsafePointer<Frame>, interfaces: [CaptureInterface],
    drop: (Int, DeliveryDrop) -> Void
  ) throws(LiveError) {
    unsafe sender?.deliver(copies, count: count, frames: frames, interfaces: interfaces, drop: drop)
    let isAlone = !sends
    unsafe recording?.append(copies, count: count, frames: frames, interfaces: interfaces) { copy, loss in
      if isAlone { drop(copy, loss == .tooBig ? .tooBig : .queueFull) }
    }
  }

  func adopt(_ plan: SinkPlan) throws(LiveError) {
    try sender?.adopt(plan)
    recording?.adopt(plan)
  }

  func note(scriptTimes: [UInt64]) { sender?.note(scriptTimes: scriptTimes) }

  /// Whether receivers get copies.
  var sends: Bool { sender != nil }

  func lookAfterRoutes() { sender?.lookAfterRoutes() }

  // MARK: What is told

  func report(_ health: (SinkPlan.Destination) -> LiveReport.Health) -> [LiveReport.Receiver] {
    sender?.report(health) ?? []
  }

  var loops: [Int: LiveReport.Loop] { sender?.loops ?? [:] }

  /// - Parameter count: of the plan's enabled mirrors.
  func shed(_ count: Int) -> [LiveReport.Shed] {
    sender?.shed ?? [LiveReport.Shed](repeating: LiveReport.Shed(), count: count)
  }
}

extension SinkPlan {
  /// Without receivers.
  static let none = SinkPlan(routes: [], origins: [])
}
