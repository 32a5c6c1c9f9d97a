internal import CLiveShims
import Wire

/// The ring of one interface's packet socket.
///
/// Safe because: the `lv_ring` has one owner and stays where it is; what `next` hands out points into blocks that only
/// `release` gives back.
@safe final class CaptureRing {
  private let ring: UnsafeMutablePointer<lv_ring>

  /// One block holds the longest frame there is, with room to spare.
  static let blockSize: UInt32 = 256 << 10

  init(
    _ name: String, interface: Int32, options: CaptureOptions, filter: [BPFInstruction]
  ) throws(LiveError) {
    unsafe ring = .allocate(capacity: 1)
    unsafe ring.initialize(to: lv_ring())
    var fault = lv_fault()
    let blocks = UInt32(max(4, options.ringByteCount / Int(Self.blockSize)))
    let filter = filter.map(lv_instruction.init)
    guard
      unsafe lv_ring_open(
        ring, interface, Self.blockSize, blocks, UInt32(options.blockMilliseconds), filter, filter.count, &fault)
    else { throw LiveError("capturing on interface \(name)", fault) }
  }

  deinit {
    unsafe lv_ring_close(ring)
    unsafe ring.deallocate()
  }

  /// Shares the interface's frames with the rings that joined before it.
  ///
  /// - Parameter group: of those; nil: this is the first.
  func join(_ group: inout Int32?) throws(LiveError) {
    var fault = lv_fault()
    var number = group ?? -1
    guard unsafe lv_ring_join(ring, &number, &fault) else { throw LiveError("sharing frames among workers", fault) }
    group = number
  }

  var descriptor: Int32 { unsafe ring.pointee.descriptor }

  @inline(__always)
  func next(_ frame: inout lv_frame) -> Bool { unsafe lv_ring_next(ring, &frame) }

  /// What `next` handed out of blocks read to the end is gone.
  func release() { unsafe lv_ring_release(ring) }

  func setFilter(_ filter: [BPFInstruction]) throws(LiveError) {
    var fault = lv_fault()
    let filter = filter.map(lv_instruction.init)
    guard unsafe lv_ring_filter(ring, filter, filter.count, &fault) else { throw LiveError("filtering", fault) }
  }

  /// Frames that met the filter and those of them that found no room, since the last call.
  func count() -> (met: UInt64, lost: UInt64) {
    var met: UInt64 = 0
    var lost: UInt64 = 0
    _ = unsafe lv_ring_count(ring, &met, &lost)
    return (met, lost)
  }

  /// The interface is still there.
  var isBound: Bool { unsafe lv_ring_is_bound(ring) }
}

extension lv_instruction {
  fileprivate init(_ instruction: BPFInstruction) {
    self.init(
      code: instruction.code, jump_true: instruction.jumpTrue, jump_false: instruction.jumpFalse, k: instruction.k)
  }
}

extension OffloadNotes {
  @inline(__always)
  init(_ frame: lv_frame) {
    self.init(
      segmentation: Segmentation(rawValue: frame.segmentation) ?? .other, segmentSize: Int(frame.segment_size),
      needsChecksum: frame.needs_checksum, checksumStart: Int(frame.checksum_start),
      checksumOffset: Int(frame.checksum_offset))
  }
}
