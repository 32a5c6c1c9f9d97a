import Mirroring
import Wire

/// A packet's headers field by field, as far as they were captured: link, tags, ARP, IP, transport, and what is inside.
struct PacketTree {
  private let bytes: [UInt8]
  private let original: Int
  private let decoder: LinkDecoder
  private let depth: Int

  private static let deepest = 4

  init(_ packet: ObservedPacket) {
    bytes = unsafe Array(UnsafeRawBufferPointer(start: packet.bytes, count: packet.captured))
    original = packet.original
    decoder = packet.decoder
    depth = 0
  }

  private init(_ bytes: [UInt8], original: Int, decoder: LinkDecoder, depth: Int) {
    self.bytes = bytes
    self.original = original
    self.decoder = decoder
    self.depth = depth
  }

  var text: String { lines.joined(separator: "\n") + "\n" }

  private var summary: PacketSummary {
    unsafe bytes.withUnsafeBytes { buffer in
      guard let base = buffer.baseAddress else { return PacketSummary() }
      return unsafe PacketSummary.parse(base, captured: buffer.count, decoder: decoder)
    }
  }

  private var lines: [String] {
    let packet = summary
    let cut = original > bytes.count ? ", \(bytes.count) captured" : ""
    var lines = ["frame  \(original) bytes\(cut)"]
    lines += link(packet) + network(packet) + transport(packet) + inside(packet)
    let indent = String(repeating: "    ", count: depth)
    return lines.map { indent + $0 }
  }

  // MARK: Reading

  private func byte(_ at: Int) -> Int? { bytes.indices.contains(at) ? Int(bytes[at]) : nil }

  private func number(_ at: Int, _ count: Int) -> Int? {
    guard at >= 0, at + count <= bytes.count else { return nil }
    return bytes[at..<at + count].reduce(0) { $0 << 8 | Int($1) }
  }

  private func hexadecimal(_ number: Int, _ digits: Int) -> String {
    let text = String(number, radix: 16)
    return "0x" + String(repeating: "0", count: max(0, digits - text.count)) + text
  }

  /// A header's title and its fields; fields that were not captured are left out.
  private func section(_ title: String, _ fields: [(String, String?)]) -> [String] {
    let known = fields.compactMap { name, value in value.map { (name, $0) } }
    let width = known.map(\.0.count).max() ?? 0
    return [title] + known.map { "  " + TextWidth.pad($0.0, to: width) + "  " + $0.1 }
  }

  // MARK: Link

  private func link(_ packet: PacketSummary) -> [String] {
    var fields: [(String, String?)] = []
    if packet.flags.contains(.sourceMACKnown) {
      fields.append(("source", MACAddress(value: packet.sourceMAC).description))
    }
    if packet.flags.contains(.destinationMACKnown) {
      fields.append(("destination", MACAddress(value: packet.destinationMAC).description))
    }
    if packet.etherType != 0 { fields.append(("ethertype", hexadecimal(Int(packet.etherType), 4))) }
    var lines = fields.isEmpty && decoder == .rawIP ? [] : section(Self.name(decoder), fields)
    if decoder == .ethernet { lines += tags(from: 12) }
    return lines
  }

  private static func name(_ decoder: LinkDecoder) -> String {
    switch decoder {
    case .ethernet: "ethernet"
    case .rawIP: "raw ip"
    case .none: "link without decoder"
    default: "link \(decoder)"
    }
  }

  private func tags(from start: Int) -> [String] {
    var lines: [String] = []
    var at = start
    while let type = number(at, 2), [0x8100, 0x88a8, 0x9100, 0x9200, 0x9300].contains(type), let tag = number(at + 2, 2)
    {
      lines += section(
        "vlan", [("id", "\(tag & 0xfff)"), ("priority", "\(tag >> 13)"), ("tag", hexadecimal(type, 4))])
      at += 4
    }
    return lines
  }

  // MARK: Network

  private func network(_ packet: PacketSummary) -> [String] {
    let at = Int(packet.networkOffset)
    if packet.flags.contains(.malformed) { return ["ip  malformed"] }
    if packet.flags.contains(.arp) { return arp(at) }
    switch packet.ipVersion {
    case 4: return ip4(at)
    case 6: return ip6(packet, at)
    default: return []
    }
  }

  private func address4(_ at: Int) -> String? { number(at, 4).map { IPAddress(v4: UInt32($0)).description } }

  private func arp(_ at: Int) -> [String] {
    func mac(_ at: Int) -> String? { number(at, 6).map { MACAddress(value: UInt64($0)).description } }
    let operation = number(at + 6, 2).map { $0 == 1 ? "1 (request)" : $0 == 2 ? "2 (reply)" : "\($0)" }
    return section(
      "arp",
      [
        ("operation", operation), ("sender", address4(at + 14)), ("sender mac", mac(at + 8)),
        ("target", address4(at + 24)),
        ("target mac", mac(at + 18)),
      ])
  }

