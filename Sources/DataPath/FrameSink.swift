/// One copy of a frame on its way to a receiver.
@frozen public struct Copy {
  /// Index into the frames of the batch.
  public var frame: UInt32
  /// Index into `SinkPlan.routes`: mirror and receiver.
  public var route: UInt32
  /// Index into `SinkPlan.origins`: the ENI where the packet was observed.
  public var origin: UInt32
  /// The observation's direction: true leaves the ENI.
  public var isOutbound: Bool
  /// Outer UDP source port, 49152 to 65535, from the symmetric flow hash (RFC 7348 section 5).
  public var sourcePort: UInt16

  @inlinable public init(frame: UInt32, route: UInt32, origin: UInt32, isOutbound: Bool, sourcePort: UInt16) {
    self.frame = frame
    self.route = route
    self.origin = origin
    self.isOutbound = isOutbound
    self.sourcePort = sourcePort
  }
}

/// What became of a copy at the sink.
@frozen public enum DeliveryDrop: UInt8, Sendable, CaseIterable {
  case queueFull, sendError, tooBig
  /// The mirror is paused, or a packet's copies are withheld: they come back.
  case loop
  /// Over a budget.
  case throttled

  /// The name in summaries and metrics.
  public var name: String {
    switch self {
    case .queueFull: "queue-full"
    case .sendError: "send-error"
    case .tooBig: "too-big"
    case .loop: "loop"
    case .throttled: "throttled"
    }
  }
}

/// Where copies go: files, sockets, nothing. One call a batch.
public protocol FrameSink: AnyObject {
  associatedtype Failure: Error

  /// Delivers `count` copies, in order. `interfaces` are those of the frames.
  ///
  /// A copy that cannot be delivered is reported through `drop` (index of the copy, why); all others were delivered.
  ///
  /// - Throws: when the sink as a whole cannot go on (disk full).
  func deliver(
    _ copies: UnsafePointer<Copy>, count: Int, frames: UnsafePointer<Frame>, interfaces: [CaptureInterface],
    drop: (Int, DeliveryDrop) -> Void
  ) throws(Failure)

  /// Told now and then, where a mirror has a budget of processor time: what scripts have taken since.
  ///
  /// - Parameter scriptTimes: nanoseconds, by position in `SinkPlan.mirrors`; estimated.
  func note(scriptTimes: [UInt64])

  /// From the next `deliver` on, copies index another plan; what was delivered so far stays as it is.
  ///
  /// - Throws: when the plan's receivers cannot be served. Nothing has changed then.
  func adopt(_ plan: SinkPlan) throws(Failure)
}

/// A sink that keeps no budgets.
extension FrameSink {
  public func note(scriptTimes: [UInt64]) {}
}
