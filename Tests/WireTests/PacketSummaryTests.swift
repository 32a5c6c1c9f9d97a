import Testing
import Wire

/// Every sample read whole, cut at every length, and with lengths that cannot be.
@Suite struct PacketSummaryTests {
  @Test(arguments: samples)
  func deconstructs(_ sample: Sample) {
    let summary = PacketSummary.parse(sample.bytes, sample.decoder)
    #expect(summary.quintuple == sample.quintuple)
    #expect(Int(summary.networkOffset) == sample.networkOffset)
    #expect(Int(summary.transportOffset) == sample.transportOffset)
    #expect(Int(summary.packetEnd) == sample.packetEnd)
    #expect(!summary.flags.contains(.malformed))
  }

  /// What is known of a cut frame is what the whole frame says; nothing beyond the cut is read (the memory ends there).
  @Test(arguments: samples)
  func readsNoMoreThanWasCaptured(_ sample: Sample) {
    let whole = PacketSummary.parse(sample.bytes, sample.decoder)
    let memory = GuardedMemory()
    for count in 0...sample.bytes.count {
      let cut = PacketSummary.parse(sample.bytes[..<count], sample.decoder, in: memory)
      #expect(cut.isIP == (sample.addressesFrom.map { count >= $0 } ?? false), "\(count) bytes")
      #expect(
        cut.flags.contains(.protocolKnown) == (sample.protocolFrom.map { count >= $0 } ?? false), "\(count) bytes")
      #expect(cut.flags.contains(.portsKnown) == (sample.portsFrom.map { count >= $0 } ?? false), "\(count) bytes")
      if cut.isIP { #expect(cut.source == whole.source && cut.destination == whole.destination) }
      #expect(cut.protocol == (cut.flags.contains(.protocolKnown) ? whole.protocol : 0))
      #expect(cut.ports == (cut.flags.contains(.portsKnown) ? whole.ports : 0))
      #expect(cut.networkOffset <= cut.transportOffset && cut.transportOffset <= cut.packetEnd)
      #expect(cut.packetEnd <= count)
    }
  }

  @Test(arguments: samples.filter { $0.decoder == .ethernet })
  func knowsMACsFromTheirLastByteOn(_ sample: Sample) {
    let memory = GuardedMemory()
    for count in 0...sample.bytes.count {
      let cut = PacketSummary.parse(sample.bytes[..<count], in: memory)
      #expect(cut.flags.contains(.destinationMACKnown) == (count >= 6))
      #expect(cut.flags.contains(.sourceMACKnown) == (count >= 12))
      #expect(cut.destinationMAC == (count >= 6 ? 0x0200_0a14_010b : 0))
      #expect(cut.sourceMAC == (count >= 12 ? 0x0200_0a14_0304 : 0))
    }
  }

  // MARK: Impossible lengths and versions

  private static let ethernet = "02000a14010b 02000a140304"
  private static let rest4 = "0001 4000 4011 0000 0a14010b 0a140304 1388 0035 000c 0000 61626364"

  @Test(arguments: [
    ("version 5", "55 00 0020"), ("version 6 in EtherType 0800", "65 00 0020"), ("header of 16 bytes", "44 00 0020"),
    ("header of 0 bytes", "40 00 0020"), ("total length under the header", "45 00 0013"),
    ("total length 1", "45 00 0001"), ("total length under the header with options", "48 00 001f"),
    ("header beyond the capture", "4f 00 0020"),
  ])
  func refusesAnImpossibleIPv4Header(_ name: String, _ start: String) {
    for (link, decoder) in [("\(Self.ethernet) 0800", LinkDecoder.ethernet), ("", .ipv4), ("02000000", .null)] {
      let summary = PacketSummary.parse(hex("\(link) \(start) \(Self.rest4)"), decoder)
      #expect(summary.quintuple == "malformed")
      #expect(summary.sourceLow == 0 && summary.destinationLow == 0 && summary.ports == 0 && summary.protocol == 0)
    }
  }

  @Test func refusesAnotherVersionInIPv6() {
    for version in 0...15 where version != 6 {
      var frame = samples.first { $0.name == "IPv6" }!.bytes
      frame[14] = UInt8(version << 4)
      #expect(PacketSummary.parse(frame).quintuple == "malformed")
    }
  }

