public import DataPath

/// Writes one capture per receiver into a folder.
public final class CaptureFileSink: FrameSink {
  public typealias Failure = CaptureError

  /// Opens a file for every receiver of the plan.
  ///
  /// - Parameter folder: made when it is missing and the folder above it is there.
  public init(folder: String, plan: SinkPlan, options: CaptureFileOptions) throws(CaptureError) {
  }

  public func deliver(
    _ copies: UnsafePointer<Copy>, count: Int, frames: UnsafePointer<Frame>, interfaces: [CaptureInterface],
    drop: (Int, DeliveryDrop) -> Void
  ) throws(CaptureError) {
  }

  /// Writes what is left and gives every file its final name, once all are whole.
  public func finish() throws(CaptureError) {
  }

  /// Leaves nothing: no file of this run stays, files of earlier runs stay as they were.
  public func abandon() {
  }
}
