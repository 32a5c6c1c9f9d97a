internal import Mirroring
internal import Wire

// What answers hang on.
//
// Invariants
// 1. A field's keys decide it: two packets of equal keys show scripts the same value of the field, presence included. The
//    values come from the very record that scripts read, so that the two cannot part.
// 2. `isOfPath` says of a key that all packets of a conversation's path agree in it: what `Path` and `PreparedFrame` of the
//    data path compare (addresses, ports, protocol, what of these is known, both MACs, the link with its ENI), and that such
//    a packet is IP and no fragment. Everything else may differ from one packet of a conversation to the next: how
//    much of TCP's header was captured, tags, TTL.

/// One of the things that a remembered answer hangs on.
package enum PacketKey: UInt8, CaseIterable, Sendable {
  /// The ENI's id, as scripts see it; of an unlisted ENI its address.
  case eni
  case direction
  /// ENI and subnet, whose routes apply.
  case site
  case source, destination, sourcePort, destinationPort, `protocol`, ipVersion, fragment, icmp
  case sourceMAC, destinationMAC
  case vlan, etherType, ttl, dscp, tcp, tcpFlags, fin, syn, rst, psh, ack, urg, icmpType, icmpCode

  /// Whether a set holds the source or destination address, by the set's number: `source_in`, `destination_in`.
  static func isHeld(bySet set: Int, isSource: Bool) -> UInt8 {
    firstOfSets + UInt8(truncatingIfNeeded: set << 1) + (isSource ? 0 : 1)
  }

  static let firstOfSets: UInt8 = 64

  /// All packets of a conversation's direction agree in it, as a rule: see `PolicyContext.isOfPath`.
  var isOfConversation: Bool {
    switch self {
    case .eni, .direction, .site, .source, .destination, .sourcePort, .destinationPort, .protocol, .ipVersion,
      .fragment,
      .icmp, .sourceMAC, .destinationMAC:
      true
    case .vlan, .etherType, .ttl, .dscp, .tcp, .tcpFlags, .fin, .syn, .rst, .psh, .ack, .urg, .icmpType, .icmpCode:
      false
    }
  }
}

/// A key's value for one packet.
struct PacketKeyValue: Equatable {
  var high: UInt64 = 0
  var low: UInt64 = 0
  /// Kind and presence.
  var tag: UInt32 = 0

  init(_ number: some BinaryInteger, isPresent: Bool = true) {
    guard isPresent else { return }
    low = UInt64(truncatingIfNeeded: number)
    tag = 1
  }

  init(_ address: IPAddress?, tag: UInt32 = 0) {
    guard let address else { return }
    high = address.high
    low = address.low
    self.tag = tag | UInt32(address.family.rawValue)
  }
}

extension PolicyContext {
  /// The key's value for a packet.
  func value(of key: UInt8, _ record: UnsafePointer<PacketRecord>) -> PacketKeyValue {
    guard let key = PacketKey(rawValue: key) else { return unsafe held(by: key, record) }
    switch key {
    case .eni, .direction, .site, .source, .destination, .sourceMAC, .destinationMAC:
      return unsafe observedValue(of: key, record)
    default: return unsafe record.pointee.value(of: key)
    }
  }

  private func held(by key: UInt8, _ record: UnsafePointer<PacketRecord>) -> PacketKeyValue {
    let number = Int(key &- PacketKey.firstOfSets)
    let summary = unsafe record.pointee.observed.pointee.summary
    let address = number & 1 == 0 ? summary.source : summary.destination
    return PacketKeyValue(holds(set: number >> 1, address) == true ? 1 : 0)
  }

  private func observedValue(of key: PacketKey, _ record: UnsafePointer<PacketRecord>) -> PacketKeyValue {
    let packet = unsafe record.pointee.observed
    switch key {
    case .eni:
      if let eni = unsafe packet.pointee.eni { return PacketKeyValue(eni) }
      return unsafe PacketKeyValue(
        packet.pointee.isOutbound ? packet.pointee.summary.source : packet.pointee.summary.destination, tag: 0x100)
    case .direction: return unsafe PacketKeyValue(packet.pointee.isOutbound ? 1 : 0)
    case .site:
      var value = unsafe PacketKeyValue(packet.pointee.eni ?? -1)
      value.high = unsafe UInt64(truncatingIfNeeded: packet.pointee.subnet)
      return value
    case .source: return unsafe PacketKeyValue(packet.pointee.summary.source)
    case .destination: return unsafe PacketKeyValue(packet.pointee.summary.destination)
    case .sourceMAC:
      return unsafe PacketKeyValue(packet.pointee.summary.sourceMAC, isPresent: record.pointee.has(.sourceMAC))
    default:
      return unsafe PacketKeyValue(
        packet.pointee.summary.destinationMAC, isPresent: record.pointee.has(.destinationMAC))
    }
  }

  /// Invariant 2.
  func isOfPath(_ key: UInt8, _ record: UnsafePointer<PacketRecord>) -> Bool {
    guard let known = PacketKey(rawValue: key) else { return true }
    switch known {
    // There is none in other protocols; of ICMP's own packets it may be cut short.
    case .icmp: return unsafe record.pointee.protocolNumber != 1 && record.pointee.protocolNumber != 58
    // A path holds 0 for a MAC that is not known, too.
    case .sourceMAC, .destinationMAC: return unsafe value(of: key, record).low != 0
    default: return known.isOfConversation
    }
  }
}

extension PacketRecord {
  /// Of keys that are plain numbers of the record.
  fileprivate func value(of key: PacketKey) -> PacketKeyValue {
    switch key {
    case .sourcePort: PacketKeyValue(sourcePort, isPresent: has(.ports))
    case .destinationPort: PacketKeyValue(destinationPort, isPresent: has(.ports))
    case .protocol: PacketKeyValue(protocolNumber, isPresent: has(.protocol))
    case .ipVersion: PacketKeyValue(ipVersion, isPresent: has(.ip))
    case .fragment: PacketKeyValue(isFragment, isPresent: has(.ip))
    case .icmp: PacketKeyValue(0, isPresent: has(.icmp))
    case .icmpType: PacketKeyValue(icmpType, isPresent: has(.icmp))
    case .icmpCode: PacketKeyValue(icmpCode, isPresent: has(.icmp))
    case .vlan: PacketKeyValue(vlan, isPresent: has(.vlan))
    case .etherType: PacketKeyValue(etherType, isPresent: has(.etherType))
    case .ttl: PacketKeyValue(ttl, isPresent: has(.ip))
    case .dscp: PacketKeyValue(dscp, isPresent: has(.ip))
    case .tcp: PacketKeyValue(0, isPresent: has(.tcp))
    case .tcpFlags: PacketKeyValue(tcpFlags, isPresent: has(.tcp))
    case .fin: flag(0)
    case .syn: flag(1)
    case .rst: flag(2)
    case .psh: flag(3)
    case .ack: flag(4)
    case .urg: flag(5)
    case .eni, .direction, .site, .source, .destination, .sourceMAC, .destinationMAC:
      PacketKeyValue(0, isPresent: false)
    }
  }

  private func flag(_ bit: UInt8) -> PacketKeyValue { PacketKeyValue(tcpFlags >> bit & 1, isPresent: has(.tcp)) }
}
