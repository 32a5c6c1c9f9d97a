internal import CLiveShims
internal import DataPath
internal import Wire

/// What one worker reads of one interface, which may come and go.
///
/// Not for two threads at a time: its worker has it, others while that one is held.
final class RingLane {
  /// Index into the readers' `interfaces`.
  let number: UInt32
  let linkType: LinkType
  let isLoopback: Bool
  /// Of the interface as it is now: it may become a bridge's port when it is captured already.
  var isHostEnd = false
  var ring: CaptureRing?
  var counts = LiveReport.Interface.Counts()

  init(number: UInt32, _ interface: lv_interface, linkType: LinkType) {
    self.number = number
    self.linkType = linkType
    isLoopback = interface.isLoopback
  }

  /// Which way a frame went, seen from the ENI.
  @inline(__always)
  func direction(_ frame: lv_frame) -> CaptureDirection {
    frame.is_outgoing != isHostEnd ? .outbound : .inbound
  }

  /// Adds what the kernel has counted.
  func settle() {
    guard let counted = ring?.count() else { return }
    counts.met += counted.met
    counts.lost += counted.lost
  }

  /// What waits in the ring goes with it, and is lost.
  func close() {
    settle()
    ring = nil
    counts.lost = max(counts.lost, counts.met &- min(counts.met, counts.read))
  }
}