  /// An extension header that ends behind the packet leaves the protocol unknown, not the addresses.
  @Test(arguments: ["00", "2b", "3c", "33"])
  func leavesTheProtocolUnknownBehindAnExtensionTooLong(_ header: String) {
    let addresses = "20010db8000000000000000000000001 20010db8000000000000000000000002"
    let frame = hex(
      "\(Self.ethernet) 86dd 60000000 0010 \(header) 40 \(addresses) 06ff 000000000000 1388 01bb 00000000")
    let summary = PacketSummary.parse(frame)
    #expect(summary.quintuple == "? 2001:db8::1 > 2001:db8::2")
    #expect(summary.transportOffset == 54 && summary.protocol == 0)
  }

  /// Link padding is no extension header: the walk ends with the packet.
  @Test func doesNotWalkIntoThePadding() {
    let addresses = "20010db8000000000000000000000001 20010db8000000000000000000000002"
    let frame = hex("\(Self.ethernet) 86dd 60000000 0004 00 40 \(addresses) 0600 0000 0000 0000 1388 01bb")
    #expect(PacketSummary.parse(frame).quintuple == "? 2001:db8::1 > 2001:db8::2")
  }

  /// A tag whose EtherType is cut off is not stepped over; a stack of tags that never ends ends with the frame.
  @Test func endsAStackOfTagsWithTheFrame() {
    var frame = hex("\(Self.ethernet)")
    for _ in 0..<16_000 { frame += [0x81, 0, 0, 7] }
    let memory = GuardedMemory()
    for count in [frame.count, frame.count - 1, frame.count - 2, frame.count - 3, 14, 15, 16, 17, 18] {
      let summary = PacketSummary.parse(frame[..<count], in: memory)
      #expect(!summary.isIP && summary.packetEnd == count && summary.networkOffset <= count)
    }
  }

  // MARK: Fields beside the quintuple

  @Test func readsTheOutermostTag() {
    let summary = PacketSummary.parse(samples.first { $0.name == "802.1ad over 802.1Q" }!.bytes)
    #expect(summary.flags.contains(.tagged) && summary.vlan == 12 && summary.etherType == 0x0800)
    let priority = PacketSummary.parse(samples.first { $0.name == "802.1Q" }!.bytes)
    #expect(priority.vlan == 12, "the priority bits are not part of the VLAN id")
    #expect(!PacketSummary.parse(samples[0].bytes).flags.contains(.tagged))
  }

  @Test func tellsGroupAddresses() {
    for (destination, isGroup) in [("ffffffffffff", true), ("01005e000001", true), ("fe0000000001", false)] {
      let summary = PacketSummary.parse(hex("\(destination) 02000a140304 0800"))
      #expect(summary.flags.contains(.groupDestination) == isGroup)
    }
  }

  @Test func tellsFragmentsAndTheirIdentification() {
    func summary(_ name: String) -> PacketSummary { .parse(samples.first { $0.name == name }!.bytes) }
    #expect(summary("first fragment").flags.contains(.fragment))
    #expect(!summary("first fragment").flags.contains(.laterFragment))
    #expect(summary("later fragment").flags.contains([.fragment, .laterFragment]))
    #expect(summary("last fragment").flags.contains([.fragment, .laterFragment]))
    #expect(summary("first fragment").fragmentID == 7 && summary("last fragment").fragmentID == 7)
    #expect(summary("first fragment of IPv6").flags.contains(.fragment))
    #expect(summary("first fragment of IPv6").fragmentID == 0x1234_5678)
    #expect(summary("later fragment of IPv6").flags.contains([.fragment, .laterFragment]))
    #expect(!summary("atomic fragment is a whole packet").flags.contains(.fragment))
    #expect(!summary("UDP").flags.contains(.fragment), "Don't Fragment is no fragment")
  }

  @Test func readsTheSenderOfARP() {
    let sample = samples.first { $0.name == "ARP" }!
    let memory = GuardedMemory()
    for count in 0...sample.bytes.count {
      let summary = PacketSummary.parse(sample.bytes[..<count], in: memory)
      #expect(summary.flags.contains(.arp) == (count >= 14 + 18))
      #expect(summary.sourceLow == (count >= 14 + 18 ? 0x0a14_010b : 0))
    }
  }

