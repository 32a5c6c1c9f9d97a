import Testing

@testable import Wire

/// The packet inside a packet.
@Suite struct TunnelTests {
  struct Tunnel: Sendable, CustomTestStringConvertible {
    var name: String
    var header: String
    /// Bytes from the outer transport header to the inner frame.
    var length: Int
    var decoder: LinkDecoder
    var testDescription: String { name }
  }

  private static let macs = "02000a14010b 02000a140304"
  private static let inner4 = "4500 0020 0001 4000 4011 0000 c0000201 c0000202 04d2 0050 000c 0000 61626364"
  private static let innerFrame = "020000000001 020000000002 0800 \(inner4)"

  private static func udp(_ port: Int) -> String {
    let text = String(port, radix: 16)
    return "1388 \(String(repeating: "0", count: 4 - text.count))\(text) 0000 0000"
  }

  static let tunnels: [Tunnel] = [
    Tunnel(name: "VXLAN", header: "11 \(udp(4789)) 0800000000000700", length: 16, decoder: .ethernet),
    Tunnel(name: "VXLAN on Linux's port", header: "11 \(udp(8472)) 0800000000000700", length: 16, decoder: .ethernet),
    Tunnel(name: "Geneve", header: "11 \(udp(6081)) 0000655800000700", length: 16, decoder: .ethernet),
    Tunnel(
      name: "Geneve with options", header: "11 \(udp(6081)) 0200655800000700 0102000100000000", length: 24,
      decoder: .ethernet),
    Tunnel(name: "Geneve with IPv4", header: "11 \(udp(6081)) 0000080000000700", length: 16, decoder: .ipv4),
    Tunnel(name: "GRE", header: "2f 0000 0800", length: 4, decoder: .ipv4),
    Tunnel(name: "GRE with key", header: "2f 2000 0800 00000007", length: 8, decoder: .ipv4),
    Tunnel(name: "GRE with all", header: "2f b000 0800 00000000 00000007 00000001", length: 16, decoder: .ipv4),
    Tunnel(name: "GRE with Ethernet", header: "2f 2000 6558 00000007", length: 8, decoder: .ethernet),
    Tunnel(name: "ERSPAN II", header: "2f 1000 88be 00000001 1000000700000000", length: 16, decoder: .ethernet),
    Tunnel(name: "ERSPAN I", header: "2f 0000 88be", length: 4, decoder: .ethernet),
    Tunnel(name: "IP in IP", header: "04", length: 0, decoder: .ipv4),
  ]

  private static func frame(_ tunnel: Tunnel, outer6: Bool) -> [UInt8] {
    let body = hex(tunnel.header)[1...] + hex(tunnel.decoder == .ethernet ? innerFrame : inner4)
    let number = tunnel.header.prefix(2)
    let length = String(UInt32(body.count + (outer6 ? 0 : 20)) | 0x10000, radix: 16).dropFirst()
    let header =
      outer6
      ? "86dd 60000000 \(length) \(number) 40 20010db8000000000000000000000001 20010db8000000000000000000000002"
      : "0800 4500 \(length) 0001 4000 40\(number) 0000 0a14010b 0a140304"
    return hex("\(macs) \(header)") + body
  }

  @Test(arguments: tunnels, [false, true])
  func findsThePacketInside(_ tunnel: Tunnel, outer6: Bool) throws {
    let bytes = Self.frame(tunnel, outer6: outer6)
    let inner = try #require(PacketSummary.parseInner(bytes))
    #expect(inner.offset == (outer6 ? 54 : 34) + tunnel.length)
    #expect(inner.end == bytes.count && inner.decoder == tunnel.decoder)
    let summary = PacketSummary.parse(bytes[inner.offset..<inner.end], inner.decoder)
    #expect(summary.quintuple == "udp 192.0.2.1:1234 > 192.0.2.2:80")
  }

  @Test(arguments: tunnels, [false, true])
  func readsNoMoreThanWasCaptured(_ tunnel: Tunnel, outer6: Bool) {
    let bytes = Self.frame(tunnel, outer6: outer6)
    let start = (outer6 ? 54 : 34) + tunnel.length
    let memory = GuardedMemory()
    for count in 0...bytes.count {
      let inner = PacketSummary.parseInner(bytes[..<count], in: memory)
      #expect((inner != nil) == (count > start), "\(count) bytes")
      if let inner { #expect(inner.offset == start && inner.end == count) }
    }
  }

  @Test func findsIPv6InsideIPv4() throws {
    let inner = "60000000 0000 3b 40 20010db8000000000000000000000001 20010db8000000000000000000000002"
    let bytes = hex("\(Self.macs) 0800 4500 003c 0001 4000 4029 0000 0a14010b 0a140304 \(inner)")
    #expect(PacketSummary.parseInner(bytes) == InnerFrame(offset: 34, end: 74, decoder: .ipv6))
  }

  @Test func stepsOverLabelsOfMPLS() {
    let one = hex("\(Self.macs) 8847 00010140 \(Self.inner4)")
    #expect(PacketSummary.parseInner(one) == InnerFrame(offset: 18, end: one.count, decoder: .ipv4))
    let three = hex("\(Self.macs) 8100 0007 8848 00010040 00020040 00030140 \(Self.inner4)")
    #expect(PacketSummary.parseInner(three) == InnerFrame(offset: 30, end: three.count, decoder: .ipv4))
    #expect(PacketSummary.parseInner(hex("\(Self.macs) 8847 00010040 00010040")) == nil, "no bottom of the stack")
    #expect(PacketSummary.parseInner(hex("\(Self.macs) 8847 00010140 00000000 45")) == nil, "a pseudowire")
    #expect(PacketSummary.parseInner(hex("\(Self.macs) 8847 00010140")) == nil, "nothing behind the labels")
  }

  @Test(arguments: [
    ("VXLAN without its flag", "11 1388 12b5 0000 0000 0000000000000700"),
    ("Geneve version 1", "11 1388 17c1 0000 0000 4000655800000700"),
    ("Geneve whose options lie", "11 1388 17c1 0000 0000 3f00655800000700"),
    ("Geneve with an unknown protocol", "11 1388 17c1 0000 0000 0000123400000700"),
    ("another UDP port", "11 1388 0035 0000 0000 0800000000000700"),
    ("a VXLAN source port", "11 12b5 0035 0000 0000 0800000000000700"),
    ("PPTP", "2f 3001 880b 00000000"), ("GRE with source routing", "2f 4000 0800 00000000"), ("TCP", "06 1388 12b5"),
  ])
  func findsNothingIn(_ name: String, _ header: String) {
    let bytes = Self.frame(Tunnel(name: name, header: header, length: 0, decoder: .ethernet), outer6: false)
    #expect(PacketSummary.parseInner(bytes) == nil)
  }

  @Test func findsNothingInALaterFragment() {
    let bytes = hex("\(Self.macs) 0800 4500 0040 0001 0008 4004 0000 0a14010b 0a140304 \(Self.inner4)")
    #expect(PacketSummary.parseInner(bytes) == nil)
  }

  /// The packet inside ends where the outer one does: padding is not part of it.
  @Test func endsWithTheOuterPacket() {
    let bytes = hex("\(Self.macs) 0800 4500 0034 0001 4000 4004 0000 0a14010b 0a140304 \(Self.inner4) ffffffff")
    #expect(PacketSummary.parseInner(bytes)?.end == bytes.count - 4)
  }
}
