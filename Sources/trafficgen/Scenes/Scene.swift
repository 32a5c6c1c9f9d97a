import Wire

/// A few packets that tell one story: what an audit finds, or the like that it must not find.
struct Scene {
  /// A host of examples/inventories/shop.json, or the world behind its gateway.
  struct Host {
    var address: String
    var mac: String

    static let web1 = Host(address: "10.20.1.11", mac: "02:00:0a:14:01:0b")
    static let web2 = Host(address: "10.20.1.12", mac: "02:00:0a:14:01:0c")
    static let app1 = Host(address: "10.20.2.11", mac: "02:00:0a:14:02:0b")
    static let db1 = Host(address: "10.20.3.4", mac: "02:00:0a:14:03:04")
    static let bastion = Host(address: "10.20.9.5", mac: "02:00:0a:14:09:05")
    static let sensor1 = Host(address: "10.20.9.10", mac: "02:00:0a:14:09:0a")
    static let sensor2 = Host(address: "10.20.9.11", mac: "02:00:0a:14:09:0b")

    /// Behind the gateway.
    static func outside(_ address: String) -> Host { Host(address: address, mac: "02:00:0a:14:00:01") }
  }

  private(set) var frames: [(time: UInt64, bytes: [UInt8])] = []
  /// Nanoseconds since 1970 of the next packet: 23 November 2026, 09:00 UTC.
  private var time: UInt64 = 1_795_424_400_000_000_000
  private var sequences: [String: UInt32] = [:]

  mutating func wait(milliseconds: UInt64) { time += milliseconds * 1_000_000 }

  mutating func add(_ frame: [UInt8]) {
    frames.append((time, frame))
    time += 1_000_000
  }

  private mutating func add(
    _ kind: IPProtocol, _ from: (Host, UInt16), _ to: (Host, UInt16), _ fill: (inout PacketBuilder) -> Void
  ) {
    guard let source = IPAddress(from.0.address), let destination = IPAddress(to.0.address),
      let sourceMAC = MACAddress(from.0.mac), let destinationMAC = MACAddress(to.0.mac)
    else { preconditionFailure("scenes have sane addresses") }
    var builder = PacketBuilder(protocol: kind, source: source, destination: destination)
    builder.link = .ethernet(source: sourceMAC, destination: destinationMAC, vlan: nil)
    builder.sourcePort = from.1
    builder.destinationPort = to.1
    fill(&builder)
    guard let frame = try? builder.build() else { preconditionFailure("scenes have sane packets") }
    add(frame)
  }

  mutating func udp(_ from: (Host, UInt16), _ to: (Host, UInt16), _ payload: [UInt8]) {
    add(.udp, from, to) { $0.payload = payload }
  }

  /// A segment; sequence numbers go on by themselves.
  mutating func tcp(_ from: (Host, UInt16), _ to: (Host, UInt16), _ flags: String, _ payload: [UInt8] = []) {
    let way = "\(from.0.address):\(from.1)>\(to.0.address):\(to.1)"
    let sequence = sequences[way] ?? 1000
    let takesOne = flags.contains("S") || flags.contains("F")
    sequences[way] = sequence &+ UInt32(payload.count) &+ (takesOne ? 1 : 0)
    add(.tcp, from, to) {
      $0.tcpFlags = PacketBuilder.tcpFlags(flags) ?? 0
      $0.sequence = sequence
      $0.payload = payload
    }
  }

  /// A whole conversation: each line is one side's, the client's first.
  mutating func talk(_ client: (Host, UInt16), _ server: (Host, UInt16), _ lines: [[UInt8]]) {
    tcp(client, server, "S")
    tcp(server, client, "S.")
    tcp(client, server, ".")
    for (number, line) in lines.enumerated() where !line.isEmpty {
      if number % 2 == 0 { tcp(client, server, ".P", line) } else { tcp(server, client, ".P", line) }
    }
    tcp(client, server, ".F")
    tcp(server, client, ".F")
    tcp(client, server, ".")
  }

  mutating func talk(_ client: (Host, UInt16), _ server: (Host, UInt16), _ lines: [String]) {
    talk(client, server, lines.map { Array($0.utf8) })
  }
}
