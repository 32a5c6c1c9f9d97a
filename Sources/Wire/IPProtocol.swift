/// An IP protocol number (IANA "Assigned Internet Protocol Numbers"); unknown numbers are kept.
@frozen public struct IPProtocol: RawRepresentable, Hashable, Sendable, Comparable {
  public var rawValue: UInt8

  @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let icmp = IPProtocol(rawValue: 1)
  public static let igmp = IPProtocol(rawValue: 2)
  public static let ipip = IPProtocol(rawValue: 4)
  public static let tcp = IPProtocol(rawValue: 6)
  public static let udp = IPProtocol(rawValue: 17)
  public static let dccp = IPProtocol(rawValue: 33)
  public static let ipv6 = IPProtocol(rawValue: 41)
  public static let gre = IPProtocol(rawValue: 47)
  public static let esp = IPProtocol(rawValue: 50)
  public static let ah = IPProtocol(rawValue: 51)
  public static let icmpv6 = IPProtocol(rawValue: 58)
  public static let sctp = IPProtocol(rawValue: 132)
  public static let udplite = IPProtocol(rawValue: 136)

  /// TCP, UDP, SCTP, DCCP, UDP-Lite: source and destination port are the first four bytes.
  @inlinable public var hasPorts: Bool {
    rawValue == 6 || rawValue == 17 || rawValue == 132 || rawValue == 33 || rawValue == 136
  }

  @inlinable public static func < (a: IPProtocol, b: IPProtocol) -> Bool { a.rawValue < b.rawValue }

  /// The names Moontap prints; the first of a number is the one printed, the others are accepted.
  public static let names: [(name: String, number: UInt8)] = [
    ("icmp", 1), ("igmp", 2), ("ipip", 4), ("ipencap", 4), ("tcp", 6), ("egp", 8), ("igp", 9), ("udp", 17),
    ("dccp", 33), ("ipv6", 41), ("rsvp", 46), ("gre", 47), ("esp", 50), ("ah", 51), ("icmpv6", 58),
    ("ipv6-icmp", 58), ("icmp6", 58), ("eigrp", 88), ("ospf", 89), ("pim", 103), ("vrrp", 112), ("l2tp", 115),
    ("sctp", 132), ("udplite", 136), ("mpls", 137),
  ]

  /// The name, or nil when the number has none here.
  public var name: String? { Self.names.first { $0.number == rawValue }?.name }

  /// A name of `names` in any case, or a decimal number 0 to 255.
  public init?(_ text: some StringProtocol) {
    let lower = text.lowercased()
    if let entry = Self.names.first(where: { $0.name == lower }) {
      rawValue = entry.number
    } else if let number = IPAddress.decimal(Array(lower.utf8)[...], upTo: 255) {
      rawValue = UInt8(number)
    } else {
      return nil
    }
  }
}

extension IPProtocol: CustomStringConvertible {
  /// The name, or the number.
  public var description: String { name ?? String(rawValue) }
}
