import CPcap
import Capture
import DataPath
import Foundation
import Mirroring
import SeededRandom
import Testing
import Wire

/// Our interpreter against libpcap's, on programs that libpcap compiled.
@Suite struct PcapFilterCompilerTests {
  static let expressions: [String] = {
    let simple = [
      "ip", "ip6", "arp", "rarp", "tcp", "udp", "icmp", "icmp6", "sctp", "igmp", "vrrp", "esp", "ah", "pim",
      "tcp port 80", "tcp port 443", "udp port 53", "port 80", "port 443", "src port 80", "dst port 80", "port 1",
      "portrange 1-1023", "tcp portrange 1024-65535", "src portrange 440-450", "udp dst portrange 4000-6000",
      "host 10.0.0.1", "src host 192.168.1.1", "dst host 192.168.1.1", "net 10.0.0.0/8", "net 192.168.0.0/16",
      "src net 172.16.0.0/12", "dst net 0.0.0.0/1", "net 128.0.0.0/1", "ip host 127.0.0.1", "not net 10.0.0.0/8",
      "host 2001:db8::1", "net 2001::/16", "net fe80::/10", "src net ::/0", "ip6 dst net ff00::/8", "net 2000::/3",
      "greater 100", "less 100", "greater 1500", "less 60", "len > 200", "len = 60", "len <= 128", "len != 54",
      "ip proto 6", "ip proto 17", "ip proto 47", "ip6 proto 6", "ip6 proto 58", "ip proto 1", "proto 50",
      "ip6 protochain 6", "ip protochain 6", "ip protochain 51", "ip6 protochain 51", "protochain 17",
      "ip[0] & 0xf != 5", "ip[8] < 64", "ip[6:2] & 0x1fff != 0", "ip[6:2] & 0x3fff = 0", "ip[2:2] > 576",
      "ip[12:4] = 0x0a000001", "tcp[13] & 2 != 0", "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn",
      "tcp[tcpflags] & tcp-fin != 0", "tcp[tcpflags] == tcp-ack", "tcp[2:2] = 80", "tcp[0:2] > 1023",
      "tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420", "tcp[((tcp[12] & 0xf0) >> 2)] = 0x16", "udp[4:2] > 100",
      "udp[8:2] & 0x8000 = 0", "udp[10] & 0x80 != 0", "icmp[0] = 8", "icmp[icmptype] = icmp-echoreply",
      "icmp6[0] = 135", "icmp[0] != 3", "ip6[6] = 44", "ip6[40] = 0", "ip6[4:2] > 1000", "tcp[4:4] % 7 = 3",
      "ip[4:2] % 10 < 5", "(ip[2:2] - ((ip[0] & 0xf) << 2)) > 100", "ip[8] * 2 > 128", "ip[8] / 3 = 21",
      "ip[8] ^ 0x40 = 0", "ip[8] | 1 = 65", "(ip[8] << 4) > 1000", "(ip[2:2] >> 8) = 5", "-ip[8] > 0",
      "ip[ip[0] & 0xf] > 3", "len / 2 > 50", "len % 3 = 0", "len - 14 > 1000", "ip[(len - 20) & 0x3f] & 1 = 0",
      "ip multicast", "ip broadcast and ip", "ip6 multicast", "1 = 1", "0 = 1",
      "ip[len] = 0", "ip[len - 15] = 0", "ip6[len - 15] = 0", "ip[100000] = 0", "ip[65535:4] = 0",
      "ip[0:4] / (len - len) = 1", "len % (len - len) = 0", "ip[8] / tcp[0] = 0", "(len << 33) = 0", "(len >> 40) = 0",
    ]
    let ethernetOnly = [
      "ether host 02:00:00:00:00:01", "ether src 00:11:22:33:44:55", "ether multicast", "ether broadcast", "multicast",
      "broadcast", "ether[0] & 1 = 0", "ether[0] & 1 = 1", "ether[12:2] = 0x0800", "ether[14:4] > 0x45000000",
      "ether[100000] = 1", "ether[len - 1] = 0", "ether[len - 4:4] = 0", "ether[len:1] = 0", "vlan", "vlan 100",
      "vlan and ip", "vlan and tcp port 80", "vlan and vlan", "vlan 10 and vlan 20", "vlan and ip6", "not vlan",
      "ip or (vlan and ip)", "ip or (vlan and ip) or (vlan and ip)", "mpls", "mpls and ip", "mpls 1000",
      "vlan and mpls",
      "pppoes", "pppoed", "pppoes and ip", "ether proto 0x88cc", "ether proto 0x8100", "ether proto 0x0806", "stp",
      "llc", "llc i", "llc s", "llc u", "iso", "clnp", "isis", "ipx", "atalk", "netbeui", "ether proto 0x0600",
      "geneve", "geneve and ip", "geneve 7", "decnet host 1.2", "lat", "moprc", "link[12:2] = 0x86dd",
    ]
    let words = [
      "tcp", "udp", "ip", "ip6", "port 80", "net 10.0.0.0/8", "less 200", "src port 443", "icmp", "len % 2 = 0",
    ]
    let pairs = words.flatMap { a in words.filter { $0 > a }.flatMap { b in ["\(a) and \(b)", "\(a) or not (\(b))"] } }
    let triples = [
      "tcp and (port 80 or port 443) and not net 10.0.0.0/8", "(tcp or udp) and len > 100 and ip[8] > 32",
      "ip and not (tcp or udp or icmp)", "ip6 and (tcp or udp) and not port 53", "not tcp and not udp and not arp",
      "tcp[tcpflags] & tcp-syn != 0 and (net 10.0.0.0/8 or net 172.16.0.0/12 or net 192.168.0.0/16)",
      "src net 10.0.0.0/8 and dst net 0.0.0.0/0 and tcp dst port 443 and greater 60",
    ]
    return simple + ethernetOnly + pairs + triples
  }()

