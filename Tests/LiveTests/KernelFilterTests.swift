import Capture
import DataPath
import Glibc
import Inventory
import Mirroring
import Testing
import Wire

@testable import Live

/// The kernel must leave out copies and what receivers send, and nothing else.
@Suite struct KernelFilterTests {
  private let inventory: Inventory
  private let mirrors: [TrafficMirror]

  init() throws {
    inventory = try Inventory(
      json: Array(
        """
        {"format": "moontap.inventory/1", "regions": [{"id": "r", "vpcs": [
          {"id": "vpc", "cidrs": ["10.20.0.0/16", "2001:db8::/56"], "routeTables": [{"id": "t", "routes": []}],
           "subnets": [{"id": "s", "cidrs": ["10.20.0.0/16", "2001:db8::/64"], "routeTable": "t"}],
           "enis": [{"id": "e", "subnet": "s", "addresses": ["10.20.1.1"], "interface": "tap0"}]},
          {"id": "other", "cidrs": ["10.20.0.0/16"], "routeTables": [{"id": "t2", "routes": []}],
           "subnets": [{"id": "s2", "cidrs": ["10.20.0.0/16"], "routeTable": "t2"}],
           "enis": [{"id": "e2", "subnet": "s2", "addresses": ["10.20.1.1"], "interface": "tap1"}]}]}]}
        """.utf8), file: "inventory.json")
    let file = try MirrorsFile(
      json: """
        {"format": "moontap.mirrors/1", "mirrors": [
          {"name": "v", "region": "r", "vpc": "vpc", "range": {"vpc": true}, "direction": "all",
           "receivers": ["10.20.9.10", "2001:db8::9"], "balance": "even",
           "encapsulation": {"type": "vxlan", "vni": 7, "port": 4790}},
          {"name": "g", "region": "r", "vpc": "vpc", "range": {"vpc": true}, "direction": "all",
           "receivers": ["10.20.9.20"], "balance": "even", "encapsulation": {"type": "gre", "vni": 7}},
          {"name": "o", "region": "r", "vpc": "other", "range": {"vpc": true}, "direction": "all",
           "receivers": ["10.20.9.30"], "balance": "even", "encapsulation": {"type": "gre", "vni": 7}}]}
        """, file: "mirrors.json")
    mirrors = MirrorValidator(inventory: inventory).validate(file.drafts).mirrors
    try #require(mirrors.count == 3)
  }

  private func packet(
    _ protocol: IPProtocol, from source: String, to destination: String, port: UInt16 = 443
  ) throws -> [UInt8] {
    var builder = PacketBuilder(
      protocol: `protocol`, source: IPAddress(source)!, destination: IPAddress(destination)!)
    builder.link = .ethernet(
      source: MACAddress("02:00:00:00:00:01")!, destination: MACAddress("02:00:00:00:00:02")!, vlan: nil)
    builder.destinationPort = port
    builder.payload = [UInt8](repeating: 1, count: 40)
    return try builder.build()
  }

  private func program(
    _ interface: String = "tap0", filter: FilterExpression = .any, range: CollectionRange = .vpc,
    snapLength: Int = 262_144
  ) throws -> BPFProgram {
    var mirrors = mirrors
    for index in mirrors.indices { (mirrors[index].filter, mirrors[index].range) = (filter, range) }
    let plan = MirrorPlan(inventory: inventory, mirrors: mirrors)
    let instructions = KernelFilter.make(
      plan, interface: interface, linkType: .ethernet, mtu: 1500, snapLength: snapLength, compiler: PcapFilterCompiler()
    )
    // Only the kernel can tell whether it took a tag off: it did not.
    return try BPFProgram(instructions.map { $0.k == 0xffff_f030 ? BPFInstruction(code: 0) : $0 })
  }

  /// How many bytes of a frame are taken; 0: it is left out.
  private func taken(_ frame: [UInt8], _ program: BPFProgram) -> Int {
    unsafe frame.withUnsafeBytes { bytes in
      unsafe Int(program.run(bytes.baseAddress!, captured: bytes.count, original: bytes.count))
    }
  }

