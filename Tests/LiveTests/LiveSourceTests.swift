import Capture
import DataPath
import Foundation
import Inventory
import Mirroring
import Testing

@testable import Live

/// A namespace whose interface `eth0` stands at 10.20.1.1; gone with the last reference.
final class Namespace {
  /// Why there can be none here; nil: there can.
  static let missing: String? = {
    guard geteuid() == 0 else { return "network namespaces need root" }
    do { _ = try Namespace() } catch { return "the kernel makes no namespaces and veth pairs here: \(error)" }
    return nil
  }()

  let name = "mtl" + String(UInt32.random(in: 0x1000_0000 ... .max), radix: 16)

  init() throws {
    try Self.ip("netns add \(name)")
    // Else the kernel would have a few things to say itself.
    try Self.run(
      ["ip", "netns", "exec", name, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"])
    try add("eth0")
  }

  deinit { try? Self.ip("netns del \(name)") }

  /// A cable whose other end takes nothing, and an address.
  func add(_ interface: String, _ address: String = "10.20.1.1") throws {
    let end = "end" + address.split(separator: ".")[2]
    try link("add \(interface) type veth peer name \(end)")
    try link("set \(end) up")
    try Self.ip("-n \(name) addr add \(address)/24 dev \(interface)")
    try link("set \(interface) up")
    for neighbour in 2...3 {
      let place = address.split(separator: ".").dropLast().joined(separator: ".") + ".\(neighbour)"
      try Self.ip("-n \(name) neigh add \(place) lladdr 02:00:00:00:00:0\(neighbour) dev \(interface)")
    }
  }

  func link(_ arguments: String) throws { try Self.ip("-n \(name) link \(arguments)") }

  private static func ip(_ arguments: String) throws {
    try run(["ip"] + arguments.split(separator: " ").map(String.init))
  }

  private static func run(_ command: [String]) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = command
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Refusal(text: "\(command): \(text)") }
  }

  struct Refusal: Error { let text: String }

