/// Where a packet inside a packet starts, and how to read it.
@frozen public struct InnerFrame: Hashable, Sendable {
  /// Offset from the start of the outer frame.
  public var offset: Int
  /// End of the inner frame inside the captured bytes.
  public var end: Int
  public var decoder: LinkDecoder
}

extension PacketSummary {
  /// The packet inside VXLAN (RFC 7348), Geneve (RFC 8926), GRE (RFC 2784, 2890; ERSPAN in it), IP in IP (RFC 2003,
  /// 2473, 4213), or behind MPLS labels (RFC 3032). Nil when there is none, or its header is cut short.
  public func inner(_ bytes: UnsafeRawPointer) -> InnerFrame? {
    guard isIP else { return unsafe innerOfMPLS(bytes) }
    guard flags.contains(.protocolKnown), !flags.contains(.laterFragment) else { return nil }
    let start = Int(transportOffset)
    let end = Int(packetEnd)
    switch self.protocol {
    case 4: return start < end ? InnerFrame(offset: start, end: end, decoder: .ipv4) : nil
    case 41: return start < end ? InnerFrame(offset: start, end: end, decoder: .ipv6) : nil
    case 47: return unsafe Self.innerOfGRE(bytes, start, end)
    case 17: return unsafe innerOfUDP(bytes, start, end)
    default: return nil
    }
  }

  /// Labels of 4 bytes until the bottom-of-stack bit; the first nibble of what follows tells the version.
  private func innerOfMPLS(_ bytes: UnsafeRawPointer) -> InnerFrame? {
    guard etherType == 0x8847 || etherType == 0x8848 else { return nil }
    var offset = Int(networkOffset)
    let end = Int(packetEnd)
    while end >= offset + 4 {
      let isBottom = unsafe byte(bytes, offset + 2) & 1 == 1
      offset += 4
      guard isBottom else { continue }
      guard offset < end else { return nil }
      switch unsafe byte(bytes, offset) >> 4 {
      case 4: return InnerFrame(offset: offset, end: end, decoder: .ipv4)
      case 6: return InnerFrame(offset: offset, end: end, decoder: .ipv6)
      default: return nil
      }
    }
    return nil
  }

  private func innerOfUDP(_ bytes: UnsafeRawPointer, _ start: Int, _ end: Int) -> InnerFrame? {
    guard flags.contains(.portsKnown), end >= start + 16 else { return nil }
    switch destinationPort {
    case 4789, 8472: return unsafe Self.innerOfVXLAN(bytes, start + 8, end)
    case 6081: return unsafe Self.innerOfGeneve(bytes, start + 8, end)
    default: return nil
    }
  }

  private static func innerOfVXLAN(_ bytes: UnsafeRawPointer, _ start: Int, _ end: Int) -> InnerFrame? {
    guard unsafe byte(bytes, start) & 0x08 != 0, end > start + 8 else { return nil }
    return InnerFrame(offset: start + 8, end: end, decoder: .ethernet)
  }

  private static func innerOfGeneve(_ bytes: UnsafeRawPointer, _ start: Int, _ end: Int) -> InnerFrame? {
    let first = unsafe byte(bytes, start)
    guard first >> 6 == 0 else { return nil }
    return unsafe payload(etherType: bigEndian16(bytes, start + 2), start + 8 + Int(first & 0x3f) * 4, end)
  }

  private static func innerOfGRE(_ bytes: UnsafeRawPointer, _ start: Int, _ end: Int) -> InnerFrame? {
    guard end >= start + 4 else { return nil }
    let flags = unsafe bigEndian16(bytes, start)
    let type = unsafe bigEndian16(bytes, start + 2)
    // Version 0 without source routing; version 1 is PPTP (RFC 2637).
    guard flags & 0x4007 == 0 else { return nil }
    var offset = start + 4
    if flags & 0x8000 != 0 { offset += 4 }
    if flags & 0x2000 != 0 { offset += 4 }
    if flags & 0x1000 != 0 { offset += 4 }
    // ERSPAN type II has its own 8-byte header when a sequence number is present (draft-foschiano-erspan-03).
    if type == 0x88be {
      return payload(etherType: 0x6558, flags & 0x1000 != 0 ? offset + 8 : offset, end)
    }
    return payload(etherType: type, offset, end)
  }

  private static func payload(etherType: UInt16, _ offset: Int, _ end: Int) -> InnerFrame? {
    guard offset < end else { return nil }
    switch etherType {
    case 0x0800: return InnerFrame(offset: offset, end: end, decoder: .ipv4)
    case 0x86dd: return InnerFrame(offset: offset, end: end, decoder: .ipv6)
    case 0x6558: return InnerFrame(offset: offset, end: end, decoder: .ethernet)
    default: return nil
    }
  }
}
