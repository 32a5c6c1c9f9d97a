import LuaRuntime
import Wire

/// Packets and bytes by conversation, both directions together; the first packet says who began.
struct ConversationCounts {
  private static let most = 1 << 20

  private struct End: Hashable {
    var address: IPAddress
    var port: UInt16
  }

  /// The ends in an order of their own, so that both directions are one.
  private struct Key: Hashable {
    var low: End
    var high: End
    var number: UInt8

    init(_ packet: PacketSummary, _ source: IPAddress, _ destination: IPAddress) {
      let a = End(address: source, port: packet.sourcePort)
      let b = End(address: destination, port: packet.destinationPort)
      let isOrdered = source != destination ? source < destination : packet.sourcePort <= packet.destinationPort
      (low, high) = isOrdered ? (a, b) : (b, a)
      number = packet.protocol
    }
  }

  private struct Talk {
    var source: End
    var destination: End
    var hasPorts: Bool
    var tally = Tally()
    var first: Int64
    var last: Int64
  }

  private var talks: [Key: Talk] = [:]

  mutating func count(_ packet: PacketSummary, _ length: UInt32, _ time: Int64) throws(HostFailure) {
    guard let source = packet.source, let destination = packet.destination else { return }
    let key = Key(packet, source, destination)
    let new = Talk(
      source: End(address: source, port: packet.sourcePort),
      destination: End(address: destination, port: packet.destinationPort),
      hasPorts: packet.flags.contains(.portsKnown), first: time, last: time)
    var talk = talks[key] ?? new
    talk.tally.count(length)
    talk.last = max(talk.last, time)
    talks[key] = talk
    guard talks.count <= Self.most else {
      throw HostFailure("more than \(Self.most) conversations: take or filter fewer packets")
    }
  }

  func table(most: Int) -> LuaValue {
    let sorted = talks.sorted { a, b in
      (b.value.tally.bytes, a.value.first, a.key.number) < (a.value.tally.bytes, b.value.first, b.key.number)
    }
    return .table(LuaTable(items: sorted.prefix(most).map { row($0.key, $0.value) }))
  }

  private func row(_ key: Key, _ talk: Talk) -> LuaValue {
    let name = IPProtocol(rawValue: key.number)
    var fields: [LuaTable.Field] = [
      .init("protocol", .string(name.description)), .init("source", .string(talk.source.address.description)),
      .init("destination", .string(talk.destination.address.description)),
      .init("packets", .integer(Int64(talk.tally.packets))), .init("bytes", .integer(Int64(talk.tally.bytes))),
      .init("seconds", .number(((Double(talk.last - talk.first) / 1e9) * 1000).rounded() / 1000)),
    ]
    if talk.hasPorts {
      fields.append(.init("source_port", .integer(Int64(talk.source.port))))
      fields.append(.init("destination_port", .integer(Int64(talk.destination.port))))
    }
    return .table(LuaTable(fields: fields.sorted { $0.key < $1.key }))
  }
}