  @Test func thereAreEnoughExpressions() {
    #expect(Set(Self.expressions).count == Self.expressions.count)
    #expect(Self.expressions.count >= 200)
  }

  /// The link type's number in libpcap.
  private func dataLink(_ linkType: LinkType) -> Int32 { linkType == .raw ? DLT_RAW : Int32(linkType.rawValue) }

  @Test(arguments: fixtureNames.filter { $0 != "wlan-unsupported.pcap" })
  func matchesWhatLibpcapMatches(_ name: String) throws {
    let reading = Reading(fixture(name))
    let compiler = PcapFilterCompiler()
    var random = SeededGenerator(seed: 7)
    for linkType in Set(reading.interfaces.map(\.linkType)).sorted(by: { $0.rawValue < $1.rawValue }) {
      let frames = reading.frames.filter { reading.interfaces[Int($0.interface)].linkType == linkType }.prefix(80)
      let handle = unsafe try #require(pcap_open_dead(dataLink(linkType), 262_144))
      defer { unsafe pcap_close(handle) }
      for expression in Self.expressions {
        var theirs = unsafe bpf_program()
        guard unsafe pcap_compile(handle, &theirs, expression, 1, PCAP_NETMASK_UNKNOWN) == 0 else {
          let words = unsafe String(cString: pcap_geterr(handle))
          #expect(throws: CaptureError.filterSyntax(expression: expression, what: words)) {
            try compiler.compile(expression, linkType: linkType)
          }
          continue
        }
        defer { unsafe pcap_freecode(&theirs) }
        let ours = try compiler.compile(expression, linkType: linkType)
        for frame in frames {
          // the frame as it is, and cut anywhere
          for captured in [frame.bytes.count, .random(in: 0...frame.bytes.count, using: &random)] {
            let (mine, other) = unsafe (
              run(ours, frame, captured), run(&theirs, frame, captured)
            )
            #expect(mine == other, "\(expression) on \(frame.bytes.prefix(captured))")
          }
        }
      }
    }
  }

  private func run(_ program: BPFProgram, _ frame: OwnedFrame, _ captured: Int) -> UInt32 {
    unsafe (frame.bytes + [0]).withUnsafeBytes {
      unsafe program.run($0.baseAddress!, captured: captured, original: Int(frame.original))
    }
  }

  private func run(_ program: inout bpf_program, _ frame: OwnedFrame, _ captured: Int) -> UInt32 {
    var header = pcap_pkthdr()
    header.caplen = UInt32(captured)
    header.len = frame.original
    return unsafe (frame.bytes + [0]).withUnsafeBufferPointer {
      unsafe UInt32(bitPattern: pcap_offline_filter(&program, &header, $0.baseAddress!))
    }
  }

  @Test func saysWhatLibpcapSaysOfAWrongExpression() {
    let compiler = PcapFilterCompiler()
    for (expression, words) in [
      ("tcp port port 80", "can't parse filter expression: syntax error"),
      ("tcp prot 80", "'prot': no word of a filter"), ("port 99999", "illegal port number"),
      ("net 10.0.0.0/33", "mask length must be <= 32"), ("tcp and", "can't parse filter expression: syntax error"),
      ("tcp\0 or udp", "has no meaning here"), ("", "it is empty; filter.any() matches everything"),
      (" \t", "it is empty"),
    ] {
      do throws(CaptureError) {
        _ = try compiler.compile(expression, linkType: .ethernet)
        Issue.record("\(expression) was accepted")
      } catch {
        #expect("\(error)".contains(words), "\(error)")
        #expect("\(error)".contains("\"\(expression)\""))
      }
    }
  }

  @Test func neverTrapsWhateverTheLinkType() {
    let compiler = PcapFilterCompiler()
    for number in Array(0...400) + [4096, 65_535] {
      for expression in ["tcp port 80", "ether host 02:00:00:00:00:01", "vlan and ip6", "ip[0] = 1", "llc u"] {
        do throws(CaptureError) {
          _ = try compiler.compile(expression, linkType: LinkType(rawValue: UInt16(number)))
        } catch {
          #expect("\(error)".hasPrefix("filter "))
        }
      }
    }
  }

  @Test func rawLinkTypesAreOne() throws {
    let compiler = PcapFilterCompiler()
    let programs = try [LinkType.raw, .raw12, .raw14].map { linkType in
      try compiler.compile("tcp port 80", linkType: linkType)
    }
    #expect(Set(programs).count == 1)
  }
}
