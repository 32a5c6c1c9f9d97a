/// What a frame of a link without Ethernet header carries: how it is dressed as an Ethernet frame.
@frozen public struct LinkPayload: Hashable, Sendable {
  /// Bytes of link header to leave out.
  public var offset: Int
  /// EtherType of what follows; `unknownEtherType` when the link header names no protocol that has one.
  public var etherType: UInt16

  /// IEEE 802 local experimental EtherType 1: the payload is the frame with its own link header.
  public static let unknownEtherType: UInt16 = 0x88b5

  /// Reads the link header.
  ///
  /// - Parameter captured: bytes that may be read at `bytes`. A header cut short is carried whole, as unknown.
  public static func parse(_ bytes: UnsafeRawPointer, captured: Int, decoder: LinkDecoder) -> LinkPayload {
    let unknown = LinkPayload(offset: 0, etherType: unknownEtherType)
    switch decoder {
    case .ethernet, .none: return unknown
    case .ipv4: return LinkPayload(offset: 0, etherType: 0x0800)
    case .ipv6: return LinkPayload(offset: 0, etherType: 0x86dd)
    case .rawIP:
      guard captured >= 1 else { return unknown }
      return unsafe LinkPayload(offset: 0, etherType: byte(bytes, 0) >> 4 == 6 ? 0x86dd : 0x0800)
    case .null, .loop:
      guard captured >= 4 else { return unknown }
      return unsafe parseLoopback(bigEndian32(bytes, 0), isNetworkOrder: decoder == .loop) ?? unknown
    case .linuxSLL:
      guard captured >= 16 else { return unknown }
      return unsafe parseCooked(bigEndian16(bytes, 14), offset: 16) ?? unknown
    case .linuxSLL2:
      guard captured >= 20 else { return unknown }
      return unsafe parseCooked(bigEndian16(bytes, 0), offset: 20) ?? unknown
    case .ppp: return unsafe parsePPP(bytes, captured) ?? unknown
    }
  }

  /// LINKTYPE_NULL has the address family in the writer's byte order, LINKTYPE_LOOP in network order.
  private static func parseLoopback(_ field: UInt32, isNetworkOrder: Bool) -> LinkPayload? {
    switch !isNetworkOrder && field > 0xffff ? field.byteSwapped : field {
    case 2: LinkPayload(offset: 4, etherType: 0x0800)
    case 10, 24, 28, 30: LinkPayload(offset: 4, etherType: 0x86dd)
    default: nil
    }
  }

  /// Numbers under 1536 are Linux's own (802.3, LLC) and no EtherType.
  private static func parseCooked(_ type: UInt16, offset: Int) -> LinkPayload? {
    type >= 0x0600 ? LinkPayload(offset: offset, etherType: type) : nil
  }

  /// RFC 1661 and 1662: address and control may be left out, the protocol may have one (odd) byte.
  private static func parsePPP(_ bytes: UnsafeRawPointer, _ captured: Int) -> LinkPayload? {
    var offset = 0
    if captured >= 2, unsafe byte(bytes, 0) == 0xff, unsafe byte(bytes, 1) == 0x03 { offset = 2 }
    guard captured >= offset + 2 else { return nil }
    var number = unsafe UInt16(byte(bytes, offset))
    offset += 1
    if number & 1 == 0 {
      number = unsafe number << 8 | UInt16(byte(bytes, offset))
      offset += 1
    }
    switch number {
    case 0x0021: return LinkPayload(offset: offset, etherType: 0x0800)
    case 0x0057: return LinkPayload(offset: offset, etherType: 0x86dd)
    case 0x0281: return LinkPayload(offset: offset, etherType: 0x8847)
    default: return nil
    }
  }
}
