import Testing
import Wire

/// One frame, written down from the documents, and what must be read of it.
struct Sample: Sendable, CustomTestStringConvertible {
  var name: String
  var bytes: [UInt8]
  var decoder: LinkDecoder
  var quintuple: String
  var networkOffset: Int
  var transportOffset: Int
  var packetEnd: Int
  /// From how many captured bytes on the addresses, the protocol and the ports are known; nil: never.
  var addressesFrom: Int?
  var protocolFrom: Int?
  var portsFrom: Int?

  var testDescription: String { name }

  /// The plain cases: addresses and protocol are known from the end of the IP header on, ports four bytes later.
  init(
    _ name: String, _ text: String, _ decoder: LinkDecoder, _ quintuple: String, at networkOffset: Int,
    transport: Int, end: Int? = nil, addressesFrom: Int?? = .none, protocolFrom: Int?? = .none, hasPorts: Bool = true
  ) {
    self.name = name
    bytes = hex(text)
    self.decoder = decoder
    self.quintuple = quintuple
    self.networkOffset = networkOffset
    transportOffset = transport
    packetEnd = end ?? bytes.count
    self.addressesFrom = addressesFrom ?? transport
    self.protocolFrom = protocolFrom ?? transport
    portsFrom = hasPorts ? transport + 4 : nil
  }

  /// The same on Ethernet.
  init(
    _ name: String, _ text: String, _ quintuple: String, at networkOffset: Int, transport: Int, end: Int? = nil,
    addressesFrom: Int?? = .none, protocolFrom: Int?? = .none, hasPorts: Bool = true
  ) {
    self.init(
      name, text, .ethernet, quintuple, at: networkOffset, transport: transport, end: end, addressesFrom: addressesFrom,
      protocolFrom: protocolFrom, hasPorts: hasPorts)
  }
}

private let macs = "02000a14010b 02000a140304"
private let v4 = "4500 0028 0001 4000 4006 0000 0a14010b 0a140304"
private let tcp = "1388 01bb 00000001 00000000 5002 ffff 0000 0000"
private let udp = "1388 0035 000c 0000 61626364"
private let addresses6 = "20010db8000000000000000000000001 20010db8000000000000000000000002"
private let tcp4 = "tcp 10.20.1.11:5000 > 10.20.3.4:443"
private let udp4 = "udp 10.20.1.11:5000 > 10.20.3.4:53"

/// One of each header and link that `PacketSummary` reads.
let samples: [Sample] = links + tags + version4 + version6

private func v4(protocol number: String, length: String) -> String {
  "4500 \(length) 0001 4000 40\(number) 0000 0a14010b 0a140304"
}

private func v6(next: String, length: String) -> String { "60000000 \(length) \(next) 40 \(addresses6)" }

private func named6(_ name: String, _ ports: Bool = true) -> String {
  ports ? "\(name) 2001:db8::1:5000 > 2001:db8::2:443" : "\(name) 2001:db8::1 > 2001:db8::2"
}

private let links: [Sample] = [
  Sample("Ethernet", "\(macs) 0800 \(v4) \(tcp)", tcp4, at: 14, transport: 34),
  Sample("raw IP, version 4", "\(v4) \(tcp)", .rawIP, tcp4, at: 0, transport: 20),
  Sample("raw IP, version 6", "\(v6(next: "06", length: "0014")) \(tcp)", .rawIP, named6("tcp"), at: 0, transport: 40),
  Sample("link type IPV4", "\(v4) \(tcp)", .ipv4, tcp4, at: 0, transport: 20),
  Sample("link type IPV6", "\(v6(next: "06", length: "0014")) \(tcp)", .ipv6, named6("tcp"), at: 0, transport: 40),
  Sample("null, little endian", "02000000 \(v4) \(tcp)", .null, tcp4, at: 4, transport: 24),
  Sample("null, big endian", "00000002 \(v4) \(tcp)", .null, tcp4, at: 4, transport: 24),
  Sample(
    "null, Linux's IPv6", "0a000000 \(v6(next: "06", length: "0014")) \(tcp)", .null, named6("tcp"), at: 4,
    transport: 44),
  Sample(
    "null, macOS's IPv6", "1e000000 \(v6(next: "06", length: "0014")) \(tcp)", .null, named6("tcp"), at: 4,
    transport: 44),
  Sample(
    "null, FreeBSD's IPv6", "0000001c \(v6(next: "06", length: "0014")) \(tcp)", .null, named6("tcp"), at: 4,
    transport: 44),
  Sample("loop", "00000002 \(v4) \(tcp)", .loop, tcp4, at: 4, transport: 24),
  Sample(
    "loop, OpenBSD's IPv6", "00000018 \(v6(next: "06", length: "0014")) \(tcp)", .loop, named6("tcp"), at: 4,
    transport: 44),
  Sample("Linux cooked", "0000 0001 0006 02000a14010b0000 0800 \(v4) \(tcp)", .linuxSLL, tcp4, at: 16, transport: 36),
  Sample(
    "Linux cooked 2", "0800 0000 00000002 0001 04 06 02000a14010b0000 \(v4) \(tcp)", .linuxSLL2, tcp4, at: 20,
    transport: 40),
  Sample(
    "Linux cooked, tagged", "0000 0001 0006 02000a14010b0000 8100 000c 0800 \(v4) \(tcp)", .linuxSLL, tcp4, at: 20,
    transport: 40),
  Sample("PPP", "ff03 0021 \(v4) \(tcp)", .ppp, tcp4, at: 4, transport: 24),
  Sample("PPP, IPv6", "ff03 0057 \(v6(next: "06", length: "0014")) \(tcp)", .ppp, named6("tcp"), at: 4, transport: 44),
  Sample("PPP, all compressed", "21 \(v4) \(tcp)", .ppp, tcp4, at: 1, transport: 21),
  Sample("PPP, address compressed", "0021 \(v4) \(tcp)", .ppp, tcp4, at: 2, transport: 22),
]

