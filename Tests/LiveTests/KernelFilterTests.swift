import Capture
import DataPath
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
           "subnets": [{"id": "s", "cidrs": ["10.20.0.0/16", "2001:db8::/64"], "routeTable": "t"}]}]}]}
        """.utf8), file: "inventory.json")
    let file = try MirrorsFile(
      json: """
        {"format": "moontap.mirrors/1", "mirrors": [
          {"name": "v", "region": "r", "vpc": "vpc", "range": {"vpc": true}, "direction": "all",
           "receivers": ["10.20.9.10", "2001:db8::9"], "balance": "even",
           "encapsulation": {"type": "vxlan", "vni": 7, "port": 4790}},
          {"name": "g", "region": "r", "vpc": "vpc", "range": {"vpc": true}, "direction": "all",
           "receivers": ["10.20.9.20"], "balance": "even", "encapsulation": {"type": "gre", "vni": 7}}]}
        """, file: "mirrors.json")
    mirrors = MirrorValidator(inventory: inventory).validate(file.drafts).mirrors
    try #require(mirrors.count == 2)
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

  private func program(vpc: Int = 0, snapLength: Int = 262_144) throws -> BPFProgram {
    let plan = MirrorPlan(inventory: inventory, mirrors: mirrors)
    return try BPFProgram(
      KernelFilter.make(
        plan, vpc: vpc, linkType: .ethernet, mtu: 1500, snapLength: snapLength, compiler: PcapFilterCompiler()))
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
    #expect(taken(frame, try program(vpc: 1)) > 0)
  }

  @Test func aSnapLengthLeavesSuperFramesWhole() throws {
    let program = try program(snapLength: 96)
    let frame = try packet(.tcp, from: "10.20.1.1", to: "10.20.1.2")
    #expect(taken(frame, program) == 96)
    #expect(taken(frame + [UInt8](repeating: 0, count: 1600), program) == 262_144)
    #expect(taken(try packet(.tcp, from: "10.20.9.20", to: "10.20.1.1"), program) == 0)
  }
}