  /// Datagrams to port 9.
  ///
  /// - Parameter segment: bytes of each of the datagrams that the kernel makes of one; 0: it makes none.
  func send(_ count: Int, of size: Int, to address: String = "10.20.1.2", segment: Int32 = 0) throws {
    try InterfacePlace(name + "/eth0").enter { () throws(LiveError) in
      let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
      defer { close(descriptor) }
      var value = segment
      // UDP_SEGMENT of udp(7).
      if segment > 0 { unsafe setsockopt(descriptor, Int32(IPPROTO_UDP), 103, &value, 4) }
      var end = sockaddr_in()
      end.sin_family = sa_family_t(AF_INET)
      end.sin_port = UInt16(9).bigEndian
      end.sin_addr.s_addr = unsafe inet_addr(address)
      let bytes = [UInt8](repeating: 1, count: size)
      for _ in 0..<count {
        unsafe withUnsafeBytes(of: &end) { address in
          let address = unsafe address.assumingMemoryBound(to: sockaddr.self).baseAddress!
          _ = unsafe sendto(descriptor, bytes, size, 0, address, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
    }
  }

  /// Captures all of the interface `eth0`.
  func source(workers: Int) throws -> LiveSource {
    try LiveSource(
      plan(), workers: workers, options: CaptureOptions(), compiler: PcapFilterCompiler(),
      tell: { Issue.record("\($0)") }, say: { _ in })
  }

  /// - Parameter more: VPCs that the inventory names before.
  func plan(_ more: String = "") throws -> MirrorPlan {
    let inventory = try Inventory(
      json: Array(
        """
        {"format": "moontap.inventory/1", "regions": [{"id": "r", "vpcs": [\(more)
          {"id": "vpc", "cidrs": ["10.20.0.0/16"], "routeTables": [{"id": "t", "routes": []}],
           "subnets": [{"id": "s", "cidrs": ["10.20.0.0/16"], "routeTable": "t"}],
           "enis": [{"id": "e", "subnet": "s", "addresses": ["10.20.1.1"], "interface": "\(name)/eth0"}]}]}]}
        """.utf8), file: "inventory.json")
    let file = try MirrorsFile(
      json: """
        {"format": "moontap.mirrors/1", "mirrors": [
          {"name": "m", "region": "r", "vpc": "vpc", "range": {"vpc": true}, "direction": "all",
           "receivers": ["10.20.9.10"], "balance": "even", "encapsulation": {"type": "vxlan", "vni": 7}}]}
        """, file: "mirrors.json")
    let mirrors = MirrorValidator(inventory: inventory).validate(file.drafts).mirrors
    return MirrorPlan(inventory: inventory, mirrors: mirrors)
  }
}

/// Rings of a real interface, in a namespace of its own.
@Suite(.enabled(if: Namespace.missing == nil, Comment(rawValue: Namespace.missing ?? "")))
struct LiveSourceTests {
  /// Its error ends one wait, of each worker, and not every one from then on.
  @Test func anInterfaceThatIsDownKeepsNobodyAwake() throws {
    let host = try Namespace()
    let source = try host.source(workers: 2)
    let batch = FrameBatch()
    try host.link("set eth0 down")
    for reader in source.readers { #expect(reader.fill(batch)) }
    source.lookAfterInterfaces()
    for reader in source.readers {
      #expect(reader.fill(batch))
      #expect(!reader.wasWoken)
    }
    #expect(source.openCount == 1)
  }

  /// What is captured is the interface that has the name.
  @Test func anInterfaceThatGetsAnotherNameIsAnother() throws {
    let host = try Namespace()
    let source = try host.source(workers: 1)
    try host.send(1, of: 10)
    #expect(source.report()[0].counts.met == 1)
    try host.link("set eth0 down")
    try host.link("set eth0 name eth1")
    try host.link("set eth1 up")
    source.lookAfterInterfaces()
    #expect(source.openCount == 0)
    try host.add("eth0", "10.20.2.1")
    source.lookAfterInterfaces()
    #expect(source.openCount == 1)
    try host.send(5, of: 10, to: "10.20.1.2")
    try host.send(3, of: 10, to: "10.20.2.2")
    #expect(source.report()[0].counts.met == 4)
  }

  /// What waits in its ring stays there, though the inventory numbers VPCs otherwise.
  @Test func anotherVPCOfTheInventoryChangesNothing() throws {
    let host = try Namespace()
    let source = try host.source(workers: 1)
    try host.send(5, of: 10)
    try source.adopt(
      host.plan(#"{"id": "new", "cidrs": ["10.30.0.0/16"], "routeTables": [], "subnets": [], "enis": []},"#))
    source.closeUnwanted()
    let (batch, reader) = (FrameBatch(), source.readers[0])
    for _ in 0..<20 where source.report()[0].counts.read < 5 { _ = reader.fill(batch) }
    let report = source.report()
    #expect(report.map(\.counts.read) == [5] && report.map(\.counts.lost) == [0])
  }

  /// However late it is: what was read of the ring is judged, or the counts would not say what was lost.
  @Test func aSuperFrameThatWasBegunIsCutToItsEnd() throws {
    let host = try Namespace()
    let source = try host.source(workers: 1)
    let (reader, batch) = (source.readers[0], FrameBatch())
    // 180 segments; a batch has room for 128.
    try host.send(3, of: 60 * 100, segment: 100)
    var frames = 0
    while frames == 0 {
      #expect(reader.fill(batch))
      frames += batch.count
    }
    try #require(frames == FrameBatch.capacity, "the kernel cut them itself")
    source.stop()
    reader.end(in: -3000)
    while reader.fill(batch) { frames += batch.count }
    let counts = source.report()[0].counts
    #expect(frames == 60 * Int(counts.superFrames) && counts.records == UInt64(frames))
    #expect(counts.met == counts.read + counts.lost)
  }
}
