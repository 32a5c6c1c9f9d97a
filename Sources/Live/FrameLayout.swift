internal import Wire

/// As what a frame is read.
enum PacketKind {
  case v4, v6
  /// Neither.
  case other

  var family: IPFamily? {
    switch self {
    case .v4: .v4
    case .v6: .v6
    case .other: nil
    }
  }
}

/// Where a frame has what tests ask for, if it is plain: IPv4 without options (RFC 791), IPv6 (RFC 8200), no tag.
struct FrameLayout {
  enum End { case source, destination }

  private let isEthernet: Bool
  /// Offset of the network header.
  private let network: UInt32

  /// nil: a link that nothing is known of.
  init?(_ linkType: LinkType) {
    switch linkType {
    case .ethernet: (isEthernet, network) = (true, 14)
    case .raw: (isEthernet, network) = (false, 0)
    default: return nil
    }
  }

  /// A test of whole frames from one for each kind. Frames that are not plain, whose answers would not be the pipeline's, pass.
  ///
  /// 28 bytes of a packet is what libpcap reads of ARP, and what IPv4 has with any ports; of IPv6 that is 44.
  func frame(_ test: (PacketKind) -> FrameTest) -> FrameTest {
    let v4 = FrameTest.choice(.any([.not(.equal(byte(0), 0x45)), .not(.atLeast(half(2), 24))]), .always, test(.v4))
    let isCut = FrameTest.any([
      .not(.length(network + 44)), .not(.equal(byte(0, mask: 0xf0), 0x60)), .not(.atLeast(half(4), 4)),
    ])
    let v6 = FrameTest.choice(isCut, .always, test(.v6))
    let whole: FrameTest
    if isEthernet {
      let isTagged = FrameTest.any([0x8100, 0x88a8, 0x9100, 0x9200, 0x9300].map { .equal(etherType, $0) })
      let other = FrameTest.choice(isTagged, .always, test(.other))
      whole = .choice(.equal(etherType, 0x0800), v4, .choice(.equal(etherType, 0x86dd), v6, other))
    } else {
      let version = byte(0, mask: 0xf0)
      whole = .choice(.equal(version, 0x40), v4, .choice(.equal(version, 0x60), v6, test(.other)))
    }
    let long = FrameTest.choice(.length(network + 28), whole, .always)
    // libpcap's programs see the tag in the pipeline, but not here, where the kernel has taken it off (SKF_AD_VLAN_TAG_PRESENT).
    guard isEthernet, whole.hasProgram else { return long }
    return .choice(.equal(FrameTest.Field(width: .byte, offset: 0xffff_f030), 0), long, .always)
  }

  /// A fragment, the first included, or IPv6 with extension headers that are walked.
  func isPartial(_ kind: PacketKind) -> FrameTest {
    switch kind {
    case .v4: .not(.equal(half(6, mask: 0x3fff), 0))
    case .v6: .any([0, 43, 44, 51, 60].map { .equal(byte(6), $0) })
    case .other: .never
    }
  }

  /// - Returns: never, if the prefix is of another family.
  func address(_ kind: PacketKind, _ end: End, in prefix: CIDR) -> FrameTest {
    guard prefix.family == kind.family else { return .never }
    let address = prefix.address
    let words =
      prefix.family == .v4
      ? [address.low] : [address.high >> 32, address.high & 0xffff_ffff, address.low >> 32, address.low & 0xffff_ffff]
    let first: UInt32 =
      switch (kind, end) {
      case (.v4, .source): 12
      case (.v4, .destination): 16
      case (_, .source): 8
      case (_, .destination): 24
      }
    return .all(
      of: words.enumerated().map { index, word in
        let bits = max(0, min(32, Int(prefix.length) - 32 * index))
        guard bits > 0 else { return .always }
        let field = FrameTest.Field(
          width: .word, offset: network + first + 4 * UInt32(index), mask: UInt32.max << UInt32(32 - bits))
        return .equal(field, UInt32(truncatingIfNeeded: word))
      })
  }

