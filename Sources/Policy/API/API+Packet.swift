internal import Inventory
internal import LuaRuntime
internal import Mirroring
internal import Wire

extension APIEntry {
  static let packetEntries: [APIEntry] = [
    field(
      "eni", "string?", "The network interface where it is observed, by id; an unlisted one by its address.",
      #"packet.eni == "eni-web1""#,
      keys: [.eni], presence: .observation
    ) {
      context in
      unsafe .text { base, buffer in unsafe context.eniText(PacketRecord.at(base), buffer) }
    },
    field(
      "direction", "string?", #""out" leaves the network interface, "in" enters it."#, #"packet.direction == "out""#,
      keys: [.direction], presence: .observation
    ) { _ in
      .named(offset: PacketRecord.offset(\.isOutbound), names: [0: "in", 1: "out"])
    },
    field("time", "number", "When it was captured, in seconds since 1970.", "math.floor(packet.time) % 60 < 10") { _ in
      .double(offset: PacketRecord.offset(\.time))
    },
    field("length", "integer", "Bytes of the frame on the wire.", "packet.length > 1000") { _ in
      .unsigned32(offset: PacketRecord.offset(\.length))
    },
    field(
      "captured_length", "integer", "Bytes of the frame that were captured.", "packet.captured_length < packet.length"
    ) { _ in
      .unsigned32(offset: PacketRecord.offset(\.capturedLength))
    },
    field(
      "source_mac", "string?", "As 02:00:0a:14:01:0b.", #"packet.source_mac == "02:00:0a:14:01:0b""#,
      keys: [.sourceMAC], presence: .sourceMAC
    ) { _ in
      unsafe .text { base, buffer in
        unsafe buffer.fill(MACAddress(value: PacketRecord.at(base).pointee.observed.pointee.summary.sourceMAC))
      }
    },
    field(
      "destination_mac", "string?", "As 02:00:0a:14:01:0b.", #"packet.destination_mac == "ff:ff:ff:ff:ff:ff""#,
      keys: [.destinationMAC], presence: .destinationMAC
    ) { _ in
      unsafe .text { base, buffer in
        unsafe buffer.fill(MACAddress(value: PacketRecord.at(base).pointee.observed.pointee.summary.destinationMAC))
      }
    },
    field("vlan", "integer?", "The id of the outermost VLAN tag.", "packet.vlan == 100", keys: [.vlan], presence: .vlan)
    { _ in
      .unsigned16(offset: PacketRecord.offset(\.vlan))
    },
    field(
      "ethertype", "integer?", "After all tags; 0x0800 is IPv4.", "packet.ethertype == 0x0806", keys: [.etherType],
      presence: .etherType
    ) { _ in
      .unsigned16(offset: PacketRecord.offset(\.etherType))
    },
    field(
      "ip_version", "integer?", "4 or 6; nil if it is not IP, or malformed.", "packet.ip_version == 6",
      keys: [.ipVersion], presence: .ip
    ) { _ in
      .unsigned8(offset: PacketRecord.offset(\.ipVersion))
    },
    field(
      "protocol", "string|integer|nil", #""tcp", "udp", "icmp", "icmpv6", ...; the number if it has no name here."#,
      #"packet.protocol == "udp""#,
      keys: [.protocol], presence: .protocol
    ) { _ in
      .named(offset: PacketRecord.offset(\.protocolNumber), names: protocolNames)
    },
    field(
      "source", "string?", "The source IP address.", #"packet.source == "10.20.1.11""#, keys: [.source], presence: .ip
    ) { _ in
      unsafe .text { base, buffer in unsafe buffer.fill(PacketRecord.at(base).pointee.observed.pointee.summary.source) }
    },
    field(
      "destination", "string?", "The destination IP address.", #"packet.destination ~= "10.20.1.11""#,
      keys: [.destination], presence: .ip
    ) { _ in
      unsafe .text { base, buffer in
        unsafe buffer.fill(PacketRecord.at(base).pointee.observed.pointee.summary.destination)
      }
    },
    field(
      "source_port", "integer?", "Of TCP, UDP, SCTP, DCCP, UDP-Lite; nil in later fragments.",
      "(packet.source_port or 0) >= 1024", keys: [.sourcePort], presence: .ports
    ) { _ in
      .unsigned16(offset: PacketRecord.offset(\.sourcePort))
    },
    field(
      "destination_port", "integer?", "Of TCP, UDP, SCTP, DCCP, UDP-Lite; nil in later fragments.",
      "packet.destination_port == 443", keys: [.destinationPort], presence: .ports
    ) { _ in
      .unsigned16(offset: PacketRecord.offset(\.destinationPort))
    },
    field("ttl", "integer?", "Time to live, or hop limit.", "(packet.ttl or 255) < 5", keys: [.ttl], presence: .ip) {
      _ in
      .unsigned8(offset: PacketRecord.offset(\.ttl))
    },
    field(
      "dscp", "integer?", "Differentiated services code point, 0 to 63.", "packet.dscp == 46", keys: [.dscp],
      presence: .ip
    ) { _ in
      .unsigned8(offset: PacketRecord.offset(\.dscp))
    },
    field(
      "fragment", "boolean?", "It is one of several pieces of a datagram, the first included.",
      "packet.fragment == true", keys: [.fragment], presence: .ip
    ) {
      _ in
      .boolean(RecordBit(offset: PacketRecord.offset(\.isFragment), bit: 0))
    },
    field(
      "payload_length", "integer",
      "Bytes on the wire behind the last header that is read here (TCP, UDP, SCTP, 8 bytes of ICMP, else IP; else link and tags).",
      "packet.payload_length > 0",
      presence: .payload
    ) { _ in
      .unsigned32(offset: PacketRecord.offset(\.payloadLength))
    },
    field(
      "next_hop", "string?",
      #"The route table's answer for a packet going out: a gateway's id, or the type of next hop ("local", "eip", ...) if it has none."#,
      #"packet.next_hop == "nat-egress""#,
      keys: [.direction, .site, .destination, .source], presence: .observation
    ) {
      context in
      unsafe .text { base, buffer in unsafe context.nextHopText(PacketRecord.at(base).pointee.observed, buffer) }
    },
    field(
      "tcp", "tcp?", "The TCP header; nil where there is none, or it is cut short.", "packet.tcp and packet.tcp.syn",
      keys: [.tcp], presence: .tcp
    ) {
      .record($0.types.record(.tcp), offset: 0)
    },
    field(
      "icmp", "icmp?", "The ICMP or ICMPv6 header.", "packet.icmp and packet.icmp.type == 3", keys: [.icmp],
      presence: .icmp
    ) {
      .record($0.types.record(.icmp), offset: 0)
    },
    field("flow", "flow?", "Its conversation so far, both directions.", "packet.flow.packets <= 10", presence: .flow) {
      .record($0.types.record(.flow), offset: 0)
    },
    field("payload", "payload", "The captured bytes behind the last header.", #"packet.payload:starts("SSH-")"#) {
      .record($0.types.record(.payload), offset: 0)
    },
    field(
      "inner", "packet?",
      "The packet inside VXLAN, GRE, Geneve, IP in IP, or behind MPLS labels; it has no eni, direction, next_hop and flow.",
      "packet.inner and packet.inner.destination_port == 80"
    ) {
      context in
      unsafe .recordElsewhere(context.types.record(.packet)) { base in
        let record = unsafe PacketRecord.at(base)
        guard let inner = unsafe PacketRoom.inner(of: record) else { return nil }
        return unsafe UnsafeRawPointer(inner)
      }
    },
    member("source_in", "source") { $0.source }, member("destination_in", "destination") { $0.destination },
    APIEntry(
      owner: .type(.packet), name: "hex", returns: "string", doc: "The captured frame as hexadecimal digits.",
      example: "packet:hex()",
      binding: .method { context, call throws(HostFailure) in
        guard let base = unsafe call.record(0, of: context.types.record(.packet)) else { return call.pushNil() }
        let frame = unsafe PacketRecord.at(base).pointee.frame
        call.charge(frame.count)
        call.push(unsafe hexadecimal(frame))
      }),
    sub(.tcp, "syn", "boolean", "The flag.", "packet.tcp and packet.tcp.syn and not packet.tcp.ack", keys: [.syn]) {
      _ in flag(1)
    },
    sub(.tcp, "ack", "boolean", "The flag.", "packet.tcp and packet.tcp.ack", keys: [.ack]) { _ in flag(4) },
    sub(.tcp, "fin", "boolean", "The flag.", "packet.tcp and packet.tcp.fin", keys: [.fin]) { _ in flag(0) },
    sub(.tcp, "rst", "boolean", "The flag.", "packet.tcp and packet.tcp.rst", keys: [.rst]) { _ in flag(2) },
    sub(.tcp, "psh", "boolean", "The flag.", "packet.tcp and packet.tcp.psh", keys: [.psh]) { _ in flag(3) },
    sub(.tcp, "urg", "boolean", "The flag.", "packet.tcp and packet.tcp.urg", keys: [.urg]) { _ in flag(5) },
    sub(
      .tcp, "flags", "integer", "All eight flags: CWR ECE URG ACK PSH RST SYN FIN from the highest bit.",
      "packet.tcp and packet.tcp.flags & 0x3f == 0", keys: [.tcpFlags]
    ) { _ in
      .unsigned8(offset: PacketRecord.offset(\.tcpFlags))
    },
    sub(.tcp, "seq", "integer", "The sequence number.", "packet.tcp and packet.tcp.seq > 0") { _ in
      .unsigned32(offset: PacketRecord.offset(\.tcpSequence))
    },
    sub(.tcp, "window", "integer", "The window, not scaled.", "packet.tcp and packet.tcp.window == 0") { _ in
      .unsigned16(offset: PacketRecord.offset(\.tcpWindow))
    },
    sub(.icmp, "type", "integer", "The type.", "packet.icmp and packet.icmp.type == 8", keys: [.icmpType]) { _ in
      .unsigned8(offset: PacketRecord.offset(\.icmpType))
    },
    sub(.icmp, "code", "integer", "The code.", "packet.icmp and packet.icmp.code == 0", keys: [.icmpCode]) { _ in
      .unsigned8(offset: PacketRecord.offset(\.icmpCode))
    },
    sub(.flow, "packets", "integer", "Packets so far, this one included.", "packet.flow.packets == 1") { _ in
      .unsigned64(offset: PacketRecord.offset(\.flowPackets))
    },
    sub(.flow, "bytes", "integer", "Bytes so far, this packet included.", "packet.flow.bytes < 1e6") { _ in
      .unsigned64(offset: PacketRecord.offset(\.flowBytes))
    },
    sub(.flow, "age", "number", "Seconds since its first packet.", "packet.flow.age > 60") { _ in
      .double(offset: PacketRecord.offset(\.flowAge))
    },
    sub(
      .flow, "state", "table",
      "A table of the script's own that lives as long as the conversation. For room, a policy keeps those of the 8,192 to 16,384 conversations that used theirs last; a forgotten one is empty again, and counted.",
      "packet.flow.state.seen == nil"
    ) { _ in
      .table(offset: PacketRecord.offset(\.flowID))
    },
  ]

