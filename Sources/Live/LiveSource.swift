// The way of a frame: the kernel's filter -> a block of the ring -> its VLAN tag put back (ring.c) -> a super-frame cut into
// segments, a missing checksum put in -> the batch. A batch points into blocks and `segments`; both are given back when
// the next is filled.

internal import CLiveShims
public import DataPath
internal import Glibc
public import Mirroring
internal import Wire

/// Frames of interfaces.
public final class LiveSource: FrameSource {
  public typealias Failure = LiveError

  public private(set) var interfaces: [CaptureInterface] = []
  public var progress: (consumed: UInt64, total: UInt64?) { (consumed: consumed, total: nil) }

  let options: CaptureOptions
  let compiler: any BPFCompiler
  /// All that were ever open; by number.
  var captures: [LiveCapture] = []
  /// What is to be captured, by name: interfaces of ENIs.
  var wanted: [(place: InterfacePlace, vpc: Int)] = []
  var plan: MirrorPlan
  /// Sockets that hear of interfaces, one for each namespace.
  var watches: [String?: Int32] = [:]
  /// Interfaces whose trouble was told; it is told once.
  var troubled: Set<String> = []
  let tell: (LiveError) -> Void
  /// A descriptor that ends the waiting for frames when it is readable; -1: none.
  public var wake: Int32 = -1

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
    var capture: Int
  }

  /// Opens a capture for every interface of this host that an ENI of the plan's inventory is bound to.
  ///
  /// - Parameter tell: what goes wrong with single interfaces later on.
  public init(
    _ plan: MirrorPlan, options: CaptureOptions, compiler: any BPFCompiler, tell: @escaping (LiveError) -> Void
  ) throws(LiveError) {
    self.plan = plan
    self.options = options
    self.compiler = compiler
    self.tell = tell
    want(plan)
    for item in wanted { try open(item.place, vpc: item.vpc) }
  }

  deinit { for descriptor in watches.values { close(descriptor) } }

  /// Interfaces that are captured now.
  public var openCount: Int { captures.count { $0.ring != nil } }

  // MARK: Batches

  /// The next frames; none if none came for a while. False once all is read after `stop`.
  public func fill(_ batch: FrameBatch) -> Bool {
    if let end, ContinuousClock.now > end + .seconds(2) {
      // A filter could not be set, and frames still arrive.
      for capture in captures { capture.close() }
      return false
    }
    // What is left of a super-frame lies in a block still.
    for (index, capture) in captures.enumerated() where pending?.capture != index { capture.ring?.release() }
    segments.removeAll()
    take(batch)
    if batch.count == 0 {
      if let end, ContinuousClock.now > end { return false }
      wait()
      take(batch)
    }
    return true
  }

  /// No frame arrives any more; those that wait are read.
  public func stop() {
    for capture in captures { try? capture.ring?.setFilter(KernelFilter.nothing) }
    wanted = []
    end = ContinuousClock.now + .milliseconds(2 * options.blockMilliseconds + 20)
  }

  private func wait() {
    // A negative one is left out (poll(2)).
    let descriptors = captures.compactMap { $0.ring?.descriptor } + watches.values + [wake]
    let limit = end == nil ? 100 : Int32(options.blockMilliseconds)
    let start = ContinuousClock.now
    unsafe lv_wait(descriptors, descriptors.count, limit)
    // Woken early: by frames, or by an interface that came or went.
    if ContinuousClock.now - start < .milliseconds(Int64(limit)) { lookAfterInterfaces() }
  }

  private func take(_ batch: FrameBatch) {
    var count = 0
    cut(batch, &count)
    let start = first
    for turn in captures.indices where count < FrameBatch.capacity && pending == nil {
      read((start + turn) % captures.count, batch, &count)
    }
    first = captures.isEmpty ? 0 : (start + 1) % captures.count
    batch.setCount(count)
  }

  // MARK: Frames

  private func read(_ index: Int, _ batch: FrameBatch, _ count: inout Int) {
    let capture = captures[index]
    guard let ring = capture.ring else { return }
    var frame = lv_frame()
    while count < FrameBatch.capacity, pending == nil, ring.next(&frame) {
      capture.counts.read += 1
      consumed += UInt64(frame.original)
      if frame.is_tagged { capture.counts.tags += 1 }
      if capture.isLoopback, frame.is_outgoing {
        capture.counts.echoed += 1
      } else if frame.segmentation != UInt8(LV_WHOLE), begin(frame, index) {
        cut(batch, &count)
      } else {
        if frame.needs_checksum { complete(frame, capture) }
        unsafe append(
          frame.bytes, captured: Int(frame.captured), original: Int(frame.original), frame.time,
          capture.direction(frame), capture, batch, &count)
      }
    }
  }

  /// - Returns: false when the frame cannot be cut.
  private func begin(_ frame: lv_frame, _ index: Int) -> Bool {
    let capture = captures[index]
    guard
      let superFrame = unsafe SuperFrame(
        frame.bytes, captured: Int(frame.captured), original: Int(frame.original),
        decoder: capture.linkType.decoder ?? .none, notes: OffloadNotes(frame))
    else {
      capture.counts.uncut += 1
      return false
    }
    capture.counts.superFrames += 1
    pending = Cut(superFrame: superFrame, time: frame.time, direction: capture.direction(frame), capture: index)
    return true
  }

  /// Goes on with the super-frame at hand, as far as the batch has room.
  private func cut(_ batch: FrameBatch, _ count: inout Int) {
    guard var cut = pending else { return }
    let capture = captures[cut.capture]
    while count < FrameBatch.capacity, cut.next < cut.superFrame.segmentCount {
      let length = cut.superFrame.length(of: cut.next)
      guard let room = unsafe segments.take(length) else { break }
      let known = unsafe cut.superFrame.emit(cut.next, to: room)
      unsafe append(
        room, captured: known, original: length, cut.time, cut.direction, capture, batch, &count)
      capture.counts.segments += 1
      cut.next += 1
    }
    pending = cut.next < cut.superFrame.segmentCount ? cut : nil
  }

  private func complete(_ frame: lv_frame, _ capture: LiveCapture) {
    let isDone = unsafe OffloadNotes(frame).completeChecksum(
      frame.bytes, captured: Int(frame.captured), original: Int(frame.original))
    if isDone { capture.counts.checksums += 1 } else { capture.counts.uncheckedsums += 1 }
  }

  @inline(__always)
  private func append(
    _ bytes: UnsafeMutableRawPointer, captured: Int, original: Int, _ time: Int64, _ direction: CaptureDirection,
    _ capture: LiveCapture, _ batch: FrameBatch, _ count: inout Int
  ) {
    unsafe (batch.frames + count).initialize(
      to: Frame(
        bytes: UnsafeRawPointer(bytes), time: time, captured: UInt32(min(captured, options.snapLength)),
        original: UInt32(original), interface: capture.number, direction: direction))
    count += 1
  }

  // MARK: Interfaces

  /// Adds an interface that was not captured before.
  func add(_ place: InterfacePlace, vpc: Int, _ interface: lv_interface, _ linkType: LinkType) -> LiveCapture {
    let capture = LiveCapture(
      place, number: UInt32(interfaces.count), vpc: vpc, interface, linkType: linkType)
    interfaces.append(CaptureInterface(linkType: linkType, name: place.name, origin: place.name))
    captures.append(capture)
    return capture
  }

  /// What was counted so far.
  public func report() -> [LiveReport.Interface] {
    captures.map { capture in
      capture.settle()
      return LiveReport.Interface(name: capture.place.name, isOpen: capture.ring != nil, counts: capture.counts)
    }
  }
}
