import DataPath
import Mirroring
import Wire

/// What a file says in front of its packets.
struct FileHeading {
  /// One interface of a pcapng file: an ENI, seen through one kind of link.
  struct Interface: Hashable {
    var origin: UInt32
    var linkType: LinkType
  }

  /// pcap: the link type of all packets, nil while there is none.
  var linkType: LinkType?
  var interfaces: [Interface: UInt32] = [:]
  /// Described so far; some may have left the plan.
  var interfaceCount: UInt32 = 0
  var isBegun: Bool { linkType != nil }
}

/// The options behind each packet of a pcapng file, for each route, in memory that stays where it is.
@safe final class PacketOptions {
  private let bytes: UnsafeMutableRawPointer
  private let ranges: [Range<Int>]

  init(_ mirrorNames: [String]) {
    var all: [UInt8] = []
    var ranges: [Range<Int>] = []
    for name in mirrorNames {
      let start = all.count
      all += PcapngOption.emitPacketOptions(comment: name)
      ranges.append(start..<all.count)
    }
    self.ranges = ranges
    unsafe bytes = .allocate(byteCount: max(1, all.count), alignment: 4)
    unsafe bytes.copyMemory(from: all, byteCount: all.count)
  }

  deinit { unsafe bytes.deallocate() }

  subscript(route: Int) -> UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: bytes + ranges[route].lowerBound, count: ranges[route].count)
  }
}

extension CaptureFileSink {
  /// The index of a new channel; called at the first copy of a mirror to a receiver from an ENI.
  ///
  /// - Throws: `mixedLinkTypes`, and when its heading cannot be written.
  @inline(never)
  func makeChannel(_ copy: Copy, _ frameLinkType: LinkType) throws(CaptureError) -> Int {
    let file = fileOfRoute[Int(copy.route)]
    let linkType = options.content == .inner ? frameLinkType : .ethernet
    try begin(file, linkType)
    let interface = options.format == .pcapng ? try describe(file, copy.origin, linkType) : 0
    let decoder = frameLinkType.decoder ?? .none
    let template = makeTemplate(copy, isDressed: decoder != .ethernet)
    let packetOptions = unsafe packetOptions[Int(copy.route)]
    let header = UInt32(options.content == .inner ? 0 : template.layout.byteCount)
    let isWrapped = options.content == .encapsulated && template.layout.method != nil
    let key = CopyChannels.key(route: copy.route, origin: copy.origin, linkType: frameLinkType.rawValue)
    var channel = unsafe CopyChannel(
      key: key, file: file,
      interface: interface, options: packetOptions.baseAddress!, optionsByteCount: packetOptions.count,
      maximumCaptured: PcapFileHeader.maximumCapturedLength - header,
      maximumOriginal: isWrapped ? UInt32(template.layout.maximumBodyLength) : .max, decoder: decoder,
      layout: template.layout)
    channel.sequence = sequences.removeValue(forKey: key) ?? 0
    return channels.insert(channel, template)
  }

  // MARK: Headings

  /// Writes the heading of a file that has none; a pcap file's says the link type of all its packets.
  private func begin(_ file: Int, _ linkType: LinkType) throws(CaptureError) {
    if let known = headings[file].linkType {
      guard options.format == .pcapng || known == linkType else {
        throw .mixedLinkTypes(path: files.all[file].path, file: known, frame: linkType)
      }
      return
    }
    headings[file].linkType = linkType
    let heading =
      options.format == .pcap
      ? PcapFileHeader(isNanosecond: true, linkType: linkType).emit()
      : PcapngSectionHeader.emit(application: "Moontap")
    try buffers.append(heading, to: file)
  }

  /// A file without packets is a whole capture too; libpcap wants an interface in it.
  func beginIfEmpty(_ file: Int) throws(CaptureError) {
    guard !headings[file].isBegun else { return }
    let linkType = options.content == .inner ? options.linkType : .ethernet
    try begin(file, linkType)
    guard options.format == .pcapng else { return }
    try buffers.append(
      PcapngInterface.emit(linkType: linkType, snapLength: PcapFileHeader.maximumCapturedLength, name: nil), to: file)
  }

  /// The number of an ENI's interface in a pcapng file; described in it the first time.
  private func describe(_ file: Int, _ origin: UInt32, _ linkType: LinkType) throws(CaptureError) -> UInt32 {
    let interface = FileHeading.Interface(origin: origin, linkType: linkType)
    if let number = headings[file].interfaces[interface] { return number }
    let number = headings[file].interfaceCount
    headings[file].interfaceCount += 1
    headings[file].interfaces[interface] = number
    let block = PcapngInterface.emit(
      linkType: linkType, snapLength: PcapFileHeader.maximumCapturedLength, name: plan.origins[Int(origin)].name)
    try buffers.append(block, to: file)
    return number
  }

  // MARK: Outer headers

  private func makeTemplate(_ copy: Copy, isDressed: Bool) -> EncapsulationTemplate {
    let route = plan.routes[Int(copy.route)]
    let origin = plan.origins[Int(copy.origin)]
    let ends = TunnelEnds(
      sourceMAC: origin.mac ?? .unknown, destinationMAC: receiverMACs[Int(copy.route)],
      source: route.receiver.family == .v4 ? origin.v4 : origin.v6, destination: route.receiver)
    return EncapsulationTemplate(
      method: TunnelMethod(route.encapsulation), ends: ends,
      inner: isDressed ? (destination: .unknown, source: origin.mac ?? .unknown) : nil, port: copy.origin)
  }

  /// For each route the MAC of its receiver: that of the one ENI with the address; unknown when none has it, or two of
  /// different VPCs.
  static func receiverMACs(_ plan: SinkPlan) -> [MACAddress] {
    let receivers = Set(plan.routes.map(\.receiver))
    var known: [IPAddress: Set<MACAddress>] = [:]
    for origin in plan.origins {
      guard let mac = origin.mac else { continue }
      for address in [origin.v4, origin.v6] {
        if let address, receivers.contains(address) { known[address, default: []].insert(mac) }
      }
    }
    return plan.routes.map { route in
      let macs = known[route.receiver] ?? []
      return macs.count == 1 ? macs.first! : .unknown
    }
  }
}

extension MACAddress {
  /// Where a link has no addresses, or nobody knows them: as on Linux's loopback.
  static let unknown = MACAddress(value: 0)
}

extension TunnelMethod {
  /// nil for `none`.
  init?(_ encapsulation: Encapsulation) {
    switch encapsulation.kind {
    case .vxlan: self = .vxlan(vni: encapsulation.vni, port: encapsulation.port)
    case .gre: self = .gre(key: encapsulation.vni)
    case .erspan2: self = .erspan2(session: UInt16(truncatingIfNeeded: encapsulation.vni & 0x3ff))
    case .none: return nil
    }
  }
}
