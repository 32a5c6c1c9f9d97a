// Random frames over an inventory: few endpoints, so that conversations, copies and receivers meet; every shape that
// section 6.1 speaks of, and every way to be cut short or to lie.

import DataPath
import Inventory
import SeededRandom
import Wire

@testable import Mirroring

/// What frames are made of.
struct FrameWorld {
  var macs: [[UInt8]]
  var v4: [IPAddress]
  var v6: [IPAddress]
  var receivers: [IPAddress]
  /// The MAC and the addresses of ENIs that have both.
  var owners: [(mac: [UInt8], addresses: [IPAddress])]
  var linkTypes: [LinkType]
  var interfaces: Int { linkTypes.count }

  init(_ scene: Scene) {
    let enis = scene.inventory.enis
    let known = enis.compactMap { $0.mac.map { bigEndian($0.value, 6) } }
    macs =
      known + [[2, 0, 0, 0, 0, 0xaa], [2, 0, 0, 0, 0, 0xbb], Array(repeating: 255, count: 6), [1, 0, 0x5e, 0, 0, 5]]
    let far = ["8.8.8.8", "8.8.8.9", "198.51.100.7", "224.0.0.5", "255.255.255.255", "169.254.1.1", "127.0.0.1"]
    let unlisted = ["0.0.0.0", "10.20.1.200", "10.20.2.9", "10.20.2.15", "10.20.1.0", "10.20.3.1", "10.20.9.9"]
    let far6 = ["2001:db8:ffff::1", "ff02::1", "fe80::1", "::1", "::", "2001:db8:20:1::99", "2606::8"]
    let own = enis.flatMap(\.addresses)
    v4 = (own + own).filter { $0.family == .v4 } + (far + unlisted).map { IPAddress($0)! }
    v6 = (own + own).filter { $0.family == .v6 } + far6.map { IPAddress($0)! }
    receivers = scene.mirrors.flatMap(\.receivers)
    owners = enis.compactMap { eni in eni.mac.map { (bigEndian($0.value, 6), eni.addresses) } }
    linkTypes = scene.interfaces.map(\.linkType)
  }
}

func bigEndian(_ value: some BinaryInteger, _ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - $0))) }
}

func octets(_ address: IPAddress) -> [UInt8] {
  address.family == .v4 ? bigEndian(address.low, 4) : bigEndian(address.high, 8) + bigEndian(address.low, 8)
}

extension RandomNumbers {
  /// Frames in order of time, mostly; every frame may come again, turned round, or nearly the same.
  mutating func frames(_ count: Int, _ world: FrameWorld, gap: Int = 50_000_000) -> [TestFrame] {
    var time: Int64 = 1_700_000_000_000_000_000 + Int64(number(0...1_000_000_000))
    var made: [TestFrame] = []
    while made.count < count {
      time += chance(3) ? Int64(number(0...40)) * 1_000_000_000 : Int64(number(0...gap))
      var next = made.isEmpty || chance(55) ? frame(world) : pick(made.suffix(12))
      next.time = chance(95) ? time : time - Int64(number(0...1_000_000_000))
      if chance(25) { turn(&next, world.linkTypes[Int(next.interface)]) }
      if chance(10) { next.original = UInt32(number(0...9000)) }
      if chance(5) { next.bytes = Array(next.bytes.prefix(number(0...next.bytes.count))) }
      if chance(4), !next.bytes.isEmpty { next.bytes[number(0...min(next.bytes.count, 60) - 1)] = byte() }
      made.append(next)
      guard chance(4) else { continue }
      for piece in datagram(world) {
        time += Int64(number(0...gap))
        made.append(TestFrame(piece, time: time, interface: UInt32(number(0...world.interfaces - 1))))
      }
    }
    return Array(made.prefix(count))
  }

  /// The answer to a frame: MACs, addresses and ports swapped, where they stand at their plainest places.
  private func turn(_ frame: inout TestFrame, _ link: LinkType) {
    let start = link == .ethernet ? 14 : 0
    guard [.ethernet, .raw, .ipv4, .ipv6].contains(link), frame.bytes.count > start else { return }
    let isVersion4 = frame.bytes[start] >> 4 == 4
    let header = isVersion4 ? Int(frame.bytes[start] & 15) * 4 : 40
    guard frame.bytes.count >= start + max(header, 20) + 4 else { return }
    let (source, width) = isVersion4 ? (start + 12, 4) : (start + 8, 16)
    var pairs = [(source, width), (start + header, 2)]
    if link == .ethernet { pairs.append((0, 6)) }
    for (at, width) in pairs {
      let first = Array(frame.bytes[at..<at + width])
      frame.bytes.replaceSubrange(at..<at + width, with: frame.bytes[at + width..<at + 2 * width])
      frame.bytes.replaceSubrange(at + width..<at + 2 * width, with: first)
    }
  }

