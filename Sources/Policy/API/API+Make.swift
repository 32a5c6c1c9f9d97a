internal import Inventory
internal import JSONText
internal import LuaRuntime
internal import Wire

extension APIEntry {
  static let makeEntries: [APIEntry] = [
    maker(
      "tcp", "flags (letters of tcpdump: S . F R P U E W), seq, window",
      #"packet.tcp { source = "10.20.1.11", source_port = 5000, destination = "192.0.2.7", destination_port = 443, flags = "S" }"#
    ),
    maker(
      "udp", "",
      #"packet.udp { source = "10.20.1.11", destination = "192.0.2.53", destination_port = 53, direction = "out" }"#
    ),
    maker(
      "icmp", "type, code", #"packet.icmp { source = "10.20.1.11", destination = "192.0.2.7", type = 8, code = 0 }"#),
    APIEntry(
      owner: .namespace("packet"), name: "from_hex",
      parameters: [
        APIParameter("digits", .string, "hexadecimal; blanks and line breaks are left out"),
        APIParameter("link", .string, #""ethernet" (default) or "raw": an IP packet"#, optional: true),
        observation,
      ], returns: "packet", doc: "Makes a packet from the bytes of a frame, as packet:hex() gives them.",
      example: #"packet.from_hex("45000014 00004000 40060000 0a14010b c0000207", "raw", { direction = "out" })"#,
      isDeclaration: true, inTests: .too,
      binding: .function { context, call throws(HostFailure) in try context.makeFromHex(call) }),
    APIEntry(
      owner: .namespace("packet"), name: "from_capture",
      parameters: [
        APIParameter("file", .string, "a capture in the policy's own folder, or in one of --lib"),
        APIParameter("frame", .integer, "its number, from 1"), observation,
      ], returns: "packet", doc: "Takes a packet out of a capture, with its time.",
      example: #"packet.from_capture("web.pcap", 12)"#, isDeclaration: true, inTests: .only,
      binding: .function { context, call throws(HostFailure) in try context.makeFromCapture(call) }),
  ]

  private static let observation = APIParameter(
    "seen", .table, #"eni, direction ("in" or "out"), time (seconds since 1970)"#, optional: true)

  private static func maker(_ name: String, _ more: String, _ example: String) -> APIEntry {
    let keys = "source, destination, " + (name == "icmp" ? "" : "source_port, destination_port, ") + more
    return APIEntry(
      owner: .namespace("packet"), name: name,
      parameters: [
        APIParameter(
          "fields", .table,
          keys + (more.isEmpty ? "" : ", ")
            + "payload, ttl, dscp, vlan, source_mac, destination_mac, eni, direction, time")
      ], returns: "packet",
      doc: "Makes a packet, checksums included, to try a policy's own functions on while it loads, and in tests. "
        + "With vlan or a MAC it is an Ethernet frame. Without direction or eni it is seen at both of its ends.",
      example: example, isDeclaration: true, inTests: .too,
      binding: .function { context, call throws(HostFailure) in try context.make(name, call) })
  }
}

extension PolicyContext {
  private static let commonKeys = [
    "source", "destination", "payload", "ttl", "dscp", "vlan", "source_mac", "destination_mac",
  ]
  private static let observationKeys = ["eni", "direction", "time"]

  fileprivate func make(_ kind: String, _ call: HostCall) throws(HostFailure) {
    let table = call.table(0) ?? LuaTable()
    let own = kind == "icmp" ? ["type", "code"] : ["source_port", "destination_port"]
    let keys = Self.commonKeys + Self.observationKeys + own + (kind == "tcp" ? ["flags", "seq", "window"] : [])
    try table.allow(keys, argument: 1)
    let fields = MakerFields(table: table)
    let source = try fields.address("source")
    let number: IPProtocol = kind == "tcp" ? .tcp : kind == "udp" ? .udp : source.family == .v4 ? .icmp : .icmpv6
    var builder = PacketBuilder(protocol: number, source: source, destination: try fields.address("destination"))
    builder.sourcePort = try fields.number("source_port", or: 0)
    builder.destinationPort = try fields.number("destination_port", or: 0)
    builder.ttl = try fields.number("ttl", or: 64)
    builder.dscp = try fields.number("dscp", upTo: 63, or: 0)
    builder.sequence = try fields.number("seq", or: 0)
    builder.window = try fields.number("window", or: 65535)
    builder.icmpType = try fields.number("type", or: number == .icmpv6 ? 128 : 8)
    builder.icmpCode = try fields.number("code", or: 0)
    builder.tcpFlags =
      try fields.parsed("flags", "made of the letters S . F R P U E W") { PacketBuilder.tcpFlags($0) } ?? 0x10
    builder.payload = try fields.bytes("payload")
    var frame = MadeFrame([], linkType: .raw)
    try observe(&frame, fields, source: source, destination: builder.destination)
    builder.link = try link(fields, frame)
    frame.linkType = builder.link == .rawIP ? .raw : .ethernet
    frame.bytes = try built(builder)
    frame.original = frame.bytes.count
    try push(frame, call)
  }

  // MARK: Where it is seen

  /// An ENI that is named says where; so does a direction, if one ENI holds the address at that end.
  private func observe(
    _ frame: inout MadeFrame, _ fields: MakerFields, source: IPAddress?, destination: IPAddress?
  ) throws(HostFailure) {
    frame.time = try fields.time("time") ?? frame.time
    frame.isOutbound = try fields.parsed("direction", #""in" or "out""#) {
      $0 == "out" ? true : $0 == "in" ? false : nil
    }
    if let id = try fields.text("eni") {
      let eni = try eni(id, argument: fields.argument)
      let isSender = source.map { inventory.enis[eni].addresses.contains($0) } ?? false
      (frame.eni, frame.isOutbound) = (eni, frame.isOutbound ?? isSender)
    } else if let isOutbound = frame.isOutbound, let address = isOutbound ? source : destination {
      let holders = inventory.enis.indices.filter { inventory.enis[$0].addresses.contains(address) }
      if holders.count == 1 { frame.eni = holders[0] }
    }
  }

  private func eni(_ id: String, argument: Int) throws(HostFailure) -> ENIIndex {
    let found = inventory.enis(id: id)
    if found.count == 1 { return found[0] }
    let near = Spelling.nearest(to: id, among: inventory.enis.map(\.id)).map { ": did you mean \($0)?" } ?? ""
    throw HostFailure(
      argument: argument,
      "eni: \(found.isEmpty ? "no" : "more than one") ENI \(ValueSetBuilder.shown(Array(id.utf8))) in the inventory"
        + near)
  }

  /// At an ENI that is named a frame has its MAC, which is how a capture there tells the direction.
  private func link(_ fields: MakerFields, _ frame: MadeFrame) throws(HostFailure) -> PacketBuilder.Link {
    let own = fields.table["eni"] == .nil ? nil : frame.eni.flatMap { inventory.enis[$0].mac }
    let isOutbound = frame.isOutbound ?? false
    let source =
      try fields.parsed("source_mac", "a MAC address") { MACAddress($0) } ?? (isOutbound ? own : nil)
    let destination =
      try fields.parsed("destination_mac", "a MAC address") { MACAddress($0) } ?? (isOutbound ? nil : own)
    let vlan: UInt16? = fields.table["vlan"] == .nil ? nil : try fields.number("vlan", upTo: 4095, or: 0)
    guard source != nil || destination != nil || vlan != nil else { return .rawIP }
    return .ethernet(
      source: source ?? MACAddress(value: 0), destination: destination ?? MACAddress(value: 0), vlan: vlan)
  }

  private func built(_ builder: PacketBuilder) throws(HostFailure) -> [UInt8] {
    do throws(PacketBuilder.Failure) {
      return try builder.build()
    } catch {
      switch error {
      case .families: throw HostFailure(argument: 1, "source and destination are not of one IP version")
      case .payloadTooLong(let limit): throw HostFailure(argument: 1, "payload: at most \(limit) bytes fit")
      }
    }
  }

  // MARK: Bytes that exist

  fileprivate func makeFromHex(_ call: HostCall) throws(HostFailure) {
    let link = call.string(1) ?? "ethernet"
    guard link == "ethernet" || link == "raw" else { throw HostFailure(argument: 2, #""ethernet" or "raw" expected"#) }
    let digits = Array((call.string(0) ?? "").utf8).filter { $0 != 0x20 && $0 != 0x0a && $0 != 0x0d && $0 != 0x09 }
    let values = digits.compactMap { hexadecimalDigit($0) }
    guard values.count == digits.count, values.count % 2 == 0, values.count <= 2 << 16 else {
      throw HostFailure(argument: 1, "an even number of hexadecimal digits, up to 65,536 bytes, expected")
    }
    let bytes = stride(from: 0, to: values.count, by: 2).map { values[$0] << 4 | values[$0 + 1] }
    try push(MadeFrame(bytes, linkType: link == "raw" ? .raw : .ethernet), seen: call.table(2), argument: 3, call)
  }

  fileprivate func makeFromCapture(_ call: HostCall) throws(HostFailure) {
    let path = call.string(0) ?? ""
    guard let number = call.integer(1), number >= 1, number <= 1_000_000 else {
      throw HostFailure(argument: 2, "the number of a frame, from 1 to 1,000,000, expected")
    }
    guard let read = options.readFrame else { throw HostFailure("captures cannot be read here") }
    let descriptor = try open(capture: path)
    let frame: MadeFrame
    do throws(CaptureRefusal) {
      frame = try read(descriptor, path, Int(number))
    } catch {
      throw HostFailure(argument: 1, error.reason)
    }
    call.charge(Int(number) * 8 + frame.bytes.count / 16)
    try push(frame, seen: call.table(2), argument: 3, call)
  }

  /// The policy's own folder first, then the libraries; the first reason is the one that is told.
  func open(capture path: String, argument: Int = 1) throws(HostFailure) -> Int32 {
    var reason: String?
    for folder in [folder] + options.libraries {
      do throws(PolicyFile.Failure) {
        return try PolicyFile.open(path, inside: folder, limit: PolicyFile.captureLimit)
      } catch {
        reason = reason ?? error.reason
      }
    }
    throw HostFailure(argument: argument, "\(ValueSetBuilder.shown(Array(path.utf8))) \(reason ?? "is not there")")
  }

  private func push(_ frame: MadeFrame, seen: LuaTable?, argument: Int, _ call: HostCall) throws(HostFailure) {
    var frame = frame
    if let seen {
      try seen.allow(Self.observationKeys, argument: argument)
      let summary = frame.summary(frame.linkType.decoder ?? .none)
      let fields = MakerFields(table: seen, argument: argument)
      try observe(&frame, fields, source: summary.source, destination: summary.destination)
    }
    try push(frame, call)
  }

  private func push(_ frame: MadeFrame, _ call: HostCall) throws(HostFailure) {
    try reserve(madePackets.count, limit: Limit.madePackets, "made packets")
    let packet = MadePacket(frame, in: inventory, clock: clock, number: madePackets.count)
    madePackets.append(packet)
    unsafe call.push(record: types.record(.packet), at: UnsafeRawPointer(packet.record), pinned: true)
  }
}
