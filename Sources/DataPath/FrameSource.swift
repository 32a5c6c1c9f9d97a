/// Where frames come from: a capture file, several of them, an interface.
public protocol FrameSource: AnyObject {
  associatedtype Failure: Error

  /// The interfaces seen so far; grows only, and only inside `fill`. A frame's `interface` indexes it.
  var interfaces: [CaptureInterface] { get }

  /// Replaces the content of `batch` with the next frames, at most `FrameBatch.capacity`, all valid until the next call.
  ///
  /// - Returns: false at the end; the batch is empty then.
  /// - Throws: when the source is damaged. Frames before the damage have been returned by earlier calls.
  func fill(_ batch: FrameBatch) throws(Failure) -> Bool

  /// Bytes consumed and bytes in all (nil when unknown, as for a pipe), for a progress bar.
  var progress: (consumed: UInt64, total: UInt64?) { get }
}