private let tags: [Sample] = [
  Sample("802.1Q", "\(macs) 8100 600c 0800 \(v4) \(tcp)", tcp4, at: 18, transport: 38),
  Sample("802.1ad over 802.1Q", "\(macs) 88a8 000c 8100 0064 0800 \(v4) \(tcp)", tcp4, at: 22, transport: 42),
  Sample(
    "five tags of all kinds", "\(macs) 9100 000c 9200 0001 9300 0002 88a8 0003 8100 0004 0800 \(v4) \(tcp)", tcp4,
    at: 34,
    transport: 54),
  Sample(
    "tagged IPv6", "\(macs) 8100 000c 86dd \(v6(next: "06", length: "0014")) \(tcp)", named6("tcp"), at: 18,
    transport: 58),
  Sample(
    "MPLS is not IP", "\(macs) 8847 00010140 \(v4) \(tcp)", "no ip", at: 14, transport: 14, addressesFrom: .some(nil),
    protocolFrom: .some(nil), hasPorts: false),
  Sample(
    "PPPoE is not IP", "\(macs) 8864 1100 0001 002a 0021 \(v4) \(tcp)", "no ip", at: 14, transport: 14,
    addressesFrom: .some(nil), protocolFrom: .some(nil), hasPorts: false),
  Sample(
    "SNAP is not IP", "\(macs) 0030 aaaa03 000000 0800 \(v4) \(tcp)", "no ip", at: 14, transport: 14,
    addressesFrom: .some(nil), protocolFrom: .some(nil), hasPorts: false),
  Sample(
    "ARP", "\(macs) 0806 0001 0800 06 04 0001 02000a14010b 0a14010b 000000000000 0a140304", "no ip", at: 14,
    transport: 14,
    addressesFrom: .some(nil), protocolFrom: .some(nil), hasPorts: false),
]

private let version4: [Sample] = [
  Sample("UDP", "\(macs) 0800 \(v4(protocol: "11", length: "0020")) \(udp)", udp4, at: 14, transport: 34),
  Sample(
    "SCTP", "\(macs) 0800 \(v4(protocol: "84", length: "0020")) \(udp)", "sctp 10.20.1.11:5000 > 10.20.3.4:53", at: 14,
    transport: 34),
  Sample(
    "DCCP", "\(macs) 0800 \(v4(protocol: "21", length: "0020")) \(udp)", "dccp 10.20.1.11:5000 > 10.20.3.4:53", at: 14,
    transport: 34),
  Sample(
    "UDP-Lite", "\(macs) 0800 \(v4(protocol: "88", length: "0020")) \(udp)", "udplite 10.20.1.11:5000 > 10.20.3.4:53",
    at: 14, transport: 34),
  Sample(
    "ICMP", "\(macs) 0800 \(v4(protocol: "01", length: "001c")) 0800 0000 0001 0001", "icmp 10.20.1.11 > 10.20.3.4",
    at: 14,
    transport: 34, hasPorts: false),
  Sample(
    "an unknown protocol", "\(macs) 0800 \(v4(protocol: "fd", length: "0018")) 01020304", "253 10.20.1.11 > 10.20.3.4",
    at: 14, transport: 34, hasPorts: false),
  Sample(
    "options", "\(macs) 0800 4600 002c 0001 4000 4006 0000 0a14010b 0a140304 94040000 \(tcp)", tcp4, at: 14,
    transport: 38),
  Sample(
    "forty bytes of options",
    "\(macs) 0800 4f00 0050 0001 4000 4006 0000 0a14010b 0a140304 \(String(repeating: "01", count: 40)) \(tcp)", tcp4,
    at: 14,
    transport: 74),
  Sample(
    "source routing: the header's destination counts",
    "\(macs) 0800 4700 0030 0001 4000 4006 0000 0a14010b 0a140304 8307 04 c0000201 00 \(tcp)", tcp4, at: 14,
    transport: 42),
  Sample(
    "padding behind the packet", "\(macs) 0800 \(v4) \(tcp) ffffffffffff", tcp4, at: 14, transport: 34, end: 54),
  Sample(
    "ports beyond the packet are padding", "\(macs) 0800 \(v4(protocol: "11", length: "0017")) 138800 35000c0000",
    "udp 10.20.1.11 > 10.20.3.4", at: 14, transport: 34, end: 37, hasPorts: false),
  Sample(
    "total length 0 is the frame's", "\(macs) 0800 \(v4(protocol: "11", length: "0000")) \(udp)", udp4, at: 14,
    transport: 34
  ),
  Sample(
    "total length beyond the capture", "\(macs) 0800 \(v4(protocol: "11", length: "ffff")) \(udp)", udp4, at: 14,
    transport: 34),
  Sample(
    "first fragment", "\(macs) 0800 4500 0020 0007 2000 4011 0000 0a14010b 0a140304 \(udp)", udp4, at: 14, transport: 34
  ),
  Sample(
    "later fragment", "\(macs) 0800 4500 0020 0007 2001 4011 0000 0a14010b 0a140304 \(udp)",
    "udp 10.20.1.11 > 10.20.3.4",
    at: 14, transport: 34, hasPorts: false),
  Sample(
    "last fragment", "\(macs) 0800 4500 0020 0007 0002 4011 0000 0a14010b 0a140304 \(udp)",
    "udp 10.20.1.11 > 10.20.3.4",
    at: 14, transport: 34, hasPorts: false),
]