  @Test func leavesOutCopiesAndNothingElse() throws {
    let program = try program()
    #expect(taken(try packet(.udp, from: "10.20.1.1", to: "10.20.9.10", port: 4790), program) == 0)
    #expect(taken(try packet(.udp, from: "2001:db8::1", to: "2001:db8::9", port: 4790), program) == 0)
    #expect(taken(try packet(.gre, from: "10.20.1.1", to: "10.20.9.20"), program) == 0)
    for frame in [
      try packet(.udp, from: "10.20.1.1", to: "10.20.9.10", port: 4789),
      try packet(.tcp, from: "10.20.1.1", to: "10.20.9.10", port: 4790),
      try packet(.udp, from: "10.20.1.1", to: "10.20.9.11", port: 4790),
      try packet(.gre, from: "10.20.1.1", to: "10.20.9.10"),
      try packet(.udp, from: "2001:db8::1", to: "2001:db8::9", port: 53),
    ] { #expect(taken(frame, program) > 0) }
  }

  @Test func laterFragmentsToAReceiverCountAsCopies() throws {
    var frame = try packet(.udp, from: "10.20.1.1", to: "10.20.9.10", port: 4789)
    frame[21] = 185
    #expect(taken(frame, try program()) == 0)
    frame[33] = 11
    #expect(taken(frame, try program()) > 0)
  }

  @Test func leavesOutWhatReceiversOfTheVPCSend() throws {
    let frame = try packet(.tcp, from: "10.20.9.20", to: "10.20.1.1")
    #expect(taken(frame, try program()) == 0)
    #expect(taken(try packet(.tcp, from: "2001:db8::9", to: "2001:db8::1"), try program()) == 0)
    // In another VPC the address is anyone's.
    #expect(taken(frame, try program("tap1")) > 0)
  }

  @Test func aSnapLengthLeavesSuperFramesWhole() throws {
    let program = try program(snapLength: 96)
    let frame = try packet(.tcp, from: "10.20.1.1", to: "10.20.1.2")
    #expect(taken(frame, program) == 96)
    #expect(taken(frame + [UInt8](repeating: 0, count: 1600), program) == 262_144)
    #expect(taken(try packet(.tcp, from: "10.20.9.20", to: "10.20.1.1"), program) == 0)
  }

  // MARK: Filters

  private func https(_ protocol: IPProtocol? = .tcp) -> FilterExpression {
    .quintuple([QuintupleCondition(protocol: `protocol`, destinationPort: 443...443)])
  }

  private func takesOf(_ filter: FilterExpression, _ interface: String = "tap1") throws -> [String] {
    let program = try program(interface, filter: filter)
    let frames: [(String, [UInt8])] = [
      ("tls", try packet(.tcp, from: "10.20.1.1", to: "10.20.1.2")),
      ("tls6", try packet(.tcp, from: "2001:db8::1", to: "2001:db8::2")),
      ("quic", try packet(.udp, from: "10.20.1.1", to: "10.20.1.2")),
      ("web", try packet(.tcp, from: "10.20.1.1", to: "10.20.1.2", port: 80)),
      ("ping", try packet(.icmp, from: "10.20.1.1", to: "10.20.1.2")),
      ("arp", [UInt8](repeating: 2, count: 12) + [8, 6] + [UInt8](repeating: 0, count: 46)),
    ]
    return frames.filter { taken($0.1, program) > 0 }.map(\.0)
  }

  @Test func takesWhatAFilterWants() throws {
    #expect(try takesOf(https()) == ["tls", "tls6"])
    #expect(try takesOf(https(nil)) == ["tls", "tls6", "quic"])
    #expect(try takesOf(.not(https())) == ["quic", "web", "ping", "arp"])
    #expect(try takesOf(.all([.bpf("ip and port 443"), .sample(threshold: 5)])) == ["tls", "quic"])
    #expect(try takesOf(.anyOf([.bpf("arp"), https()])) == ["tls", "tls6", "arp"])
    #expect(try takesOf(.anyOf([])) == [])
    // Not said in words that a tag or a super-frame cannot change.
    for text in ["tcp[13] & 2 != 0", "less 60", "vlan", "ether host 02:00:00:00:00:01"] {
      #expect(try takesOf(.bpf(text)).count == 6)
    }
  }

  /// They count what they are asked about; what stands before them says what that is.
  @Test func whatCountsPacketsIsAskedAsBefore() throws {
    let first = FilterExpression.first(packets: 3, bytes: nil, id: 0)
    let function = FilterExpression.script(ScriptFunction(host: 0, function: 0, name: "f"))
    for counting in [first, function] {
      #expect(try takesOf(.all([counting, https()])).count == 6)
      #expect(try takesOf(.all([https(), counting, .bpf("udp")])) == ["tls", "tls6"])
      #expect(try takesOf(.not(.all([https(), counting]))).count == 6)
    }
  }

  /// An ICMP error belongs to the conversation that it quotes, of which a function may ask what it has had.
  @Test func functionsThatMayBeAskedAboutICMPErrorsSeeAll() throws {
    let function = FilterExpression.script(ScriptFunction(host: 0, function: 0, name: "f"))
    let host = QuintupleCondition(source: CIDR("10.20.1.1"))
    #expect(try takesOf(.all([.quintuple([host]), function])) == ["tls", "quic", "web", "ping"])
    #expect(try takesOf(.all([.quintuple([QuintupleCondition(protocol: .icmp)]), function])).contains("web"))
    #expect(try takesOf(.all([https(), .quintuple([host]), function])) == ["tls"])
    #expect(
      try takesOf(.all([.quintuple([QuintupleCondition(source: CIDR("10.20.7.7"))]), .sample(threshold: 9)])) == [])
  }

