import Inventory
import LuaRuntime
import Mirroring
import Policy
import Testing
import Wire

@Suite struct PacketTests {
  @Test func readsAddressesPortsAndObservation() {
    let packet = TestPacket {
      $0.link = .ethernet(
        source: MACAddress("02:00:0a:14:01:0b")!, destination: MACAddress("02:00:00:00:00:02")!, vlan: 12)
      $0.ttl = 33
      $0.dscp = 46
    }
    #expect(holds("packet.eni == 'eni-web1' and packet.direction == 'out'", packet))
    #expect(holds("packet.source == '10.20.1.11' and packet.destination == '10.20.1.12'", packet))
    #expect(holds("packet.source_port == 5000 and packet.destination_port == 443", packet))
    #expect(holds("packet.source_mac == '02:00:0a:14:01:0b'", packet))
    #expect(holds("packet.destination_mac == '02:00:00:00:00:02'", packet))
    #expect(holds("packet.vlan == 12 and packet.ethertype == 0x0800 and packet.ip_version == 4", packet))
    #expect(holds("packet.protocol == 'tcp' and packet.ttl == 33 and packet.dscp == 46", packet))
    #expect(holds("packet.fragment == false and packet.payload_length == 0", packet))
    #expect(holds("packet.length == 58 and packet.captured_length == 58", packet))
    #expect(holds("packet.time == 1700000000", packet))
  }

