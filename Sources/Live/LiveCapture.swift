internal import CLiveShims
internal import DataPath
internal import Wire

/// The capture of one interface, which may come and go.
final class LiveCapture {
  let place: InterfacePlace
  /// Index into the source's `interfaces`.
  let number: UInt32
  let vpc: Int
  let linkType: LinkType
  let isLoopback: Bool
  let isHostEnd: Bool
  var ring: CaptureRing?
  /// When it was asked last.
  var mtu: Int
  var counts = LiveReport.Interface.Counts()

  init(_ place: InterfacePlace, number: UInt32, vpc: Int, _ interface: lv_interface, linkType: LinkType) {
    self.place = place
    self.number = number
    self.vpc = vpc
    self.linkType = linkType
    mtu = Int(interface.mtu)
    isLoopback = interface.isLoopback
    isHostEnd = place.isHostEnd
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