  mutating func frame(_ world: FrameWorld) -> TestFrame {
    let interface = number(0...world.interfaces - 1)
    let link = world.linkTypes[interface]
    var frame = TestFrame(linkFrame(link, world))
    if chance(15) { frame.bytes += bytes(number(1...20)) }
    frame.original = UInt32(frame.bytes.count + (chance(10) ? number(0...1500) : 0))
    frame.interface = UInt32(interface)
    frame.direction = pick([.unknown, .inbound, .outbound])
    return frame
  }

  /// The pieces of one datagram on Ethernet, mostly in order, sometimes with one missing; its first may have no ports.
  private mutating func datagram(_ world: FrameWorld) -> [[UInt8]] {
    let isVersion4 = chance(60)
    let known = pick([6, 17, 17, 17, 132, isVersion4 ? 1 : 58, 50])
    let all = isVersion4 ? world.v4 : world.v6
    let (source, destination) = (pick(all), pick(all))
    let link = mac(of: destination, world) + mac(of: source, world) + (isVersion4 ? [0x08, 0] : [0x86, 0xdd])
    let identification = bigEndian(number(0...0xffff), 4)
    let payload = bigEndian(pick(Self.ports), 2) + bigEndian(pick(Self.ports), 2) + bytes(4)
    var pieces = (0..<3).map { index -> [UInt8] in
      let data = index == 0 ? payload : bytes(8)
      if isVersion4 {
        let field = bigEndian(index | (index < 2 ? 0x2000 : 0), 2)
        return link + [0x45, 0, 0, 28] + identification.suffix(2) + field + [64, UInt8(known), 0, 0] + octets(source)
          + octets(destination) + data
      }
      let header = [UInt8(known), 0] + bigEndian(index * 8 | (index < 2 ? 1 : 0), 2) + identification
      return link + [0x60, 0, 0, 0, 0, 16, 44, 64] + octets(source) + octets(destination) + header + data
    }
    if chance(20) { pieces.swapAt(0, number(1...2)) }
    if chance(20) { pieces.remove(at: number(0...2)) }
    return pieces
  }

  private mutating func linkFrame(_ link: LinkType, _ world: FrameWorld) -> [UInt8] {
    switch link {
    case .ethernet: ethernet(world)
    case .linuxSLL:
      bigEndian(number(0...4), 2) + [0, 1] + bigEndian(pick([6, 6, 6, 0, 8]), 2) + pick(world.macs) + [0, 0]
        + typed(tagged(world))
    case .linuxSLL2: cooked2(world)
    case .null: (chance(50) ? [2, 0, 0, 0] : [0, 0, 0, 2]) + ipv4(world).bytes
    case .loop: pick([[0, 0, 0, 24], [0, 0, 0, 10], [0, 0, 0, 7]]) + ipv6(world).bytes
    case .ppp: ppp(world)
    default: chance(60) ? ipv4(world).bytes : ipv6(world).bytes
    }
  }

  private mutating func cooked2(_ world: FrameWorld) -> [UInt8] {
    let (type, rest) = tagged(world)
    let head = bigEndian(type, 2) + [0, 0, 0, 0, 0, 3, 0, 1, UInt8(number(0...4)), UInt8(pick([6, 6, 0]))]
    return head + pick(world.macs) + [0, 0] + rest
  }

  private mutating func ppp(_ world: FrameWorld) -> [UInt8] {
    let head: [UInt8] = chance(50) ? [0xff, 0x03] : []
    let isShort = chance(50)
    if chance(10) { return head + [0x02, 0x81] + bytes(12) }
    return chance(60)
      ? head + (isShort ? [0x21] : [0, 0x21]) + ipv4(world).bytes
      : head + (isShort ? [0x57] : [0, 0x57]) + ipv6(world).bytes
  }

  private func typed(_ packet: (type: Int, rest: [UInt8])) -> [UInt8] { bigEndian(packet.type, 2) + packet.rest }

  /// MACs that fit the addresses, or do not.
  private mutating func ethernet(_ world: FrameWorld) -> [UInt8] {
    let (type, rest, source, destination) = network(world)
    let from = mac(of: source, world)
    let to = mac(of: destination, world)
    return to + from + typed(tag(type, rest))
  }

  private mutating func mac(of address: IPAddress?, _ world: FrameWorld) -> [UInt8] {
    if let address, chance(70), let owner = world.owners.first(where: { $0.addresses.contains(address) }) {
      return owner.mac
    }
    return chance(50) ? [2, 0, 0, 0, 0, 0xaa] : pick(world.macs)
  }

  private mutating func tagged(_ world: FrameWorld) -> (type: Int, rest: [UInt8]) {
    let (type, rest, _, _) = network(world)
    return tag(type, rest)
  }

  /// No tag, one, or several, of every tag's type; sometimes under what is not a tag.
  private mutating func tag(_ type: Int, _ rest: [UInt8]) -> (type: Int, rest: [UInt8]) {
    var packet = (type, rest)
    guard chance(25) else { return packet }
    for _ in 0..<number(1...3) {
      packet = (pick([0x8100, 0x88a8, 0x9100, 0x9200, 0x9300]), bytes(2) + typed(packet))
    }
    if chance(5) { packet = (0x8847, bytes(4) + packet.1) }
    return packet
  }

