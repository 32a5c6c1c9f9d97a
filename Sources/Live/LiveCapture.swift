internal import Wire

/// The capture of one interface, which may come and go.
final class LiveCapture {
  let place: InterfacePlace
  let vpc: Int
  let linkType: LinkType
  /// One for each worker.
  let lanes: [RingLane]
  /// When it was asked last.
  var mtu: Int

  init(_ place: InterfacePlace, vpc: Int, linkType: LinkType, mtu: Int, lanes: [RingLane]) {
    self.place = place
    self.vpc = vpc
    self.linkType = linkType
    self.mtu = mtu
    self.lanes = lanes
  }

  var isOpen: Bool { lanes[0].ring != nil }

  /// The interface is still there; one of its sockets says it for all.
  var isBound: Bool { lanes[0].ring?.isBound ?? false }

  func setFilter(_ filter: [BPFInstruction]) throws(LiveError) {
    for lane in lanes { try lane.ring?.setFilter(filter) }
  }

  func close() { for lane in lanes { lane.close() } }

  var counts: LiveReport.Interface.Counts {
    for lane in lanes { lane.settle() }
    return lanes.dropFirst().reduce(lanes[0].counts) { $0 + $1.counts }
  }
}