  @Test(arguments: [
    ("IPv6 as protocol", "0001 86dd 06 04"), ("addresses of 16 bytes", "0001 0800 06 10"),
    ("hardware addresses beyond the frame", "0001 0800 ff 04"),
  ])
  func takesNoAddressFromAnotherARP(_ name: String, _ start: String) {
    let frame = hex("\(Self.ethernet) 0806 \(start) 0001 02000a14010b 0a14010b 000000000000 0a140304")
    let summary = PacketSummary.parse(frame)
    #expect(!summary.flags.contains(.arp) && summary.sourceLow == 0)
  }

  @Test func readsWhatLinuxCookedCapturesSay() {
    func cooked(_ type: String, address: String = "0006 02000a14010b0000") -> PacketSummary {
      .parse(hex("\(type) 0001 \(address) 0800 4500"), .linuxSLL)
    }
    #expect(cooked("0004").flags.contains([.directionKnown, .sentByHost, .sourceMACKnown]))
    #expect(cooked("0004").sourceMAC == 0x0200_0a14_010b)
    #expect(!cooked("0000").flags.contains(.sentByHost) && cooked("0000").flags.contains(.directionKnown))
    #expect(cooked("0001").flags.contains(.groupDestination) && cooked("0002").flags.contains(.groupDestination))
    #expect(!cooked("0003").flags.contains(.groupDestination))
    #expect(!cooked("0000", address: "0006 0000000000000000").flags.contains(.sourceMACKnown), "loopback")
    #expect(!cooked("0000", address: "0008 02000a14010b0000").flags.contains(.sourceMACKnown), "InfiniBand, Firewire")
  }

  @Test(arguments: [LinkDecoder.rawIP, .ipv4, .ipv6])
  func callsAnEmptyPacketMalformed(_ decoder: LinkDecoder) {
    #expect(PacketSummary.parse([], decoder).quintuple == "malformed")
  }

  @Test func readsNothingWithoutDecoder() {
    let summary = PacketSummary.parse(samples[0].bytes, .none)
    #expect(!summary.isIP && summary.flags.isEmpty && Int(summary.packetEnd) == samples[0].bytes.count)
  }

  @Test(arguments: [1 as UInt32, 7, 23, 0x0200_0001, 0xffff_ffff])
  func takesNoOtherFamilyOfLoopbackForIP(_ family: UInt32) {
    let frame = unsafe withUnsafeBytes(of: family.bigEndian) { unsafe Array($0) } + hex("4500 0028")
    #expect(PacketSummary.parse(frame, .null).quintuple == "no ip")
    #expect(PacketSummary.parse(frame, .loop).quintuple == "no ip")
  }

  /// LINKTYPE_LOOP is in network order: a swapped family is another family.
  @Test func doesNotSwapTheFamilyOfLoop() {
    #expect(PacketSummary.parse(hex("02000000 4500"), .loop).quintuple == "no ip")
  }

  // MARK: Against the builder

  /// What `PacketBuilder` emits is what is read, in every combination of link, family and protocol.
  @Test(arguments: [IPProtocol.tcp, .udp, .sctp, .dccp, .udplite, .icmp, .gre])
  func parsesWhatTheBuilderEmits(_ protocol: IPProtocol) throws {
    let ends: [(IPAddress, IPAddress)] = [
      (IPAddress("10.20.1.11")!, IPAddress("10.20.3.4")!), (IPAddress("2001:db8::1")!, IPAddress("2001:db8::2")!),
    ]
    for (source, destination) in ends {
      for vlan in [nil, 0, 12, 4095] as [UInt16?] {
        var builder = PacketBuilder(protocol: `protocol`, source: source, destination: destination)
        builder.link = .ethernet(
          source: MACAddress("02:00:00:00:00:01")!, destination: MACAddress("02:00:00:00:00:02")!, vlan: vlan)
        builder.sourcePort = 5000
        builder.destinationPort = 443
        builder.payload = [0, 0, 0, 0, 0]
        let ports = `protocol`.hasPorts ? (":5000", ":443") : ("", "")
        let summary = PacketSummary.parse(try builder.build())
        #expect(summary.quintuple == "\(`protocol`) \(source)\(ports.0) > \(destination)\(ports.1)")
        #expect(summary.flags.contains(.tagged) == (vlan != nil) && summary.vlan == vlan ?? 0)
      }
    }
  }
}