  private static let protocolNames = Dictionary(
    IPProtocol.names.map { ($0.number, $0.name) }, uniquingKeysWith: { first, _ in first })

  private static func flag(_ bit: Int) -> RecordField.Kind {
    .boolean(RecordBit(offset: PacketRecord.offset(\.tcpFlags), bit: bit))
  }

  private static func field(
    _ name: String, _ type: String, _ doc: String, _ example: String, keys: [PacketKey] = [],
    presence: PacketRecord.Presence? = nil,
    kind: @escaping @Sendable (PolicyContext) -> RecordField.Kind
  ) -> APIEntry {
    APIEntry(
      owner: .type(.packet), name: name, returns: type, doc: doc, example: example, isPure: !keys.isEmpty,
      keys: keys,
      binding: .record(kind, presence: presence))
  }

  private static func sub(
    _ type: APITypeName, _ name: String, _ returns: String, _ doc: String, _ example: String, keys: [PacketKey] = [],
    kind: @escaping @Sendable (PolicyContext) -> RecordField.Kind
  ) -> APIEntry {
    APIEntry(
      owner: .type(type), name: name, returns: returns, doc: doc, example: example, isPure: !keys.isEmpty, keys: keys,
      binding: .record(kind, presence: nil))
  }

  private static func member(
    _ name: String, _ end: String, address: @escaping @Sendable (PacketSummary) -> IPAddress?
  ) -> APIEntry {
    APIEntry(
      owner: .type(.packet), name: name,
      parameters: [APIParameter("set", .object(.set), "made by set.cidrs or set.load")],
      returns: "boolean", doc: "Whether the set holds its \(end) address; false if it has none.",
      example: "packet:\(name)(blocked)", isPure: true,
      binding: .method { context, call throws(HostFailure) in
        guard let set = context.set(call, 1), set.kind == .cidrs else {
          throw HostFailure(argument: 1, "a set of CIDRs expected")
        }
        call.charge(8)
        guard let base = unsafe call.record(0, of: context.types.record(.packet)) else { return call.push(false) }
        let number = call.handle(1, of: context.types.handle(.set)) ?? 0
        unsafe call.depends(on: PacketKey.isHeld(bySet: number, isSource: end == "source"), of: base)
        guard let found = unsafe address(PacketRecord.at(base).pointee.observed.pointee.summary) else {
          return call.push(false)
        }
        call.push(set.contains(found))
      })
  }
}

