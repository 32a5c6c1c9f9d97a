public import DataPath

/// Several captures as one, in the order of their packets' times; at equal times in the order given.
///
/// A capture keeps its own order, also where its times go back. Each capture has a batch of its own; a merged batch ends
/// early where one of these is used up, because refilling it would end the life of its frames.
public final class MergedSource: FrameSource {
  /// A capture with frames that wait: the time of the first of them.
  private struct Head {
    var time: Int64
    var source: Int

    func precedes(_ other: Head) -> Bool { (time, source) < (other.time, other.source) }
  }

  /// Captures that were damaged, in the order in which that was met. The others are read on to their end.
  public private(set) var failures: [CaptureError] = []
  private let sources: [CaptureFileSource]
  private let batches: [FrameBatch]
  /// For each source: frames of its batch that were taken.
  private var taken: [Int]
  /// A binary heap: the first one is due.
  private var heads: [Head] = []
  /// Sources whose batches are used up, to be filled by the next call.
  private var used: [Int]
  private var join: InterfaceJoin

  public init(_ sources: [CaptureFileSource]) {
    self.sources = sources
    batches = sources.map { _ in FrameBatch() }
    taken = sources.map { _ in 0 }
    used = Array(sources.indices)
    join = InterfaceJoin(sourceCount: sources.count)
    for (index, source) in sources.enumerated() { join.update(index, source.interfaces) }
  }

  public var interfaces: [CaptureInterface] { join.interfaces }
  public var progress: (consumed: UInt64, total: UInt64?) { CaptureFileSource.progress(of: sources) }

  /// Throws nothing: damage goes to `failures`.
  public func fill(_ batch: FrameBatch) throws(CaptureError) -> Bool {
    batch.removeAll()
    for source in used { refill(source) }
    used.removeAll(keepingCapacity: true)
    var count = 0
    while count < FrameBatch.capacity, let head = heads.first, used.isEmpty {
      unsafe count += take(head.source, batch.frames + count, room: FrameBatch.capacity - count)
    }
    batch.setCount(count)
    return count > 0
  }

  private func refill(_ source: Int) {
    let batch = batches[source]
    do {
      guard try sources[source].fill(batch) else { return }
    } catch {
      failures.append(error)
      return
    }
    join.update(source, sources[source].interfaces)
    unsafe join.rewrite(source, UnsafeMutableBufferPointer(start: batch.frames, count: batch.count))
    taken[source] = 0
    heads.append(Head(time: unsafe batch.frames[0].time, source: source))
    raiseLast()
  }

  /// Takes frames of the due source until another one is due, its batch is used up, or there is no more room.
  ///
  /// - Returns: how many; at least one.
  private func take(_ source: Int, _ output: UnsafeMutablePointer<Frame>, room: Int) -> Int {
    let batch = batches[source]
    let first = taken[source]
    let end = min(batch.count, first + room)
    let rival = rival
    var next = first
    repeat {
      unsafe output[next - first] = unsafe batch.frames[next]
      next += 1
    } while unsafe next < end && Head(time: batch.frames[next].time, source: source).precedes(rival)
    taken[source] = next
    if next < batch.count {
      heads[0].time = unsafe batch.frames[next].time
    } else {
      used.append(source)
      heads.swapAt(0, heads.count - 1)
      heads.removeLast()
    }
    sinkFirst()
    return next - first
  }

  // MARK: The heap

  /// The one that is due next after the first; beyond every other when there is none.
  private var rival: Head {
    let none = Head(time: .max, source: .max)
    let left = heads.count > 1 ? heads[1] : none
    let right = heads.count > 2 ? heads[2] : none
    return left.precedes(right) ? left : right
  }

  private func raiseLast() {
    var index = heads.count - 1
    while index > 0, heads[index].precedes(heads[(index - 1) / 2]) {
      heads.swapAt(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
  }

  private func sinkFirst() {
    var index = 0
    while true {
      var least = index
      for child in 2 * index + 1...2 * index + 2 where child < heads.count && heads[child].precedes(heads[least]) {
        least = child
      }
      guard least != index else { return }
      heads.swapAt(index, least)
      index = least
    }
  }
}
