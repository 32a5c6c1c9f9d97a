import Testing
import Wire

@Suite struct PacketBuilderTests {
  private func builder(_ protocol: IPProtocol, v6: Bool = false) -> PacketBuilder {
    PacketBuilder(
      protocol: `protocol`, source: IPAddress(v6 ? "2001:db8::1" : "10.20.1.11")!,
      destination: IPAddress(v6 ? "2001:db8::2" : "10.20.3.4")!)
  }

  private func summary(_ builder: PacketBuilder) throws -> PacketSummary {
    let frame = try builder.build()
    return unsafe frame.withUnsafeBytes {
      unsafe PacketSummary.parse($0.baseAddress!, captured: $0.count, decoder: builder.decoder)
    }
  }

  @Test(arguments: [IPProtocol.tcp, .udp, .sctp], [false, true])
  func parsesBackAsItWasBuilt(protocol: IPProtocol, v6: Bool) throws {
    var packet = builder(`protocol`, v6: v6)
    packet.sourcePort = 5000
    packet.destinationPort = 443
    packet.payload = Array("hello".utf8)
    let read = try summary(packet)
    #expect(read.source == packet.source && read.destination == packet.destination)
    #expect(read.sourcePort == 5000 && read.destinationPort == 443)
    #expect(read.flags.contains([.protocolKnown, .portsKnown]) && read.protocol == `protocol`.rawValue)
    #expect(Int(read.packetEnd) == (try packet.build().count))
  }

  @Test func putsEthernetAndTagInFront() throws {
    var packet = builder(.udp)
    packet.link = .ethernet(
      source: MACAddress("02:00:00:00:00:01")!, destination: MACAddress("02:00:00:00:00:02")!, vlan: 12)
    let read = try summary(packet)
    #expect(read.sourceMAC == 0x0200_0000_0001 && read.destinationMAC == 0x0200_0000_0002)
    #expect(read.flags.contains(.tagged) && read.vlan == 12 && read.isIP)
  }

  @Test(arguments: [IPProtocol.tcp, .udp, .icmpv6])
  func checksumsSumToZero(protocol: IPProtocol) throws {
    var packet = builder(`protocol`, v6: true)
    packet.payload = [1, 2, 3]
    let frame = try packet.build()
    let segment = Array(frame[40...])
    let pseudo = Array(frame[8..<40]) + [0, 0, 0, UInt8(segment.count), 0, 0, 0, `protocol`.rawValue]
    #expect(InternetChecksum.finish(InternetChecksum.sum(segment, from: InternetChecksum.sum(pseudo))) == 0)
  }

  /// `tcpdump` prints `cksum 0x... (correct)` for these bytes.
  @Test func buildsTheKnownBytesOfASyn() throws {
    var packet = builder(.tcp)
    packet.sourcePort = 5000
    packet.destinationPort = 443
    packet.tcpFlags = 0x02
    let hex = try packet.build().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    #expect(hex == "45000028000040004006229a0a14010b0a140304" + "138801bb00000000000000005002ffff82690000")
  }

  @Test func refusesMixedFamiliesAndLongPayloads() {
    let mixed = PacketBuilder(protocol: .tcp, source: IPAddress("10.0.0.1")!, destination: IPAddress("::1")!)
    #expect(throws: PacketBuilder.Failure.families) { try mixed.build() }
    var long = builder(.udp)
    long.payload = Array(repeating: 0, count: 65508)
    #expect(throws: PacketBuilder.Failure.payloadTooLong(limit: 65507)) { try long.build() }
    long.payload.removeLast()
    #expect((try? long.build().count) == 65535)
  }

  @Test func readsFlagLettersOfTcpdump() {
    #expect(PacketBuilder.tcpFlags("S.") == 0x12)
    #expect(PacketBuilder.tcpFlags("FPU") == 0x29)
    #expect(PacketBuilder.tcpFlags("SX") == nil)
  }
}
