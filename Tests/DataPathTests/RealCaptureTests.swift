// Real packets: every capture among the fixtures that is a plain pcap file, before the model and the pipeline.

import Foundation
import Inventory
import SeededRandom
import Testing
import Wire

@testable import DataPath
@testable import Mirroring

/// The frames of a pcap file (not pcapng, not compressed), by its own short reader.
private struct PlainCapture {
  var link: LinkType
  var frames: [TestFrame] = []

  /// nil: another format.
  init?(_ file: [UInt8], limit: Int) {
    guard file.count >= 24 else { return nil }
    let magic = number(file[0..<4])
    let isLittle = [0xd4c3_b2a1, 0x4d3c_b2a1].contains(magic)
    guard isLittle || [0xa1b2_c3d4, 0xa1b2_3c4d].contains(magic) else { return nil }
    func field(_ at: Int) -> Int { number(isLittle ? file[at..<at + 4].reversed() : Array(file[at..<at + 4])) }
    let isNanoseconds = [0x4d3c_b2a1, 0xa1b2_3c4d].contains(magic)
    link = LinkType(rawValue: UInt16(truncatingIfNeeded: field(20)))
    var offset = 24
    while offset + 16 <= file.count, frames.count < limit {
      let (captured, original) = (field(offset + 8), field(offset + 12))
      guard captured <= file.count - offset - 16 else { break }
      let time = field(offset) * 1_000_000_000 + field(offset + 4) * (isNanoseconds ? 1 : 1000)
      frames.append(
        TestFrame(Array(file[offset + 16..<offset + 16 + captured]), time: Int64(time), original: original))
      offset += 16 + captured
    }
  }
}

private let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .appendingPathComponent("../Fixtures/captures").standardizedFileURL

/// One VPC of all addresses; the first hosts of the capture are its ENIs, every second one without a MAC.
private func inventory(of capture: PlainCapture) throws -> Inventory {
  var hosts: [(address: IPAddress, mac: UInt64?)] = []
  for frame in capture.frames {
    let packet = ModelPacket(frame.bytes, link: capture.link)
    guard let source = packet.source, !isMulticast(source), !source.isUnspecified, hosts.count < 6,
      !hosts.contains(where: { $0.address == source || $0.mac != nil && $0.mac == packet.sourceMAC })
    else { continue }
    hosts.append((source, packet.sourceMAC.flatMap { $0 == 0 || $0 >> 40 & 1 == 1 ? nil : $0 }))
  }
  let enis = hosts.enumerated().map { index, host in
    let mac = index % 2 == 0 ? host.mac.map { #", "mac": "\#(MACAddress(value: $0))""# } ?? "" : ""
    return #"{"id": "eni-\#(index)", "subnet": "all", "addresses": ["\#(host.address)"]\#(mac)}"#
  }
  let text = """
    {"format": "moontap.inventory/1", "regions": [{"id": "r", "vpcs": [{"id": "vpc", "cidrs": ["0.0.0.0/0", "::/0"],
      "natGateways": [{"id": "nat", "addresses": []}], "routeTables": [{"id": "rtb", "routes": [
        {"destination": "128.0.0.0/1", "nextHop": {"type": "nat", "id": "nat"}}]}],
      "subnets": [{"id": "all", "cidrs": ["0.0.0.0/0", "::/0"], "routeTable": "rtb"}],
      "enis": [\(enis.joined(separator: ","))]}]}]}
    """
  return try Inventory(json: Array(text.utf8), file: "capture.json")
}

@Suite struct RealCaptureTests {
  @Test func areJudgedAsTheReferenceModelDoes() throws {
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    var (captures, packets, collected) = (0, 0, 0)
    for file in files.sorted(by: { $0.path < $1.path }) {
      guard let capture = PlainCapture(Array(try Data(contentsOf: file)), limit: 600) else { continue }
      var random = RandomNumbers(seed: UInt64(captures))
      for _ in 0..<6 {
        var scene = Scene(inventory: try inventory(of: capture), mirrors: [])
        scene.mirrors = random.mirrors(scene.inventory, 1...6)
        scene.options.tracksFragments = random.chance(50)
        scene.interfaces[0].linkType = capture.link
        let run = Differential(scene: scene, frames: capture.frames)
        if try run.difference() != nil { Issue.record("\(file.lastPathComponent): \(try run.told(seed: 0))") }
        collected += try scene.run(capture.frames).count
      }
      captures += 1
      packets += capture.frames.count
    }
    #expect(captures > 20 && packets > 2000 && collected > 1000)
  }
}
