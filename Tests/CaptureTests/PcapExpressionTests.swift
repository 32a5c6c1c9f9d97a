import CPcap
import Testing
import Wire

@testable import Capture

/// Nothing that libpcap would look up reaches it, and nothing that it would think about for long.
@Suite struct PcapExpressionTests {
  private func normalised(_ text: String) -> String? { try? PcapExpression(text).text }

  private func refusal(_ text: String) -> String? {
    do throws(PcapExpression.Refusal) {
      _ = try PcapExpression(text)
      return nil
    } catch {
      return error.what
    }
  }

  @Test func writesEveryPieceAnew() {
    #expect(normalised("tcp port 443") == "tcp port 443")
    #expect(normalised("tcp[0:2]>1023&&!udp") == "tcp [ 0 : 2 ] > 1023 && ! udp")
    #expect(normalised("host 2001:db8::1") == "host 2001:db8:0:0:0:0:0:1")
    #expect(normalised("net ::/0 or ::ffff:10.0.0.1") == "net 0:0:0:0:0:0:0:0 / 0 or 0:0:0:0:0:ffff:a00:1")
    #expect(normalised("ether host 02-00-0A-14-01-0B") == "ether host 02:00:0a:14:01:0b")
    #expect(normalised("portrange 80-90") == "portrange 80-90")
    #expect(normalised("net 10.20 or 10") == "net 10.20 or 10")
    #expect(normalised("len - 14 > 0x10") == "len - 14 > 0x10")
  }

  @Test(arguments: [
    "host example.com", "example.com", "host localhost", "src localhost", "tcp and intranet", "ether host router",
    "ether src gateway-1", "gateway router", "gateway 10.0.0.1", "net loopback", "net lan mask 255.0.0.0", "port http",
    "tcp dst port domain", "portrange http-https", "portrange 1-https", "ip proto gre", "ip proto \\tcp",
    "proto \\icmp", "ip protochain \\tcp", "ether proto \\arp", "host \\tcp", "\\localhost", "host a.b",
    "host 1.2.3.4.5",
    "host 1.2.3.4x", "host 0x7f.1", "host 80-90", "80-90", "host fe80::1%eth0", "host fe80:cafe", "host ::g", "a::b::c",
    "host 10.0.0.1.", "decnet host area", "on eth0", "action pass", "type mgt",
    "host sabme", "host u", "tcp-syn-ack", "len-14 > 3", "host -a", "host _x", "host tcp_x", "$5",
    "host \u{feff}a", "höst", "port 80\u{2028}", "host 'a'", "TCP", "Host 10.0.0.1", "tcp#comment",
    "host 10.0.0.1;reboot",
    "inbound", "outbound", "ifindex 1",
  ])
  func refusesWhateverMightBeLookedUp(_ text: String) {
    #expect(refusal(text) != nil, "became \(normalised(text) ?? "")")
  }

  @Test func saysWhichWordAndWhatWouldBeRight() {
    #expect(refusal("tcp and host example.com")?.hasPrefix("'example.com': ") == true)
    #expect(refusal("host example.com")?.hasSuffix("write an address, as in host 10.20.1.11") == true)
    #expect(refusal("port https")?.hasSuffix("write the number, as in port 443") == true)
    #expect(refusal("ip proto \\tcp")?.hasSuffix("as in ip proto 6") == true)
    #expect(refusal("ether proto \\arp")?.hasSuffix("as in ether proto 0x0806") == true)
    #expect(refusal("len-14 > 3") == "'len-14': put blanks around a minus")
    #expect(refusal("TCP") == "'TCP': words are in small letters")
    #expect(refusal("tcp @ 3") == "'@' has no meaning here")
  }

  /// A word that this libpcap does not know would be looked up: behind `port`, in a file of the system.
  @Test func libpcapKnowsEveryWordOfTheTable() throws {
    let handle = unsafe try #require(pcap_open_dead(1, 262_144))
    defer { unsafe pcap_close(handle) }
    for (words, lead) in [(PcapWords.known, "port "), (PcapWords.llcTypes, "llc ")] {
      for word in words {
        var program = unsafe bpf_program()
        guard unsafe pcap_compile(handle, &program, lead + word, 0, PCAP_NETMASK_UNKNOWN) != 0 else {
          unsafe pcap_freecode(&program)
          continue
        }
        let answer = unsafe String(cString: pcap_geterr(handle))
        #expect(answer.contains("syntax error"), "\(lead)\(word): \(answer)")
      }
    }
  }

  @Test func boundsWhatLibpcapHasToThinkAbout() {
    func joined(_ count: Int) -> String { (0..<count).map { "net 10.0.\($0).0/24" }.joined(separator: " or ") }
    #expect(normalised(joined(PcapExpression.maximumTests)) != nil)
    #expect(refusal(joined(PcapExpression.maximumTests + 1))?.contains("at most 64: use set.cidrs") == true)
    #expect((try? PcapExpression(joined(10)).isSmall) == true)
    #expect((try? PcapExpression(joined(60)).isSmall) == false)
    #expect(refusal("ip[0] = " + String(repeating: "(", count: 1000))?.contains("more than 768 words") == true)
    #expect(refusal(String(repeating: " ", count: 20_000) + "tcp")?.contains("20003 bytes") == true)
  }

  @Test func manyTestsMatchAsFewDo() throws {
    let compiler = PcapFilterCompiler()
    let addresses = (0..<60).map { "10.20.\($0).1" }
    let program = try compiler.compile(addresses.map { "host " + $0 }.joined(separator: " or "), linkType: .raw)
    for (text, expected) in addresses.map({ ($0, true) }) + [("10.20.60.1", false), ("10.21.0.1", false)] {
      let address = try #require(IPAddress(text))
      let frame = try PacketBuilder(protocol: .udp, source: address, destination: IPAddress(v4: 0x0101_0101)).build()
      let length = unsafe frame.withUnsafeBytes {
        unsafe program.run($0.baseAddress!, captured: frame.count, original: frame.count)
      }
      #expect((length != 0) == expected, "\(text)")
    }
  }
}
