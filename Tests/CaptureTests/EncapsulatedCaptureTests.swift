import Capture
import DataPath
import Foundation
import Mirroring
import Testing
import Wire

/// Encapsulated captures, as tshark decodes them.
@Suite struct EncapsulatedCaptureTests {
  struct Way: Sendable, CustomTestStringConvertible {
    var kind: Encapsulation.Kind
    var receiver: IPAddress
    var testDescription: String { "\(kind.rawValue) to \(receiver)" }

    /// Bytes in front of the inner frame.
    var headerCount: Int {
      let outer = 14 + (receiver.family == .v4 ? 20 : 40)
      return switch kind {
      case .vxlan, .erspan2: outer + 16
      case .gre: outer + 8
      case .none: 0
      }
    }

    var protocols: String {
      let ip = receiver.family == .v4 ? "eth:ethertype:ip:" : "eth:ethertype:ipv6:"
      return switch kind {
      case .vxlan: ip + "udp:vxlan:eth"
      case .gre: ip + "gre:eth"
      case .erspan2: ip + "gre:erspan:eth"
      case .none: "eth"
      }
    }
  }

  static let ways = [Encapsulation.Kind.vxlan, .gre, .erspan2].flatMap { kind in
    [Plans.v4, Plans.v6].map { Way(kind: kind, receiver: $0) }
  }

  /// Frames of many kinds of traffic and links, as if one source had them all.
  static let mixed: (copies: [MadeCopy], interfaces: [CaptureInterface]) = {
    var copies: [MadeCopy] = []
    var interfaces: [CaptureInterface] = []
    let names = [
      "web-871.pcap", "real-4k-hosts740-cut128.pcap", "ip6-fragments.pcap", "vlan-qinq-llc.pcap", "vxlan-http.pcap",
      "ip4-fragments-vlan-padding.pcap", "raw-ip6-http.pcap", "link-ipv4-mqtt.pcap", "sll-resp.pcap",
      "sll2-mixed.pcap", "null-bsd-ip6.pcap", "ppp-quic.pcap", "igmp-options-hbh.pcap", "pcapng-two-links.pcapng",
    ]
    for name in names {
      let reading = Reading(fixture(name))
      let offset = UInt32(interfaces.count)
      interfaces += reading.interfaces
      copies += CaptureTests.copies(of: reading).prefix(300).map { copy in
        var copy = copy
        copy.frame.interface += offset
        return copy
      }
    }
    return (copies, interfaces)
  }()

  private static func write(_ way: Way, into folder: TemporaryFolder) throws -> (path: String, drops: [Int]) {
    let plan = SinkPlan(routes: [Plans.route(way.receiver, way.kind)], origins: Plans.enis)
    let sink = try CaptureFileSink(
      folder: folder.path, plan: plan, options: CaptureFileOptions(format: .pcap, content: .encapsulated))
    let drops = try deliver(mixed.copies, to: sink, interfaces: mixed.interfaces)
    try sink.finish()
    return (folder.file(plan.routes[0].fileStem + ".pcap"), drops.keys.sorted())
  }

  /// Numbers of the frames that tshark finds malformed, or warns of, with all checksums checked.
  private static func suspects(_ path: String) -> Set<Int> {
    let checks = ["ip", "udp", "tcp"].flatMap { ["-o", "\($0).check_checksum:TRUE"] }
    let filter = "_ws.malformed || _ws.expert.severity >= 6291456"
    let output = run("tshark", ["-n", "-r", path] + checks + ["-Y", filter, "-T", "fields", "-e", "frame.number"])
    #expect(output.status == 0, "\(output.errors)")
    return Set(output.text.split(separator: "\n").compactMap { Int($0) })
  }

  /// The same frames without a tunnel: what tshark says of them is not the tunnel's fault.
  private static let plain: (frames: [OwnedFrame], suspects: Set<Int>) = {
    let folder = TemporaryFolder()
    let (path, _) = try! write(Way(kind: .none, receiver: Plans.v4), into: folder)
    return (Reading(path).frames, suspects(path))
  }()