  private func ip4(_ at: Int) -> [String] {
    let fragment = number(at + 6, 2) ?? 0
    let flags = [fragment & 0x4000 != 0 ? "don't fragment" : nil, fragment & 0x2000 != 0 ? "more fragments" : nil]
      .compactMap { $0 }
    return section(
      "ipv4",
      [
        ("source", address4(at + 12)), ("destination", address4(at + 16)),
        ("protocol", byte(at + 9).map { Self.name(ofProtocol: $0) }), ("ttl", byte(at + 8).map { "\($0)" }),
        ("dscp", byte(at + 1).map { "\($0 >> 2)" }), ("ecn", byte(at + 1).map { "\($0 & 3)" }),
        ("length", number(at + 2, 2).map { "\($0)" }), ("header", byte(at).map { "\(($0 & 15) * 4) bytes" }),
        ("id", number(at + 4, 2).map { hexadecimal($0, 4) }),
        ("flags", flags.isEmpty ? nil : flags.joined(separator: ", ")),
        ("fragment offset", fragment & 0x1fff == 0 ? nil : "\((fragment & 0x1fff) * 8)"),
        ("checksum", number(at + 10, 2).map { hexadecimal($0, 4) }),
      ])
  }

  private func ip6(_ packet: PacketSummary, _ at: Int) -> [String] {
    let word = number(at, 4) ?? 0
    return section(
      "ipv6",
      [
        ("source", packet.source?.description), ("destination", packet.destination?.description),
        ("next header", byte(at + 6).map { Self.name(ofProtocol: $0) }), ("hop limit", byte(at + 7).map { "\($0)" }),
        ("dscp", "\(word >> 22 & 63)"), ("flow label", hexadecimal(word & 0xfffff, 5)),
        ("length", number(at + 4, 2).map { "\($0)" }),
        (
          "extensions",
          Int(packet.transportOffset) > at + 40 ? "\(Int(packet.transportOffset) - at - 40) bytes" : nil
        ),
      ])
  }

  private static func name(ofProtocol number: Int) -> String {
    let known = IPProtocol(rawValue: UInt8(truncatingIfNeeded: number))
    return "\(known)" == "\(number)" ? "\(number)" : "\(number) (\(known))"
  }

  // MARK: Transport

  private func transport(_ packet: PacketSummary) -> [String] {
    let at = Int(packet.transportOffset)
    guard packet.isIP, packet.flags.contains(.protocolKnown) else { return [] }
    if packet.flags.contains(.laterFragment) { return ["fragment  \(Int(packet.packetEnd) - at) bytes"] }
    switch packet.protocol {
    case 6: return tcp(packet, at)
    case 17, 136: return udp(packet, at)
    case 1, 58: return icmp(packet, at)
    default: return payload(packet, from: at)
    }
  }

  private func tcp(_ packet: PacketSummary, _ at: Int) -> [String] {
    let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"]
    let flags = byte(at + 13).map { bits in
      names.indices.filter { bits >> $0 & 1 == 1 }.map { names[$0] }.joined(separator: " ")
    }
    let header = byte(at + 12).map { ($0 >> 4) * 4 }
    return section(
      "tcp",
      [
        ("source port", number(at, 2).map { "\($0)" }), ("destination port", number(at + 2, 2).map { "\($0)" }),
        ("flags", flags), ("sequence", number(at + 4, 4).map { "\($0)" }),
        ("acknowledgement", number(at + 8, 4).map { "\($0)" }), ("window", number(at + 14, 2).map { "\($0)" }),
        ("header", header.map { "\($0) bytes" + ($0 > 20 ? ", \($0 - 20) of options" : "") }),
        ("checksum", number(at + 16, 2).map { hexadecimal($0, 4) }),
        ("urgent", number(at + 18, 2).flatMap { $0 == 0 ? nil : "\($0)" }),
      ]) + payload(packet, from: at + max(20, header ?? 20))
  }

  private func udp(_ packet: PacketSummary, _ at: Int) -> [String] {
    section(
      packet.protocol == 17 ? "udp" : "udplite",
      [
        ("source port", number(at, 2).map { "\($0)" }), ("destination port", number(at + 2, 2).map { "\($0)" }),
        ("length", number(at + 4, 2).map { "\($0)" }), ("checksum", number(at + 6, 2).map { hexadecimal($0, 4) }),
      ]) + payload(packet, from: at + 8)
  }

  private func icmp(_ packet: PacketSummary, _ at: Int) -> [String] {
    section(
      packet.protocol == 1 ? "icmp" : "icmpv6",
      [
        ("type", byte(at).map { "\($0)" }), ("code", byte(at + 1).map { "\($0)" }),
        ("checksum", number(at + 2, 2).map { hexadecimal($0, 4) }),
      ]) + payload(packet, from: at + 8)
  }

  private func payload(_ packet: PacketSummary, from at: Int) -> [String] {
    let count = Int(packet.packetEnd) - at
    return count > 0 ? ["payload  \(count) bytes"] : []
  }

  // MARK: Inside

  private func inside(_ packet: PacketSummary) -> [String] {
    let inner = unsafe bytes.withUnsafeBytes { buffer in unsafe buffer.baseAddress.flatMap { unsafe packet.inner($0) } }
    guard let inner, depth < Self.deepest else { return [] }
    let piece = Array(bytes[inner.offset..<inner.end])
    return ["inside"]
      + PacketTree(piece, original: piece.count, decoder: inner.decoder, depth: depth + 1).lines.map {
        String($0.dropFirst(depth * 4))
      }
  }
}
