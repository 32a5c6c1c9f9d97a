/// A link-layer header type of capture files (tcpdump.org "Link-Layer Header Types"); unknown numbers are kept.
@frozen public struct LinkType: RawRepresentable, Hashable, Sendable {
  public var rawValue: UInt16

  @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

  public static let null = LinkType(rawValue: 0)
  public static let ethernet = LinkType(rawValue: 1)
  public static let ppp = LinkType(rawValue: 9)
  public static let raw = LinkType(rawValue: 101)
  public static let loop = LinkType(rawValue: 108)
  public static let linuxSLL = LinkType(rawValue: 113)
  public static let ipv4 = LinkType(rawValue: 228)
  public static let ipv6 = LinkType(rawValue: 229)
  public static let linuxSLL2 = LinkType(rawValue: 276)
  /// DLT_RAW as some systems wrote it into files.
  public static let raw12 = LinkType(rawValue: 12)
  public static let raw14 = LinkType(rawValue: 14)
  /// PPP in HDLC-like framing (RFC 1662), also with other first bytes.
  public static let pppHDLC = LinkType(rawValue: 50)

  /// How frames of this link type are decoded; nil when Moontap has no decoder for it.
  @inlinable public var decoder: LinkDecoder? {
    switch rawValue {
    case 1: .ethernet
    case 12, 14, 101: .rawIP
    case 228: .ipv4
    case 229: .ipv6
    case 0: .null
    case 108: .loop
    case 113: .linuxSLL
    case 276: .linuxSLL2
    case 9, 50: .ppp
    default: nil
    }
  }
}

/// The decoders of `PacketSummary`, one per framing.
@frozen public enum LinkDecoder: UInt8, Sendable {
  case ethernet, rawIP, ipv4, ipv6, null, loop, linuxSLL, linuxSLL2, ppp
  /// No decoder: frames are counted `undecodable`.
  case none

  /// A link type that is decoded so.
  public var linkType: LinkType? {
    switch self {
    case .ethernet: .ethernet
    case .rawIP: .raw
    case .ipv4: .ipv4
    case .ipv6: .ipv6
    case .null: .null
    case .loop: .loop
    case .linuxSLL: .linuxSLL
    case .linuxSLL2: .linuxSLL2
    case .ppp: .ppp
    case .none: nil
    }
  }
}
