package import Wire

/// Remembers what first fragments said, so that later ones can follow them: same addresses, identification and
/// protocol, seen before, at most 30 s old.
///
/// Bounded: 16,384 datagrams in a ring; the oldest gives way, in order of arrival.
package struct FragmentTable {
  package init() {}

  package struct Key: Hashable {
    var sourceHigh: UInt64
    var sourceLow: UInt64
    var destinationHigh: UInt64
    var destinationLow: UInt64
    var identification: UInt32
    /// IPv4: the protocol, part of a datagram's identity (RFC 791); IPv6: 0 (RFC 8200 section 4.5).
    var `protocol`: UInt8
  }

  /// What the first fragment said.
  package struct First {
    var ports: UInt32
    var `protocol`: UInt8
    /// `portsKnown` and `protocolKnown`, as far as they were.
    var known: PacketSummary.Flags
    var time: Int64
    /// It was a copy of whatever engine, so all its fragments are.
    var isForeignCopy: Bool
    fileprivate var serial: Int

    var hasPorts: Bool { known.contains(.portsKnown) }

    /// Gives a later fragment what the first one said: the conversation it is part of.
    package func complete(_ later: inout PacketSummary) {
      later.ports = ports
      later.protocol = `protocol`
      later.flags.subtract([.laterFragment, .portsKnown, .protocolKnown])
      later.flags.formUnion(known)
    }
  }

  static let limit = 16_384
  static let lifetime: Int64 = 30_000_000_000

  private var firsts: [Key: First] = [:]
  private var ring: [Key] = []
  private var serial = 0

  package mutating func remember(_ key: Key, _ first: PacketSummary, time: Int64, isForeignCopy: Bool = false) {
    let position = serial % Self.limit
    if ring.count < Self.limit {
      ring.append(key)
    } else {
      let old = ring[position]
      if firsts[old]?.serial == serial - Self.limit { firsts[old] = nil }
      ring[position] = key
    }
    firsts[key] = First(
      ports: first.ports, protocol: first.protocol,
      known: first.flags.intersection([.portsKnown, .protocolKnown]), time: time,
      isForeignCopy: isForeignCopy, serial: serial)
    serial += 1
  }

  package func first(_ key: Key, time: Int64) -> First? {
    guard let first = firsts[key] else { return nil }
    let age = time.subtractingReportingOverflow(first.time)
    return age.overflow || age.partialValue > Self.lifetime || age.partialValue < -Self.lifetime ? nil : first
  }
}

extension FragmentTable.Key {
  package init(_ summary: PacketSummary) {
    self.init(
      sourceHigh: summary.sourceHigh, sourceLow: summary.sourceLow, destinationHigh: summary.destinationHigh,
      destinationLow: summary.destinationLow, identification: summary.fragmentID,
      protocol: summary.ipVersion == 4 ? summary.protocol : 0)
  }
}