/// Digits of bytes, two each, without blanks.
func hexadecimal(_ bytes: UnsafeRawBufferPointer) -> String {
  let digits = Array("0123456789abcdef".utf8)
  var text: [UInt8] = []
  text.reserveCapacity(bytes.count * 2)
  for position in 0..<bytes.count {
    let byte = unsafe bytes[position]
    text.append(digits[Int(byte >> 4)])
    text.append(digits[Int(byte & 15)])
  }
  return String(decoding: text, as: UTF8.self)
}

extension PolicyContext {
  fileprivate func eniText(_ record: UnsafePointer<PacketRecord>, _ buffer: UnsafeMutableRawBufferPointer) -> Int? {
    let packet = unsafe record.pointee.observed.pointee
    if let eni = packet.eni { return unsafe buffer.fill(inventory.enis[eni].id) }
    return unsafe buffer.fill(packet.isOutbound ? packet.summary.source : packet.summary.destination)
  }

  /// Semantics 6.2: outgoing packets only; an address with its own public address takes an equal `eip` route.
  fileprivate func nextHopText(
    _ observed: UnsafePointer<ObservedPacket>, _ buffer: UnsafeMutableRawBufferPointer
  ) -> Int? {
    let packet = unsafe observed.pointee
    guard packet.isOutbound, packet.subnet >= 0, let destination = packet.summary.destination, destination.canBeRouted
    else { return nil }
    let hops = inventory.nextHops(subnet: packet.subnet, destination: destination)
    guard var hop = hops.first else { return nil }
    if let eni = packet.eni, let source = packet.summary.source, inventory.enis[eni].publicAddress(of: source) != nil,
      let own = hops.first(where: { if case .eip = $0 { true } else { false } })
    {
      hop = own
    }
    let words = hop.words(in: inventory)
    return unsafe buffer.fill(words.id ?? words.type)
  }
}