  /// `even` keeps the receiver of a conversation as long as anything of it comes, and of two receivers.
  @Test func conversationsAreSeenWholeWhereThatMatters() throws {
    let error = try packet(.icmp, from: "10.20.1.2", to: "10.20.1.1").enumerated().map { $0 == 34 ? 3 : $1 }
    let answer = try packet(.tcp, from: "10.20.1.2", to: "10.20.1.1").enumerated().map {
      // Source port 443, destination port 80.
      $0 == 34 || $0 == 36 ? UInt8($0 == 34 ? 1 : 0) : $0 == 35 ? 187 : $0 == 37 ? 80 : $1
    }
    for (interface, isWhole) in [("tap0", true), ("tap1", false)] {
      let program = try program(interface, filter: https())
      #expect((taken(answer, program) > 0) == isWhole)
      #expect((taken(error, program) > 0) == isWhole)
    }
  }

  @Test func anInterfaceOfNoMirrorIsNotRead() throws {
    let frame = try packet(.tcp, from: "10.20.1.1", to: "10.20.1.2")
    #expect(taken(frame, try program("tap0", range: .enis([1]))) == 0)
    #expect(taken([1, 2, 3], try program("tap0", range: .enis([1]))) == 0)
    #expect(taken(frame, try program("tap0", range: .enis([0]))) > 0)
    // Whose it is is not known: anything may be observed.
    #expect(taken(frame, try program("tap9", range: .enis([1]))) > 0)
  }

  /// Far jumps; and programs that the kernel would not take.
  @Test func longFiltersAreSaidOrLeftOut() throws {
    func ports(_ numbers: ClosedRange<UInt16>) -> FilterExpression {
      .anyOf(numbers.map { .quintuple([QuintupleCondition(protocol: .udp, destinationPort: $0...$0)]) })
    }
    #expect(try takesOf(ports(401...460)) == ["quic"])
    #expect(try takesOf(ports(444...503)) == [])
    #expect(try takesOf(.anyOf([ports(444...480), .bpf("icmp"), ports(481...500)])) == ["ping"])
    #expect(try takesOf(ports(1001...2000)).count == 6)
    let copy = try packet(.gre, from: "10.20.1.1", to: "10.20.9.30")
    #expect(taken(copy, try program("tap1", filter: ports(1001...2000))) == 0)
  }

  /// The longest programs that may be, of the dearest instructions; also in the place of another.
  @Test(.enabled(if: geteuid() == 0, "packet sockets need root"))
  func theKernelTakesWhatIsTakenToFit() throws {
    func words(_ count: UInt32) -> [BPFInstruction] {
      let fields = (0..<count).map { FrameTest.Field(width: .word, offset: $0 % 40, mask: .max - 1 - $0) }
      return FrameProgram.make(.any(fields.map { .equal($0, 7) }))
    }
    var count: UInt32 = 1
    while KernelFilter.kernelSize(of: words(count + 1)) <= KernelFilter.room, words(count + 1).count <= 4000 {
      count += 1
    }
    #expect(count > 60)
    let ring = try CaptureRing("lo", interface: 1, options: CaptureOptions(), filter: words(count))
    try ring.setFilter(words(count))
    try ring.setFilter(KernelFilter.nothing)
  }
}
