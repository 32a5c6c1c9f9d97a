public import DataPath

/// Several captures as one, in the order of their packets' times; at equal times in the order given.
public final class MergedSource: FrameSource {
  public private(set) var interfaces: [CaptureInterface] = []
  /// Captures that were damaged, in the order in which that was met. The others are read on to their end.
  public private(set) var failures: [CaptureError] = []
  private let sources: [CaptureFileSource]

  public init(_ sources: [CaptureFileSource]) {
    self.sources = sources
  }

  /// Throws nothing: damage goes to `failures`.
  public func fill(_ batch: FrameBatch) throws(CaptureError) -> Bool { false }

  public var progress: (consumed: UInt64, total: UInt64?) { CaptureFileSource.progress(of: sources) }
}
