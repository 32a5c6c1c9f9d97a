import Inventory
import SeededRandom
import Wire

/// Two ends that talk: all that a frame of theirs needs, and the sums of what stays the same in its checksums.
struct Conversation {
  enum Transport: UInt8 { case tcp, udp, icmp }

  struct End {
    var mac: UInt64
    var address: IPAddress
    var port: UInt16
  }

  var transport: Transport
  var client: End
  var server: End
  /// 0: untagged.
  var vlan: UInt16
  /// Next sequence numbers of client and server.
  var clientSequence: UInt32 = 1
  var serverSequence: UInt32 = 1
  /// Sum of both addresses, and of addresses and ports: the same in both directions (RFC 1071).
  let addressSum: UInt64
  let portSum: UInt64

  var isVersion6: Bool { client.address.family == .v6 }

  init(_ transport: Transport, client: End, server: End, vlan: UInt16) {
    self.transport = transport
    self.client = client
    self.server = server
    self.vlan = vlan
    addressSum = Self.sum(client.address) + Self.sum(server.address)
    portSum = UInt64(client.port) + UInt64(server.port)
  }

  private static func sum(_ address: IPAddress) -> UInt64 {
    (address.high >> 32) + (address.high & 0xffff_ffff) + (address.low >> 32) + (address.low & 0xffff_ffff)
  }
}

/// Draws conversations between the ENIs of one VPC, and between them and the world outside.
///
/// Of a hundred conversations about 85 are TCP (60 to port 443), 12 UDP, 3 ICMP; 15 are IPv6 where the ENIs have such
/// addresses; 15 are tagged; in half of them the other end is outside; in one it is a receiver.
struct ConversationMaker {
  /// What stands for the gateway: nobody's MAC.
  static let gatewayMAC: UInt64 = 0x02ff_ffff_0001

  private let hosts: [ENI]
  private let hosts6: [ENI]
  private let receivers: [ENI]
  private var generator: SeededGenerator
  private var made = 0

  /// - Returns: nil if fewer than two ENIs have a MAC and an IPv4 address.
  init?(enis: [ENI], seed: UInt64) {
    let usable = enis.filter { $0.mac != nil && Self.address($0, .v4) != nil }
    receivers = usable.filter { $0.id.contains("sensor") }
    hosts = usable.filter { !$0.id.contains("sensor") }
    hosts6 = hosts.filter { Self.address($0, .v6) != nil }
    generator = SeededGenerator(seed: seed)
    guard hosts.count >= 2 else { return nil }
  }

  mutating func make() -> Conversation {
    made += 1
    let family: IPFamily = hosts6.count >= 2 && generator.chance(15) ? .v6 : .v4
    let transport = drawTransport()
    let client = drawHost(family)
    let server = drawServer(family, except: client)
    let ports = drawPorts(transport)
    let vlan = generator.chance(15) ? UInt16(100 + generator.below(8)) : 0
    return Conversation(
      transport, client: end(client, family, ports.client),
      server: server.map { end($0, family, ports.server) } ?? outside(family, ports.server), vlan: vlan)
  }

  private mutating func drawTransport() -> Conversation.Transport {
    switch generator.below(100) {
    case ..<85: .tcp
    case ..<97: .udp
    default: .icmp
    }
  }

  /// Client ports differ from one conversation to the next, so that as many are made as were asked for.
  private mutating func drawPorts(_ transport: Conversation.Transport) -> (client: UInt16, server: UInt16) {
    let client = UInt16(1024 + made * 40_503 % 64_511)
    let common: [UInt16] = transport == .udp ? [53, 123, 443, 4500, 8801] : [80, 22, 5432, 8080, 25]
    let server = transport == .tcp && generator.chance(70) ? 443 : common[generator.below(common.count)]
    return (client, server)
  }

  private mutating func drawHost(_ family: IPFamily) -> ENI {
    let candidates = family == .v6 ? hosts6 : hosts
    return candidates[generator.below(candidates.count)]
  }

  /// Nil: outside.
  private mutating func drawServer(_ family: IPFamily, except client: ENI) -> ENI? {
    if generator.chance(50) { return nil }
    if family == .v4, !receivers.isEmpty, generator.chance(2) { return receivers[generator.below(receivers.count)] }
    let other = drawHost(family)
    return other.id == client.id ? nil : other
  }

  private func end(_ eni: ENI, _ family: IPFamily, _ port: UInt16) -> Conversation.End {
    Conversation.End(mac: eni.mac?.value ?? 0, address: Self.address(eni, family) ?? IPAddress(v4: 0), port: port)
  }

  /// 198.18.0.0/15 (RFC 2544) and 2001:db8:ffff::/48 (RFC 3849): addresses that belong to nobody.
  private mutating func outside(_ family: IPFamily, _ port: UInt16) -> Conversation.End {
    let address =
      family == .v4
      ? IPAddress(v4: 0xc612_0000 + UInt32(generator.below(1 << 17)))
      : IPAddress(v6High: 0x2001_0db8_ffff_0000, low: UInt64(generator.below(1 << 32)))
    return Conversation.End(mac: Self.gatewayMAC, address: address, port: port)
  }

  private static func address(_ eni: ENI, _ family: IPFamily) -> IPAddress? {
    eni.addresses.first { $0.family == family }
  }
}