  private mutating func network(
    _ world: FrameWorld
  ) -> (type: Int, rest: [UInt8], source: IPAddress?, destination: IPAddress?) {
    switch number(0...19) {
    case 0: return (0x0806, arp(world), nil, nil)
    case 1: return (pick([0x88cc, 0x8847, 0x8864, 60, 0x0800, 0x86dd]), bytes(number(0...40)), nil, nil)
    case 2...12:
      let packet = ipv4(world)
      return (0x0800, packet.bytes, packet.source, packet.destination)
    default:
      let packet = ipv6(world)
      return (0x86dd, packet.bytes, packet.source, packet.destination)
    }
  }

  private mutating func arp(_ world: FrameWorld) -> [UInt8] {
    let sender = chance(40) ? world.receivers.filter { $0.family == .v4 } : world.v4
    let head: [UInt8] = [0, 1, chance(90) ? 8 : 0x86, 0, chance(90) ? 6 : 8, chance(95) ? 4 : 16, 0, 1]
    return head + bytes(Int(head[4])) + octets(sender.isEmpty ? world.v4[0] : pick(sender)) + bytes(10)
  }

  // MARK: IP

  private typealias Packet = (bytes: [UInt8], source: IPAddress, destination: IPAddress)

  private mutating func ipv4(_ world: FrameWorld) -> Packet {
    let (source, destination) = ends(world.v4, world.receivers.filter { $0.family == .v4 })
    let known = pick(Self.protocols)
    let payload = transport(known, world, isVersion4: true)
    let options = chance(15) ? bytes(4 * number(1...10)) : []
    var flags = chance(30) ? 0x4000 : 0
    if chance(15) { flags = pick([0x2000, 0x2001, 0x0003, 0x1fff, 0x8000]) }
    let header = 20 + options.count
    var total = header + payload.count
    if chance(4) { total = pick([0, 19, 20, header, header + 2, 65535]) }
    var bytes = [UInt8(0x40 | header / 4), 0] + bigEndian(total, 2) + bigEndian(number(1...3), 2)
    bytes += bigEndian(flags, 2) + [64, UInt8(known), 0, 0] + octets(source) + octets(destination)
    if chance(2) { bytes[0] = pick([0x44, 0x4f, 0x55, 0x65, 0x05]) }
    return (bytes + options + payload, source, destination)
  }

  private mutating func ends(_ all: [IPAddress], _ receivers: [IPAddress]) -> (IPAddress, IPAddress) {
    let source = !receivers.isEmpty && chance(8) ? pick(receivers) : pick(all)
    let destination = !receivers.isEmpty && chance(15) ? pick(receivers) : pick(all)
    return (source, destination)
  }

  private mutating func ipv6(_ world: FrameWorld) -> Packet {
    let (source, destination) = ends(world.v6, world.receivers.filter { $0.family == .v6 })
    let known = pick(Self.protocols)
    var (next, rest) = (known, transport(known, world, isVersion4: false))
    if chance(30) { for _ in 0..<number(1...4) { (next, rest) = extensionHeader(next, rest) } }
    let length = chance(5) ? pick([0, 4, 8, 65535, rest.count / 2]) : rest.count
    let head: [UInt8] = [chance(98) ? 0x60 : 0x40, 0, 0, 0] + bigEndian(length, 2) + [UInt8(next), 64]
    return (head + octets(source) + octets(destination) + rest, source, destination)
  }

  private mutating func extensionHeader(_ next: Int, _ rest: [UInt8]) -> (Int, [UInt8]) {
    let header = pick([0, 43, 44, 44, 51, 60, 135])
    switch header {
    case 44:
      let field = pick([0, 1, 1, 8, 9, 0xfff8, 6])
      return (header, [UInt8(next), 0] + bigEndian(field, 2) + bigEndian(number(1...3), 4) + rest)
    case 51:
      let units = number(0...4)
      return (header, [UInt8(next), UInt8(units)] + bytes((units + 2) * 4 - 2) + rest)
    default:
      let units = chance(95) ? number(0...2) : 255
      return (header, [UInt8(next), UInt8(units)] + bytes(min(units, 4) * 8 + 6) + rest)
    }
  }

  // MARK: Transport

  private mutating func transport(_ known: Int, _ world: FrameWorld, isVersion4: Bool) -> [UInt8] {
    if known == (isVersion4 ? 1 : 58), chance(60) { return icmpError(world, isVersion4) }
    let ports = bigEndian(pick(Self.ports), 2) + bigEndian(pick(Self.ports), 2)
    return ports + bytes(chance(10) ? 0 : number(4...24))
  }

  private mutating func icmpError(_ world: FrameWorld, _ isVersion4: Bool) -> [UInt8] {
    let type = isVersion4 ? pick([3, 4, 5, 11, 12, 8, 0]) : pick([1, 2, 3, 4, 128, 129])
    let quoted = isVersion4 ? ipv4(world).bytes : ipv6(world).bytes
    return [UInt8(type), 0, 0, 0, 0, 0, 0, 0] + quoted.prefix(chance(80) ? 60 : number(0...30))
  }
}