  func isProtocol(_ kind: PacketKind, _ number: IPProtocol) -> FrameTest {
    switch kind {
    case .v4: .equal(byte(9), UInt32(number.rawValue))
    case .v6: .equal(byte(6), UInt32(number.rawValue))
    case .other: .never
    }
  }

  /// - Precondition: the protocol has ports, and the packet is whole.
  func port(_ kind: PacketKind, _ end: End, in ports: ClosedRange<UInt32>) -> FrameTest {
    guard kind.family != nil else { return .never }
    let field = half(transport(kind) + (end == .source ? 0 : 2))
    guard ports.count > 1 else { return .equal(field, ports.lowerBound) }
    let isUnder = ports.upperBound < 65535 ? FrameTest.not(.atLeast(field, ports.upperBound + 1)) : .always
    return .all(of: [ports.lowerBound > 0 ? .atLeast(field, ports.lowerBound) : .always, isUnder])
  }

  /// An error message that quotes another packet (RFC 792, RFC 4443).
  func isICMPError(_ kind: PacketKind) -> FrameTest {
    let type = byte(transport(kind))
    switch kind {
    case .v4: return .all([isProtocol(kind, .icmp), .any([3, 4, 5, 11, 12].map { .equal(type, $0) })])
    case .v6: return .all([isProtocol(kind, .icmpv6), .atLeast(type, 1), .not(.atLeast(type, 5))])
    case .other: return .never
    }
  }

  /// Whether the test may say yes to one.
  func mayTakeICMPErrors(_ test: FrameTest, _ kind: PacketKind) -> Bool {
    switch kind {
    case .v4: test.answer(where: byte(9), is: 1) != false
    case .v6: test.answer(where: byte(6), is: 58) != false
    case .other: false
    }
  }

  /// UDP to a port; also later fragments, whose ports are not there.
  ///
  /// - Parameter isTracked: later fragments may get their ports from the first.
  func isUDP(_ kind: PacketKind, to port: UInt32, _ isTracked: Bool) -> FrameTest {
    let later: FrameTest = isTracked ? .never : .always
    switch kind {
    case .v4:
      let isFirst = FrameTest.equal(half(6, mask: 0x1fff), 0)
      return .all([isProtocol(kind, .udp), .choice(isFirst, .equal(half(22), port), later)])
    case .v6:
      let isFirst = FrameTest.equal(half(42, mask: 0xfff8), 0)
      let isFragment = FrameTest.all([
        .equal(byte(6), 44), .equal(byte(40), 17), .atLeast(half(4), 8), .length(network + 52),
        .choice(isFirst, .equal(half(50), port), later),
      ])
      return .choice(isProtocol(kind, .udp), .equal(half(42), port), isFragment)
    case .other: return .never
    }
  }

  /// ARP over Ethernet and IPv4 (RFC 826) from an address.
  func isARP(from sender: UInt32) -> FrameTest {
    guard isEthernet else { return .never }
    let head: [FrameTest] = [.equal(etherType, 0x0806), .equal(half(2), 0x0800), .equal(half(4), 0x0604)]
    return .all(head + [.equal(FrameTest.Field(width: .word, offset: network + 14), sender)])
  }

  // MARK: Fields, from the network header on

  private var etherType: FrameTest.Field { FrameTest.Field(width: .half, offset: 12) }

  private func transport(_ kind: PacketKind) -> UInt32 { kind.family == .v4 ? 20 : 40 }

  private func byte(_ offset: UInt32, mask: UInt32 = .max) -> FrameTest.Field {
    FrameTest.Field(width: .byte, offset: network + offset, mask: mask)
  }

  private func half(_ offset: UInt32, mask: UInt32 = .max) -> FrameTest.Field {
    FrameTest.Field(width: .half, offset: network + offset, mask: mask)
  }
}
