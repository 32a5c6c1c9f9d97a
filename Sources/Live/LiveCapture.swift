internal import Wire

/// The capture of one interface, which may come and go.
final class LiveCapture {
  let place: InterfacePlace
  /// By name: a reload may number VPCs otherwise.
  let vpc: String
  let linkType: LinkType
  /// One for each worker.
  let lanes: [RingLane]
  /// The kernel's number of the interface that it is open on.
  var index: Int32 = 0
  /// When it was asked last.
  var mtu = 0

  init(_ place: InterfacePlace, vpc: String, linkType: LinkType, lanes: [RingLane]) {
    self.place = place
    self.vpc = vpc
    self.linkType = linkType
    self.lanes = lanes
  }

  var isOpen: Bool { lanes[0].ring != nil }

  /// The interface is still there; one of its sockets says it for all.
  var isBound: Bool { lanes[0].ring?.isBound ?? false }

  func setFilter(_ filter: [BPFInstruction]) throws(LiveError) {
    for lane in lanes { try lane.ring?.setFilter(filter) }
  }

  var isHostEnd: Bool {
    get { lanes[0].isHostEnd }
    set { for lane in lanes { lane.isHostEnd = newValue } }
  }

  func close() { for lane in lanes { lane.close() } }

  var counts: LiveReport.Interface.Counts {
    for lane in lanes { lane.settle() }
    return lanes.dropFirst().reduce(lanes[0].counts) { $0 + $1.counts }
  }
}
