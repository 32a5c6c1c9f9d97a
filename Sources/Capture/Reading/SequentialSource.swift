public import DataPath

/// Several captures as one, each to its end before the next.
public final class SequentialSource: FrameSource {
  /// Captures that were damaged, in the order given. The others are read on to their end.
  public private(set) var failures: [CaptureError] = []
  private let sources: [CaptureFileSource]
  private var current = 0
  private var join: InterfaceJoin

  public init(_ sources: [CaptureFileSource]) {
    self.sources = sources
    join = InterfaceJoin(sourceCount: sources.count)
    for (index, source) in sources.enumerated() { join.update(index, source.interfaces) }
  }

  public var interfaces: [CaptureInterface] { join.interfaces }
  public var progress: (consumed: UInt64, total: UInt64?) { CaptureFileSource.progress(of: sources) }

  /// Throws nothing: damage goes to `failures`.
  public func fill(_ batch: FrameBatch) throws(CaptureError) -> Bool {
    while current < sources.count {
      let source = sources[current]
      do {
        if try source.fill(batch) {
          join.update(current, source.interfaces)
          unsafe join.rewrite(current, UnsafeMutableBufferPointer(start: batch.frames, count: batch.count))
          return true
        }
      } catch {
        failures.append(error)
      }
      current += 1
    }
    batch.removeAll()
    return false
  }
}
