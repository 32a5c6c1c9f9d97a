// The way of a frame: the kernel's filter -> a block of the ring -> its VLAN tag put back (ring.c) -> a super-frame cut into
// segments, a missing checksum put in -> the batch. A batch points into blocks and `segments`; both are given back when
// the next is filled.

internal import CLiveShims
public import DataPath
internal import Glibc
internal import Wire

/// Frames of interfaces, as one worker gets them.
///
/// Not for two threads at a time: its worker has it; others while that one is held, between two batches.
public final class RingReader: FrameSource {
  public typealias Failure = LiveError

  public internal(set) var interfaces: [CaptureInterface] = []
  public var progress: (consumed: UInt64, total: UInt64?) { (consumed: consumed, total: nil) }
  /// Descriptors that end the waiting for frames when one of them is readable.
  public var bells: [Int32] = []
  /// The last waiting ended before its time: by frames, a bell, or an interface that came or went.
  public private(set) var wasWoken = false

  private let options: CaptureOptions
  /// By number of the interface.
  var lanes: [RingLane] = []
  /// Besides `bells`.
  var watches: [Int32] = []

  private let segments = SegmentMemory()
  private var pending: Cut?
  private var first = 0
  private var consumed: UInt64 = 0
  /// When the rings are taken to be empty after `stop`.
  private var end: ContinuousClock.Instant?

  /// A super-frame on its way into batches.
  private struct Cut {
    var superFrame: SuperFrame
    var next = 0
    var time: Int64
    var direction: CaptureDirection
    var lane: Int
    /// It lies in there, which may be closed meanwhile.
    let ring: CaptureRing
  }

  init(_ options: CaptureOptions) { self.options = options }

  // MARK: Batches

  /// The next frames; none if none came for a while. False once all is read after `stop`.
  public func fill(_ batch: FrameBatch) -> Bool {
    wasWoken = false
    if let end, ContinuousClock.now > end + .seconds(2) {
      // A filter could not be set, or there is more than can be judged. A super-frame that was begun is cut to its end.
      for lane in lanes { lane.close() }
      guard pending != nil else { return false }
    }
    // What is left of a super-frame lies in a block still.
    for lane in lanes where lane.ring !== pending?.ring { lane.ring?.release() }
    segments.removeAll()
    take(batch)
    if batch.count == 0 {
      if let end, ContinuousClock.now > end { return false }
      wait()
      take(batch)
    }
    return true
  }

  /// No frame arrives any more: those that wait are read, then it ends.
  func end(in milliseconds: Int) { end = ContinuousClock.now + .milliseconds(milliseconds) }

  private func wait() {
    let descriptors = lanes.compactMap { $0.ring?.descriptor } + watches + bells
    let limit = end == nil ? 100 : Int32(options.blockMilliseconds)
    let start = ContinuousClock.now
    unsafe lv_wait(descriptors, descriptors.count, limit)
    wasWoken = ContinuousClock.now - start < .milliseconds(Int64(limit))
  }

  private func take(_ batch: FrameBatch) {
    var count = 0
    cut(batch, &count)
    let start = first
    for turn in lanes.indices where count < FrameBatch.capacity && pending == nil {
      read((start + turn) % lanes.count, batch, &count)
    }
    first = lanes.isEmpty ? 0 : (start + 1) % lanes.count
    batch.setCount(count)
  }

  // MARK: Frames

  private func read(_ index: Int, _ batch: FrameBatch, _ count: inout Int) {
    let lane = lanes[index]
    guard let ring = lane.ring else { return }
    var frame = lv_frame()
    while count < FrameBatch.capacity, pending == nil, ring.next(&frame) {
      lane.counts.read += 1
      consumed += UInt64(frame.original)
      if frame.is_tagged { lane.counts.tags += 1 }
      if lane.isLoopback, frame.is_outgoing {
        lane.counts.echoed += 1
      } else if frame.segmentation != UInt8(LV_WHOLE), begin(frame, index, ring) {
        cut(batch, &count)
      } else {
        if frame.needs_checksum { complete(frame, lane) }
        unsafe append(
          frame.bytes, captured: Int(frame.captured), original: Int(frame.original), frame.time,
          lane.direction(frame), lane, batch, &count)
      }
    }
  }

  /// - Returns: false when the frame cannot be cut.
  private func begin(_ frame: lv_frame, _ index: Int, _ ring: CaptureRing) -> Bool {
    let lane = lanes[index]
    guard
      let superFrame = unsafe SuperFrame(
        frame.bytes, captured: Int(frame.captured), original: Int(frame.original),
        decoder: lane.linkType.decoder ?? .none, notes: OffloadNotes(frame))
    else {
      lane.counts.uncut += 1
      return false
    }
    lane.counts.superFrames += 1
    pending = Cut(superFrame: superFrame, time: frame.time, direction: lane.direction(frame), lane: index, ring: ring)
    return true
  }

  /// Goes on with the super-frame at hand, as far as the batch has room.
  private func cut(_ batch: FrameBatch, _ count: inout Int) {
    guard var cut = pending else { return }
    let lane = lanes[cut.lane]
    while count < FrameBatch.capacity, cut.next < cut.superFrame.segmentCount {
      let length = cut.superFrame.length(of: cut.next)
      guard let room = unsafe segments.take(length) else { break }
      let known = unsafe cut.superFrame.emit(cut.next, to: room)
      unsafe append(
        room, captured: known, original: length, cut.time, cut.direction, lane, batch, &count)
      lane.counts.segments += 1
      cut.next += 1
    }
    pending = cut.next < cut.superFrame.segmentCount ? cut : nil
  }

  private func complete(_ frame: lv_frame, _ lane: RingLane) {
    let isDone = unsafe OffloadNotes(frame).completeChecksum(
      frame.bytes, captured: Int(frame.captured), original: Int(frame.original))
    if isDone { lane.counts.checksums += 1 } else { lane.counts.uncheckedsums += 1 }
  }

  @inline(__always)
  private func append(
    _ bytes: UnsafeMutableRawPointer, captured: Int, original: Int, _ time: Int64, _ direction: CaptureDirection,
    _ lane: RingLane, _ batch: FrameBatch, _ count: inout Int
  ) {
    unsafe (batch.frames + count).initialize(
      to: Frame(
        bytes: UnsafeRawPointer(bytes), time: time, captured: UInt32(min(captured, options.snapLength)),
        original: UInt32(original), interface: lane.number, direction: direction))
    count += 1
  }
}
