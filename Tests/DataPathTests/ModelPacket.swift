// The reference model reads packets by itself, byte by byte, from the words of the specification; it shares no line with
// the decoder that it judges. Slow on purpose.

import Wire

/// What section 6.1 lets a packet say; nil is "not known".
struct ModelPacket {
  enum Piece { case whole, first, later }

  var sourceMAC: UInt64?
  var destinationMAC: UInt64?
  /// Link-layer broadcast or multicast.
  var isGroup = false
  /// Linux cooked captures: whether the capturing host sent it.
  var wasSent: Bool?
  /// After all tags; 0 if the frame ends before.
  var etherType = 0
  var source: IPAddress?
  var destination: IPAddress?
  var `protocol`: Int?
  var ports: [Int]?
  var piece = Piece.whole
  var identification = 0
  /// ARP over IPv4: the sender's protocol address.
  var arpSender: IPAddress?
  /// What the IP header carries, after the walked extension headers; without link padding.
  var payload: [UInt8] = []

  var isIP: Bool { source != nil }

  static let portProtocols = [6, 17, 33, 132, 136]
  static let extensions = [0, 43, 44, 51, 60]
}

func number(_ bytes: some Collection<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }

private func word(_ bytes: some Collection<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

extension ModelPacket {
  init(_ bytes: [UInt8], link: LinkType) {
    switch link {
    case .ethernet: readEthernet(bytes)
    case .raw, .raw12, .raw14:
      if let first = bytes.first { readIP(bytes, as: first / 16 == 6 ? 0x86dd : 0x0800) }
    case .ipv4: readIP(bytes, as: 0x0800)
    case .ipv6: readIP(bytes, as: 0x86dd)
    case .null, .loop: readLoopback(bytes, link)
    case .linuxSLL: if bytes.count >= 16 { readCooked(bytes) }
    case .linuxSLL2: if bytes.count >= 20 { readCooked2(bytes) }
    case .ppp, .pppHDLC: readPPP(bytes)
    default: break
    }
  }

  private mutating func readEthernet(_ bytes: [UInt8]) {
    if bytes.count >= 6 { destinationMAC = word(bytes[0..<6]) }
    if bytes.count >= 12 { sourceMAC = word(bytes[6..<12]) }
    isGroup = bytes.count >= 6 && bytes[0] % 2 == 1
    guard bytes.count >= 14 else { return }
    readTagged(Array(bytes[14...]), type: number(bytes[12..<14]))
  }

  private mutating func readTagged(_ bytes: [UInt8], type: Int) {
    etherType = type
    if [0x8100, 0x88a8, 0x9100, 0x9200, 0x9300].contains(type), bytes.count >= 4 {
      return readTagged(Array(bytes[4...]), type: number(bytes[2..<4]))
    }
    if type == 0x0806 { readARP(bytes) }
    if type == 0x0800 || type == 0x86dd { readIP(bytes, as: type) }
  }

  private mutating func readARP(_ bytes: [UInt8]) {
    guard bytes.count >= 8, number(bytes[2..<4]) == 0x0800, bytes[5] == 4 else { return }
    let sender = 8 + Int(bytes[4])
    guard bytes.count >= sender + 4 else { return }
    arpSender = IPAddress(v4: UInt32(number(bytes[sender..<sender + 4])))
  }

  private mutating func readLoopback(_ bytes: [UInt8], _ link: LinkType) {
    guard bytes.count >= 4 else { return }
    let big = number(bytes[0..<4])
    let little = number(bytes[0..<4].reversed())
    let family = link == .loop || big < 65536 ? big : little
    if family == 2 { readIP(Array(bytes[4...]), as: 0x0800) }
    if [10, 24, 28, 30].contains(family) { readIP(Array(bytes[4...]), as: 0x86dd) }
  }

  private mutating func readCooked(_ bytes: [UInt8]) {
    readPacketType(number(bytes[0..<2]))
    if number(bytes[4..<6]) == 6 { readCookedSource(word(bytes[6..<12])) }
    readTagged(Array(bytes[16...]), type: number(bytes[14..<16]))
  }

  private mutating func readCooked2(_ bytes: [UInt8]) {
    readPacketType(Int(bytes[10]))
    if bytes[11] == 6 { readCookedSource(word(bytes[12..<18])) }
    readTagged(Array(bytes[20...]), type: number(bytes[0..<2]))
  }

  private mutating func readPacketType(_ type: Int) {
    wasSent = type == 4
    isGroup = type == 1 || type == 2
  }

  private mutating func readCookedSource(_ mac: UInt64) {
    if mac != 0 { sourceMAC = mac }
  }

  private mutating func readPPP(_ bytes: [UInt8]) {
    var rest = bytes[...]
    if rest.starts(with: [0xff, 0x03]) { rest = rest.dropFirst(2) }
    guard let first = rest.first, first % 2 == 1 || rest.count >= 2 else { return }
    let type = first % 2 == 1 ? Int(first) : number(rest.prefix(2))
    rest = rest.dropFirst(first % 2 == 1 ? 1 : 2)
    if type == 0x21 { readIP(Array(rest), as: 0x0800) }
    if type == 0x57 { readIP(Array(rest), as: 0x86dd) }
    if type == 0x281 { etherType = 0x8847 }
  }
}

extension ModelPacket {
  /// Malformed: no quintuple at all.
  private mutating func readIP(_ bytes: [UInt8], as type: Int) {
    etherType = type
    if type == 0x0800 { readIPv4(bytes) } else { readIPv6(bytes) }
  }

  private mutating func readIPv4(_ bytes: [UInt8]) {
    guard bytes.count >= 20, bytes[0] / 16 == 4 else { return }
    let header = Int(bytes[0] % 16) * 4
    let total = number(bytes[2..<4])
    guard header >= 20, bytes.count >= header, total == 0 || total >= header else { return }
    source = IPAddress(v4: UInt32(number(bytes[12..<16])))
    destination = IPAddress(v4: UInt32(number(bytes[16..<20])))
    self.protocol = Int(bytes[9])
    payload = Array(bytes[header..<(total == 0 ? bytes.count : min(total, bytes.count))])
    let offset = number(bytes[6..<8]) % 8192
    let moreFollow = bytes[6] & 0x20 != 0
    piece = offset > 0 ? .later : moreFollow ? .first : .whole
    if piece != .whole { identification = number(bytes[4..<6]) }
    readPorts()
  }

  private mutating func readIPv6(_ bytes: [UInt8]) {
    guard bytes.count >= 40, bytes[0] / 16 == 6 else { return }
    source = IPAddress(v6High: word(bytes[8..<16]), low: word(bytes[16..<24]))
    destination = IPAddress(v6High: word(bytes[24..<32]), low: word(bytes[32..<40]))
    let length = number(bytes[4..<6])
    let end = length == 0 ? bytes.count : min(bytes.count, 40 + length)
    walk(Int(bytes[6]), Array(bytes[40..<end]))
  }

  private mutating func walk(_ header: Int, _ rest: [UInt8]) {
    payload = rest
    guard Self.extensions.contains(header) else {
      self.protocol = header
      return readPorts()
    }
    guard rest.count >= 8 else { return }
    let next = Int(rest[0])
    let length = header == 44 ? 8 : header == 51 ? (Int(rest[1]) + 2) * 4 : (Int(rest[1]) + 1) * 8
    guard rest.count >= length else { return }
    if header == 44 { readFragment(Array(rest[0..<8])) }
    guard piece != .later else {
      payload = Array(rest[length...])
      self.protocol = Self.extensions.contains(next) ? nil : next
      return
    }
    walk(next, Array(rest[length...]))
  }

  private mutating func readFragment(_ header: [UInt8]) {
    let field = number(header[2..<4])
    if field / 8 > 0 {
      piece = .later
    } else if field % 2 == 1 {
      piece = .first
    }
    if field / 8 > 0 || field % 2 == 1 { identification = number(header[4..<8]) }
  }

  private mutating func readPorts() {
    guard let known = self.protocol, Self.portProtocols.contains(known), piece != .later, payload.count >= 4 else {
      return
    }
    ports = [number(payload[0..<2]), number(payload[2..<4])]
  }
}

extension ModelPacket {
  /// The packet that an ICMP or ICMPv6 error quotes, if its addresses can be read.
  var quoted: ModelPacket? {
    guard piece == .whole, payload.count > 8 else { return nil }
    let isVersion4 = source?.family == .v4
    let isError =
      self.protocol == 1 && [3, 4, 5, 11, 12].contains(payload[0])
      || self.protocol == 58 && (1...4).contains(payload[0])
    guard isError else { return nil }
    let inner = ModelPacket(Array(payload[8...]), link: isVersion4 ? .ipv4 : .ipv6)
    return inner.isIP ? inner : nil
  }
}
