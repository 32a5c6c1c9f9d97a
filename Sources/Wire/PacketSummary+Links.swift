// Links other than Ethernet: each ends in `etherType` and the offset of the network header.

extension PacketSummary {
  @usableFromInline @inline(never)
  mutating func parseOtherLink(_ bytes: UnsafeRawPointer, _ captured: Int, _ decoder: LinkDecoder) {
    switch decoder {
    case .ethernet: unsafe parseEthernet(bytes, captured)
    case .rawIP: unsafe parseRawIP(bytes, captured)
    case .ipv4: unsafe parseKnownIP(0x0800, bytes, captured, 0)
    case .ipv6: unsafe parseKnownIP(0x86dd, bytes, captured, 0)
    case .null: unsafe parseLoopback(bytes, captured, isNetworkOrder: false)
    case .loop: unsafe parseLoopback(bytes, captured, isNetworkOrder: true)
    case .linuxSLL: unsafe parseLinuxSLL(bytes, captured)
    case .linuxSLL2: unsafe parseLinuxSLL2(bytes, captured)
    case .ppp: unsafe parsePPP(bytes, captured)
    case .none: endWithoutIP(0, captured)
    }
  }

  /// LINKTYPE_RAW: the first nibble tells the version.
  private mutating func parseRawIP(_ bytes: UnsafeRawPointer, _ captured: Int) {
    guard captured >= 1 else { return endMalformed(0, captured) }
    let isVersion6 = unsafe byte(bytes, 0) >> 4 == 6
    unsafe parseKnownIP(isVersion6 ? 0x86dd : 0x0800, bytes, captured, 0)
  }

  private mutating func parseKnownIP(_ type: UInt16, _ bytes: UnsafeRawPointer, _ captured: Int, _ offset: Int) {
    etherType = type
    if type == 0x0800 {
      unsafe parseIPv4(bytes, captured, offset)
    } else {
      unsafe parseIPv6(bytes, captured, offset)
    }
  }

  /// LINKTYPE_NULL: address family in the byte order of the capturing host; LINKTYPE_LOOP: in network order.
  private mutating func parseLoopback(_ bytes: UnsafeRawPointer, _ captured: Int, isNetworkOrder: Bool) {
    guard captured >= 4 else { return endWithoutIP(captured, captured) }
    var family = unsafe bigEndian32(bytes, 0)
    if !isNetworkOrder, family > 0xffff { family = family.byteSwapped }
    switch family {
    case 2: unsafe parseKnownIP(0x0800, bytes, captured, 4)
    // AF_INET6 of Linux, NetBSD/OpenBSD, FreeBSD, macOS: the number is the writer's.
    case 10, 24, 28, 30: unsafe parseKnownIP(0x86dd, bytes, captured, 4)
    default: endWithoutIP(4, captured)
    }
  }

  /// LINKTYPE_LINUX_SLL: packet type, ARPHRD type, address length, address in 8 bytes, protocol.
  private mutating func parseLinuxSLL(_ bytes: UnsafeRawPointer, _ captured: Int) {
    guard captured >= 16 else { return endWithoutIP(captured, captured) }
    unsafe setPacketType(bigEndian16(bytes, 0))
    unsafe setCookedSource(bytes, length: Int(bigEndian16(bytes, 4)), at: 6)
    unsafe parseCookedProtocol(bigEndian16(bytes, 14), bytes, captured, 16)
  }

  /// LINKTYPE_LINUX_SLL2: protocol, reserved, interface index, ARPHRD type, packet type, address length, address.
  private mutating func parseLinuxSLL2(_ bytes: UnsafeRawPointer, _ captured: Int) {
    guard captured >= 20 else { return endWithoutIP(captured, captured) }
    unsafe setPacketType(UInt16(byte(bytes, 10)))
    unsafe setCookedSource(bytes, length: Int(byte(bytes, 11)), at: 12)
    unsafe parseCookedProtocol(bigEndian16(bytes, 0), bytes, captured, 20)
  }

  /// packet(7): 0 to us, 1 broadcast, 2 multicast, 3 to someone else, 4 sent by us.
  private mutating func setPacketType(_ type: UInt16) {
    flags.insert(.directionKnown)
    if type == 4 { flags.insert(.sentByHost) }
    if type == 1 || type == 2 { flags.insert(.groupDestination) }
  }

  private mutating func setCookedSource(_ bytes: UnsafeRawPointer, length: Int, at offset: Int) {
    guard length == 6 else { return }
    sourceMAC = unsafe UInt64(bigEndian32(bytes, offset)) << 16 | UInt64(bigEndian16(bytes, offset + 4))
    // Interfaces without addresses of their own (loopback) report zeros: nobody's MAC.
    if sourceMAC != 0 { flags.insert(.sourceMACKnown) }
  }

  /// The protocol field is an EtherType; 1 to 4 are Linux's own numbers for 802.3 and LLC frames.
  private mutating func parseCookedProtocol(
    _ type: UInt16, _ bytes: UnsafeRawPointer, _ captured: Int, _ offset: Int
  ) {
    etherType = type
    unsafe parseTagsAndNetwork(bytes, captured, offset)
  }

  /// RFC 1661 and 1662: address and control may be compressed away, the protocol to one (odd) byte.
  private mutating func parsePPP(_ bytes: UnsafeRawPointer, _ captured: Int) {
    var offset = 0
    if captured >= 2, unsafe byte(bytes, 0) == 0xff, unsafe byte(bytes, 1) == 0x03 { offset = 2 }
    guard captured >= offset + 1 else { return endWithoutIP(captured, captured) }
    var type = unsafe UInt16(byte(bytes, offset))
    offset += 1
    if type & 1 == 0 {
      guard captured >= offset + 1 else { return endWithoutIP(captured, captured) }
      type = unsafe type << 8 | UInt16(byte(bytes, offset))
      offset += 1
    }
    switch type {
    case 0x0021: unsafe parseKnownIP(0x0800, bytes, captured, offset)
    case 0x0057: unsafe parseKnownIP(0x86dd, bytes, captured, offset)
    // MPLS over PPP (RFC 3032 section 4.3) gets its EtherType, so that the inner packet can be found.
    case 0x0281:
      etherType = 0x8847
      endWithoutIP(offset, captured)
    default: endWithoutIP(offset, captured)
    }
  }
}