  @Test(arguments: ways)
  func tsharkFindsNothingWrongAndTheInnerFramesAreTheOriginals(_ way: Way) throws {
    let folder = TemporaryFolder()
    let (path, drops) = try Self.write(way, into: folder)
    #expect(drops.isEmpty)
    let wrapped = Reading(path).frames
    #expect(wrapped.count == Self.mixed.copies.count)
    for (outer, inner) in zip(wrapped, Self.plain.frames) {
      #expect(Array(outer.bytes.dropFirst(way.headerCount)) == inner.bytes)
      #expect(outer.original == inner.original + UInt32(way.headerCount))
      #expect(outer.time == inner.time)
    }
    #expect(Self.suspects(path).subtracting(Self.plain.suspects).isEmpty)
    let output = run("tshark", ["-n", "-r", path, "-T", "fields", "-e", "frame.protocols"])
    for line in output.text.split(separator: "\n") { #expect(line.hasPrefix(way.protocols)) }
  }

  @Test func ethernetFramesWithoutATunnelAreTheOriginalsAndOthersAreDressed() throws {
    for (copy, plain) in zip(Self.mixed.copies, Self.plain.frames) {
      let linkType = Self.mixed.interfaces[Int(copy.frame.interface)].linkType
      if linkType == .ethernet {
        #expect(plain.bytes == copy.frame.bytes)
      } else {
        #expect(copy.frame.bytes.suffix(20) == plain.bytes.suffix(20))
        let mac: [UInt8] = copy.origin == 0 ? [2, 0, 0x0a, 0x14, 1, 0x0b] : [0, 0, 0, 0, 0, 0]
        #expect(Array(plain.bytes[(copy.isOutbound ? 6 : 0)...].prefix(6)) == mac)
      }
    }
  }

  @Test func sayWhatTheMirrorAndTheEniSay() throws {
    let folder = TemporaryFolder()
    let (path, _) = try Self.write(Way(kind: .vxlan, receiver: Plans.v4), into: folder)
    let names = ["eth.src", "ip.src", "ip.dst", "udp.dstport", "vxlan.vni", "vxlan.flags", "ip.dsfield.dscp"]
    let fields = names.flatMap { ["-e", $0] } + ["-E", "occurrence=f"]
    let output = run("tshark", ["-n", "-r", path, "-c", "2", "-T", "fields"] + fields)
    #expect(
      output.text.split(separator: "\n") == [
        "02:00:0a:14:01:0b\t10.20.1.11\t10.20.9.10\t4789\t7\t0x0800\t8",
        "00:00:00:00:00:00\t0.0.0.0\t10.20.9.10\t4789\t7\t0x0800\t8",
      ])
  }

  @Test func dropsWhatFitsInNoIPPacket() throws {
    let folder = TemporaryFolder()
    for (kind, longest) in [(Encapsulation.Kind.vxlan, 65_499), (.gre, 65_507), (.erspan2, 65_499)] {
      let sink = try CaptureFileSink(
        folder: folder.path, plan: Plans.one(Plans.v4, kind),
        options: CaptureFileOptions(format: .pcap, content: .encapsulated))
      var frames = madeFrames([longest, longest + 1, 60, 60])
      // The length on the wire counts, not what was captured of it.
      frames[3].original = UInt32(longest) + 1
      let drops = try deliver(frames.map { MadeCopy(frame: $0) }, to: sink, interfaces: ethernet)
      #expect(drops == [1: .tooBig, 3: .tooBig])
      try sink.finish()
      #expect(Reading(folder.file("10.20.9.10.pcap")).frames.map(\.bytes.count).count == 2)
      let lengths = run("tshark", ["-r", folder.file("10.20.9.10.pcap"), "-T", "fields", "-e", "ip.len"])
      #expect(lengths.text.hasPrefix("65535"))
    }
  }

  @Test func takesTheMacOfAReceiverThatIsAnEni() throws {
    let folder = TemporaryFolder()
    let ids = SinkPlan.Origin(name: "eni-ids", mac: MACAddress("02:00:0a:14:09:0a"), v4: Plans.v4, v6: nil)
    let plan = SinkPlan(routes: [Plans.route(Plans.v4)], origins: Plans.enis + [ids])
    let sink = try CaptureFileSink(
      folder: folder.path, plan: plan, options: CaptureFileOptions(format: .pcap, content: .encapsulated))
    try deliver([MadeCopy(frame: madeFrames([60])[0])], to: sink, interfaces: ethernet)
    try sink.finish()
    #expect(Array(Reading(folder.file("10.20.9.10.pcap")).frames[0].bytes.prefix(6)) == [2, 0, 0x0a, 0x14, 9, 0x0a])
  }
}