private let chain = "3c00050200000100 2b00010400000000 3300000000000000 06020000 00000001 00000001 00000000"

private let version6: [Sample] = [
  Sample(
    "IPv6", "\(macs) 86dd \(v6(next: "06", length: "0014")) \(tcp)", named6("tcp"), at: 14, transport: 54),
  Sample(
    "payload length 0 is the frame's", "\(macs) 86dd \(v6(next: "06", length: "0000")) \(tcp)", named6("tcp"), at: 14,
    transport: 54),
  Sample(
    "IPv6 with padding", "\(macs) 86dd \(v6(next: "06", length: "0014")) \(tcp) 0000", named6("tcp"), at: 14,
    transport: 54,
    end: 74),
  Sample(
    "no next header", "\(macs) 86dd \(v6(next: "3b", length: "0000"))", named6("59", false), at: 14, transport: 54,
    hasPorts: false),
  Sample(
    "ESP ends the walk", "\(macs) 86dd \(v6(next: "32", length: "0008")) 0000000100000001", named6("esp", false),
    at: 14,
    transport: 54, hasPorts: false),
  Sample(
    "mobility ends the walk", "\(macs) 86dd \(v6(next: "87", length: "0008")) 3b00050000000000", named6("135", false),
    at: 14,
    transport: 54, hasPorts: false),
  Sample(
    "hop-by-hop", "\(macs) 86dd \(v6(next: "00", length: "001c")) 0600 050200000100 \(tcp)", named6("tcp"), at: 14,
    transport: 62, addressesFrom: 54),
  Sample(
    "hop-by-hop of 24 bytes",
    "\(macs) 86dd \(v6(next: "00", length: "002c")) 0602 \(String(repeating: "00", count: 22)) \(tcp)", named6("tcp"),
    at: 14,
    transport: 78, addressesFrom: 54),
  Sample(
    "routing: the header's destination counts",
    "\(macs) 86dd \(v6(next: "2b", length: "002c")) 06 02 04 01 00000000 20010db80000000000000000000000ff \(tcp)",
    named6("tcp"), at: 14, transport: 78, addressesFrom: 54),
  Sample(
    "authentication counts in fours",
    "\(macs) 86dd \(v6(next: "33", length: "0024")) 06 02 0000 00000001 00000001 00000000 \(tcp)",
    named6("tcp"), at: 14, transport: 70, addressesFrom: 54),
  Sample(
    "all in a row",
    "\(macs) 86dd \(v6(next: "00", length: "0044")) \(chain) \(tcp)",
    named6("tcp"), at: 14, transport: 94, addressesFrom: 54),
  Sample(
    "atomic fragment is a whole packet", "\(macs) 86dd \(v6(next: "2c", length: "001c")) 0600 0000 12345678 \(tcp)",
    named6("tcp"), at: 14, transport: 62, addressesFrom: 54),
  Sample(
    "first fragment of IPv6", "\(macs) 86dd \(v6(next: "2c", length: "001c")) 0600 0001 12345678 \(tcp)", named6("tcp"),
    at: 14, transport: 62, addressesFrom: 54),
  Sample(
    "later fragment of IPv6", "\(macs) 86dd \(v6(next: "2c", length: "001c")) 0600 0008 12345678 \(tcp)",
    named6("tcp", false), at: 14, transport: 62, addressesFrom: 54, hasPorts: false),
  Sample(
    "later fragment whose next header is not the protocol",
    "\(macs) 86dd \(v6(next: "2c", length: "001c")) 3c00 0008 12345678 \(tcp)", named6("?", false), at: 14,
    transport: 62,
    addressesFrom: 54, protocolFrom: .some(nil), hasPorts: false),
]
