internal import LuaRuntime
internal import Wire

extension APIEntry {
  static let makeEntries: [APIEntry] = [
    maker(
      "tcp", "flags (letters of tcpdump: S . F R P U E W), seq, window",
      #"packet.tcp { source = "10.0.0.1", source_port = 5000, destination = "10.0.0.2", destination_port = 443, flags = "S" }"#
    ),
    maker(
      "udp", "", #"packet.udp { source = "10.0.0.1", destination = "10.0.0.53", destination_port = 53, payload = "x" }"#
    ),
    maker("icmp", "type, code", #"packet.icmp { source = "10.0.0.1", destination = "10.0.0.2", type = 8 }"#),
    APIEntry(
      owner: .namespace("packet"), name: "from_hex",
      parameters: [
        APIParameter("digits", .string, "hexadecimal; blanks and line breaks are left out"),
        APIParameter("link", .string, #""ethernet" (default) or "raw": an IP packet"#, optional: true),
      ], returns: "packet", doc: "Makes a packet from the bytes of a frame, as packet:hex() gives them.",
      example: #"packet.from_hex("45000014...", "raw")"#, isDeclaration: true,
      binding: .function { context, call throws(HostFailure) in try context.makeFromHex(call) }),
  ]

  private static func maker(_ name: String, _ more: String, _ example: String) -> APIEntry {
    let keys = "source, destination, " + (name == "icmp" ? "" : "source_port, destination_port, ") + more
    return APIEntry(
      owner: .namespace("packet"), name: name,
      parameters: [
        APIParameter(
          "fields", .table,
          keys + (more.isEmpty ? "" : ", ") + "payload, ttl, dscp, vlan, source_mac, destination_mac, direction")
      ], returns: "packet",
      doc:
        "Makes a packet, checksums included, to try a policy's own functions on while it loads. With vlan or a MAC it is an Ethernet frame.",
      example: example, isDeclaration: true,
      binding: .function { context, call throws(HostFailure) in try context.make(name, call) })
  }
}

/// Reads the fields of a maker's table; the first that is wrong is refused by its name.
private struct MakerFields {
  let table: LuaTable

  func number<Number: FixedWidthInteger>(_ key: String, upTo limit: Number = .max, or other: Number) throws(HostFailure)
    -> Number
  {
    switch table[key] {
    case .nil: return other
    case .integer(let value) where value >= 0 && value <= Int64(limit): return Number(value)
    default: throw HostFailure(argument: 1, "\(key): a whole number from 0 to \(limit) expected")
    }
  }

  func text(_ key: String) throws(HostFailure) -> String? {
    switch table[key] {
    case .nil: return nil
    case .string(let text): return text
    default: throw HostFailure(argument: 1, "\(key): a string expected, got \(table[key].typeName)")
    }
  }

  func parsed<Value>(_ key: String, _ what: String, _ parse: (String) -> Value?) throws(HostFailure) -> Value? {
    guard let text = try text(key) else { return nil }
    guard let value = parse(text) else {
      throw HostFailure(argument: 1, "\(key): \(ValueSetBuilder.shown(Array(text.utf8))) is not \(what)")
    }
    return value
  }

  func address(_ key: String) throws(HostFailure) -> IPAddress {
    guard let address = try parsed(key, "an IP address", { IPAddress($0) }) else {
      throw HostFailure(argument: 1, "\(key): an IP address expected")
    }
    return address
  }
}

extension PolicyContext {
  private static let commonKeys = [
    "source", "destination", "payload", "ttl", "dscp", "vlan", "source_mac", "destination_mac", "direction",
  ]

  fileprivate func make(_ kind: String, _ call: HostCall) throws(HostFailure) {
    let table = call.table(0) ?? LuaTable()
    let own = kind == "icmp" ? ["type", "code"] : ["source_port", "destination_port"]
    try table.allow(Self.commonKeys + own + (kind == "tcp" ? ["flags", "seq", "window"] : []), argument: 1)
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
    builder.payload = Array((try fields.text("payload") ?? "").utf8)
    builder.link = try link(fields)
    try push(built(builder), builder.decoder, isOutbound: direction(fields), call)
  }

  private func link(_ fields: MakerFields) throws(HostFailure) -> PacketBuilder.Link {
    let source = try fields.parsed("source_mac", "a MAC address") { MACAddress($0) }
    let destination = try fields.parsed("destination_mac", "a MAC address") { MACAddress($0) }
    let vlan: UInt16? = fields.table["vlan"] == .nil ? nil : try fields.number("vlan", upTo: 4095, or: 0)
    guard source != nil || destination != nil || vlan != nil else { return .rawIP }
    return .ethernet(
      source: source ?? MACAddress(value: 0), destination: destination ?? MACAddress(value: 0), vlan: vlan)
  }

  private func direction(_ fields: MakerFields) throws(HostFailure) -> Bool? {
    try fields.parsed("direction", #""in" or "out""#) { $0 == "out" ? true : $0 == "in" ? false : nil }
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

  fileprivate func makeFromHex(_ call: HostCall) throws(HostFailure) {
    let link = call.string(1) ?? "ethernet"
    guard link == "ethernet" || link == "raw" else { throw HostFailure(argument: 2, #""ethernet" or "raw" expected"#) }
    let digits = Array((call.string(0) ?? "").utf8).filter { $0 != 0x20 && $0 != 0x0a && $0 != 0x0d && $0 != 0x09 }
    let values = digits.compactMap { hexadecimalDigit($0) }
    guard values.count == digits.count, values.count % 2 == 0, values.count <= 2 << 16 else {
      throw HostFailure(argument: 1, "an even number of hexadecimal digits, up to 65,536 bytes, expected")
    }
    let bytes = stride(from: 0, to: values.count, by: 2).map { values[$0] << 4 | values[$0 + 1] }
    try push(bytes, link == "raw" ? .rawIP : .ethernet, isOutbound: nil, call)
  }

  private func push(_ bytes: [UInt8], _ decoder: LinkDecoder, isOutbound: Bool?, _ call: HostCall) throws(HostFailure) {
    try reserve(madePackets.count, limit: Limit.madePackets, "made packets")
    let packet = MadePacket(bytes, decoder: decoder, time: clock, number: madePackets.count, isOutbound: isOutbound)
    madePackets.append(packet)
    unsafe call.push(record: types.record(.packet), at: UnsafeRawPointer(packet.record), pinned: true)
  }
}
