public import DataPath
import Wire

// Another plan while the files are being written: a receiver that is in both goes on in its file, where nothing shows that
// the plan changed.
extension CaptureFileSink {
  public func adopt(_ plan: SinkPlan) throws(CaptureError) {
    try check()
    precondition(plan.routes.count < 1 << 24 && plan.origins.count < 1 << 24)
    let fileOfRoute = try files.open(plan.routes, in: folder)
    buffers.add(Array(files.all[headings.count...]))
    headings += files.all[headings.count...].map { _ in FileHeading() }
    let origins = Self.positions(plan.origins.map(\.name))
    let old = self.plan.origins.map { origins[$0.name] }
    for file in headings.indices { headings[file].renumber(old) }
    sequences = carried(to: plan, old)
    channels.removeAll()
    self.fileOfRoute = fileOfRoute
    self.plan = plan
    packetOptions = PacketOptions(plan.routes.map(\.mirrorName))
    receiverMACs = Self.receiverMACs(plan)
  }

  /// Numbers of packets that channels go on from: of the same mirror, receiver, ENI and link type.
  private func carried(to plan: SinkPlan, _ origins: [Int?]) -> [UInt64: UInt32] {
    let routes = Self.positions(plan.routes.map(RouteName.init))
    let old = self.plan.routes.map { routes[RouteName($0)] }
    var carried: [UInt64: UInt32] = [:]
    func carry(_ key: UInt64, _ sequence: UInt32) {
      guard sequence > 0, let route = old[Int(key >> 40)], let origin = origins[Int(key >> 16 & 0xff_ffff)] else {
        return
      }
      let linkType = UInt16(truncatingIfNeeded: key)
      carried[CopyChannels.key(route: UInt32(route), origin: UInt32(origin), linkType: linkType)] = sequence
    }
    for (key, sequence) in sequences { carry(key, sequence) }
    for channel in channels.all { carry(channel.key, channel.sequence) }
    return carried
  }

  /// What makes a route the same in two plans.
  private struct RouteName: Hashable {
    var mirror: String
    var vpc: String
    var receiver: IPAddress

    init(_ route: SinkPlan.Route) {
      mirror = route.mirrorName
      vpc = route.vpc
      receiver = route.receiver
    }
  }

  private static func positions<Name: Hashable>(_ names: [Name]) -> [Name: Int] {
    Dictionary(names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
  }
}

extension FileHeading {
  /// - Parameter origins: for each origin of the old plan its position in the new one; nil: it is gone.
  fileprivate mutating func renumber(_ origins: [Int?]) {
    var renumbered: [Interface: UInt32] = [:]
    for (interface, number) in interfaces {
      guard let origin = origins[Int(interface.origin)] else { continue }
      renumbered[Interface(origin: UInt32(origin), linkType: interface.linkType)] = number
    }
    interfaces = renumbered
  }
}