  @Test func fieldsThatAreNotThereAreNil() {
    let ip = TestPacket()
    #expect(holds("packet.source_mac == nil and packet.destination_mac == nil and packet.vlan == nil", ip))
    #expect(holds("packet.icmp == nil and packet.inner == nil", ip))
    let arp = TestPacket(bytes: Array(repeating: 0xff, count: 12) + [0x08, 0x06], decoder: .ethernet)
    #expect(holds("packet.source == nil and packet.protocol == nil and packet.source_port == nil", arp))
    #expect(
      holds("packet.ip_version == nil and packet.tcp == nil and packet.ttl == nil and packet.fragment == nil", arp))
    #expect(holds("packet.ethertype == 0x0806 and #packet.payload == 0 and packet.payload_length == 0", arp))
    let unknown = TestPacket { $0.protocol = IPProtocol(rawValue: 253) }
    #expect(holds("packet.protocol == 253 and packet.source_port == nil", unknown))
  }

  @Test func readsHeadersOfTransports() {
    let syn = TestPacket {
      $0.tcpFlags = 0x02
      $0.sequence = 0xffff_fffe
      $0.window = 1234
    }
    #expect(holds("packet.tcp.syn and not packet.tcp.ack and not packet.tcp.fin and packet.tcp.flags == 2", syn))
    #expect(holds("packet.tcp.seq == 0xfffffffe and packet.tcp.window == 1234", syn))
    #expect(holds("not packet.tcp.rst and not packet.tcp.psh and not packet.tcp.urg", syn))
    let ping = TestPacket {
      $0.protocol = .icmp
      $0.icmpType = 3
      $0.icmpCode = 1
    }
    #expect(holds("packet.protocol == 'icmp' and packet.icmp.type == 3 and packet.icmp.code == 1", ping))
    let six = TestPacket {
      $0.source = IPAddress("2001:db8::1")!
      $0.destination = IPAddress("2001:db8::2")!
      $0.dscp = 10
    }
    #expect(holds("packet.source == '2001:db8::1' and packet.ip_version == 6 and packet.dscp == 10", six))
  }

  @Test func readsTheFlow() {
    #expect(holds("packet.flow.packets == 3 and packet.flow.bytes == 200 and packet.flow.age == 1.5"))
  }

  @Test func stateLivesAsLongAsTheConversation() throws {
    try withLuaStack {
      let bench = try Bench(
        mirror(
          """
          filter = function(packet)
            local state = packet.flow.state
            state.seen = (state.seen or 0) + 1
            return state.seen == 3
          end
          """))
      var other = TestPacket()
      other.flow.id = 8
      #expect(bench.judge() == .no && bench.judge() == .no && bench.judge(other) == .no)
      #expect(bench.judge() == .yes)
      bench.policy.conversationEnded(7)
      #expect(bench.judge() == .no)
    }
  }

  @Test func readsThePayload() {
    let packet = TestPacket {
      $0.payload = Array("GET / HTTP/1.1\r\nHost: example\r\n".utf8) + [0x12, 0x34, 0xff, 0xfe]
    }
    #expect(holds("#packet.payload == 35 and packet.payload_length == 35", packet))
    #expect(
      holds("packet.payload:byte(1) == 71 and packet.payload:byte(36) == nil and packet.payload:byte(0) == nil", packet)
    )
    #expect(holds("packet.payload:u16(32) == 0x1234 and packet.payload:u32(32) == 0x1234fffe", packet))
    #expect(holds("packet.payload:u16(35) == nil and packet.payload:u32(33) == nil", packet))
    #expect(holds("packet.payload:sub(1, 3) == 'GET' and packet.payload:sub(-2) == '\\xff\\xfe'", packet))
    #expect(holds("packet.payload:sub(5, 4) == '' and #packet.payload:sub(-100, 100) == 35", packet))
    #expect(holds("packet.payload:find('Host: ') == 17 and packet.payload:find('host') == nil", packet))
    #expect(holds("packet.payload:find('\\r\\n', 16) == 30 and packet.payload:find('') == 1", packet))
    #expect(holds("packet.payload:starts('GET ') and not packet.payload:starts('POST')", packet))
    for extreme in ["math.mininteger", "math.maxinteger", "-1", "0"] {
      #expect(holds("packet.payload:byte(\(extreme)) == nil and packet.payload:u32(\(extreme)) == nil", packet))
      #expect(holds("type(packet.payload:sub(\(extreme), \(extreme))) == 'string'", packet))
    }
  }

  @Test func findsRepetitiveTextsInLinearTime() {
    let packet = TestPacket { $0.payload = Array(repeating: 0x61, count: 60_000) + [0x62] }
    #expect(holds("packet.payload:find(('a'):rep(30000) .. 'b') == 30001", packet))
    #expect(holds("packet.payload:find(('a'):rep(30000) .. 'c') == nil", packet))
  }

  @Test func payloadLengthIsTheWires() {
    var cut = TestPacket { $0.payload = Array(repeating: 1, count: 1000) }
    cut.original = cut.bytes.count
    cut.bytes = Array(cut.bytes.prefix(60))
    #expect(holds("packet.payload_length == 1000 and #packet.payload == 20", cut))
    #expect(holds("packet.length == 1040 and packet.captured_length == 60", cut))
    cut.bytes = Array(cut.bytes.prefix(30))
    #expect(holds("packet.tcp == nil and packet.source_port == 5000 and packet.protocol == 'tcp'", cut))
  }

  @Test func tellsTheNextHop() {
    func hop(_ destination: String, out: Bool = true) -> TestPacket {
      var packet = TestPacket { $0.destination = IPAddress(destination)! }
      packet.isOutbound = out
      return packet
    }
    #expect(holds("packet.next_hop == 'nat-egress'", hop("192.0.2.1")))
    #expect(holds("packet.next_hop == 'local'", hop("10.20.9.9")))
    #expect(holds("packet.next_hop == 'peering'", hop("198.51.100.1")))
    #expect(holds("packet.next_hop == nil", hop("192.0.2.1", out: false)))
    #expect(holds("packet.next_hop == nil", hop("224.0.0.1")))
  }

  @Test func unlistedInterfacesAreTheirAddress() {
    var packet = TestPacket()
    packet.eni = nil
    #expect(holds("packet.eni == '10.20.1.11'", packet))
    packet.isOutbound = false
    #expect(holds("packet.eni == '10.20.1.12' and packet.direction == 'in'", packet))
  }

  @Test func looksInsideTunnels() throws {
    var inner = PacketBuilder(protocol: .udp, source: IPAddress("192.168.0.1")!, destination: IPAddress("192.168.0.2")!)
    inner.destinationPort = 53
    inner.link = .ethernet(source: MACAddress(value: 1), destination: MACAddress(value: 2), vlan: nil)
    inner.payload = [1, 2, 3]
    let frame = try inner.build()
    let outer = TestPacket {
      $0.protocol = .udp
      $0.destinationPort = 4789
      $0.payload = [0x08, 0, 0, 0, 0, 0, 7, 0] + frame
    }
    #expect(holds("packet.inner.source == '192.168.0.1' and packet.inner.destination_port == 53", outer))
    #expect(holds("packet.destination_port == 4789 and packet.inner.inner == nil", outer))
    #expect(holds("#packet.inner.payload == 3 and packet.inner.length == 45", outer))
    #expect(holds("packet.inner.eni == nil and packet.inner.direction == nil and packet.inner.flow == nil", outer))
    #expect(holds("packet.inner.source_mac == '00:00:00:00:00:01' and packet.source == '10.20.1.11'", outer))
  }

  @Test func tunnelsInTunnelsEnd() throws {
    var bytes = try PacketBuilder(protocol: .udp, source: IPAddress("10.0.0.1")!, destination: IPAddress("10.0.0.2")!)
      .build()
    for _ in 0..<8 {
      var outer = PacketBuilder(protocol: .ipip, source: IPAddress("10.0.0.1")!, destination: IPAddress("10.0.0.2")!)
      outer.payload = bytes
      bytes = try outer.build()
    }
    let packet = TestPacket(bytes: bytes, decoder: .rawIP)
    #expect(holds("packet.inner.inner.inner.inner.source == '10.0.0.1'", packet))
    #expect(holds("packet.inner.inner.inner.inner.inner == nil", packet))
  }

  @Test func printsOneLineAndHex() {
    let packet = TestPacket {
      $0.tcpFlags = 0x18
      $0.payload = Array("hello".utf8)
      $0.sequence = 7
    }
    let line = "22:13:20.000000 IP 10.20.1.11.5000 > 10.20.1.12.443: Flags [P.], seq 7:12, win 65535, length 5"
    #expect(holds("tostring(packet) == '\(line)'", packet))
    #expect(holds("packet:hex():sub(1, 8) == '4500002d' and #packet:hex() == 90", packet))
  }

  @Test func packetsAreReadOnly() {
    #expect(holds("not pcall(function() packet.source = 'x' end) and not pcall(function() packet.tcp.syn = true end)"))
  }

  // MARK: Made by scripts

  @Test func makesPackets() {
    let error = loadError(
      """
      local p = packet.tcp { source = "10.0.0.1", source_port = 5000, destination = "10.0.0.2", destination_port = 443,
        flags = "S", seq = 9, window = 100, ttl = 3, dscp = 46, payload = "hi", direction = "out", vlan = 5 }
      assert(p.source == "10.0.0.1" and p.destination_port == 443 and p.tcp.syn and not p.tcp.ack and p.tcp.seq == 9)
      assert(p.tcp.window == 100 and p.ttl == 3 and p.dscp == 46 and p.payload:sub(1) == "hi" and p.direction == "out")
      assert(p.vlan == 5 and p.flow.packets == 1)
      local u = packet.udp { source = "2001:db8::1", destination = "2001:db8::2", destination_port = 53 }
      assert(u.protocol == "udp" and u.ip_version == 6 and u.direction == nil and u.vlan == nil)
      assert(packet.icmp { source = "10.0.0.1", destination = "10.0.0.2" }.icmp.type == 8)
      assert(packet.icmp { source = "::1", destination = "::2" }.protocol == "icmpv6")
      local copy = packet.from_hex(p:hex())
      assert(copy:hex() == p:hex() and tostring(copy) == tostring(p) and copy.source == p.source)
      assert(packet.from_hex(u:hex(), "raw").destination == "2001:db8::2")
      assert(p.source == "10.0.0.1")
      assert((function(packet) return packet.destination_port == 443 end)(p))
      """)
    #expect(error == nil, "\(String(describing: error))")
  }

  @Test(arguments: [
    ("packet.tcp { source = 'x', destination = '10.0.0.2' }", "source: \"x\" is not an IP address"),
    ("packet.tcp { destination = '10.0.0.2' }", "source: an IP address expected"),
    ("packet.tcp { source = '::1', destination = '10.0.0.2' }", "one IP version"),
    ("packet.udp { source = '::1', destination = '::2', source_port = 70000 }", "0 to 65535"),
    ("packet.udp { source = '::1', destination = '::2', flags = 'S' }", "unknown key"),
    ("packet.tcp { source = '::1', destination = '::2', flags = 'X' }", "letters"),
    ("packet.tcp { source = '::1', destination = '::2', souce_port = 1 }", "did you mean source_port?"),
    ("packet.udp { source = '::1', destination = '::2', payload = ('x'):rep(70000) }", "bytes fit"),
    ("packet.from_hex('0')", "even number"), ("packet.from_hex('zz')", "hexadecimal"),
    ("packet.from_hex('00', 'wifi')", "expected"), ("for i = 1, 2000 do packet.from_hex('00') end", "made packets"),
  ])
  func refusesPacketsThatCannotBe(source: String, message: String) {
    #expect(loadError(source)?.message.contains(message) == true, "\(String(describing: loadError(source)))")
  }
}