extension IPAddress {
  fileprivate var canBeRouted: Bool {
    !isMulticast && !isLimitedBroadcast && !isLinkLocal && !isLoopback && !isUnspecified
  }
}

extension UnsafeMutableRawBufferPointer {
  /// Writes the text, as far as there is room, and returns how many bytes it took.
  fileprivate func fill(_ text: String) -> Int? {
    var count = 0
    for byte in text.utf8.prefix(self.count) {
      unsafe self[count] = byte
      count += 1
    }
    return count
  }

  fileprivate func fill(_ mac: MACAddress) -> Int? { unsafe fill(mac.description) }

  /// Dotted decimal without making a string: the address is what filters read most.
  fileprivate func fill(_ address: IPAddress?) -> Int? {
    guard let address else { return nil }
    guard address.family == .v4 else { return unsafe fill(address.description) }
    var count = 0
    for shift in [24, 16, 8, 0] as [UInt64] {
      if shift != 24 { unsafe put(UInt8(ascii: "."), &count) }
      let octet = UInt8(truncatingIfNeeded: address.low >> shift)
      if octet >= 100 { unsafe put(0x30 + octet / 100, &count) }
      if octet >= 10 { unsafe put(0x30 + octet / 10 % 10, &count) }
      unsafe put(0x30 + octet % 10, &count)
    }
    return count
  }

  private func put(_ byte: UInt8, _ count: inout Int) {
    unsafe self[count] = byte
    count += 1
  }
}
