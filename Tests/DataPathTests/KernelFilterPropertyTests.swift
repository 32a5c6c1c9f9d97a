// The kernel's filter against the pipeline: whatever the inventory, the mirrors, their filters and the frames, receivers get the
// same copies whether the pipeline sees all frames or those that the kernel lets through.

import Capture
import Inventory
import SeededRandom
import Testing
import Wire

@testable import DataPath
@testable import Live
@testable import Mirroring

/// A frame, and how the kernel has it.
private struct Sighting {
  var frame: TestFrame
  var bytes: [UInt8]
  /// The kernel took the outermost tag off.
  var isUntagged = false

  /// - Parameter snapLength: how much of it the pipeline gets.
  init(_ frame: TestFrame, takesTagOff: Bool, snapLength: Int) {
    self.frame = frame
    bytes = frame.bytes
    self.frame.original = UInt32(bytes.count)
    self.frame.bytes = Array(bytes.prefix(snapLength))
    let isTag = bytes.count >= 18 && (bytes[12...13] == [0x81, 0] || bytes[12...13] == [0x88, 0xa8])
    guard takesTagOff, isTag else { return }
    bytes.removeSubrange(12..<16)
    isUntagged = true
  }

  /// - Parameter instructions: what the kernel runs; the tag's presence is what only the kernel can load.
  func passes(_ instructions: [BPFInstruction]) throws -> Bool {
    let known = instructions.map {
      $0.k == 0xffff_f030 ? BPFInstruction(code: 0, k: isUntagged ? 1 : 0) : $0
    }
    let program = try BPFProgram(known)
    return unsafe bytes.withUnsafeBytes { bytes in
      unsafe bytes.isEmpty
        || program.run(bytes.baseAddress!, captured: bytes.count, original: bytes.count) != 0
    }
  }
}

extension RandomNumbers {
  /// Interfaces of ENIs, as live; filters that the kernel can mostly be told.
  fileprivate mutating func liveScene() throws -> Scene {
    var scene = try scene(mirrors: 1...3)
    let bound = scene.inventory.enis.compactMap(\.interface) + scene.inventory.enis.map(\.id)
    scene.boundENIs = [:]
    let link = pick([LinkType.ethernet, .ethernet, .raw])
    scene.interfaces = (0..<number(1...3)).map { _ in
      CaptureInterface(linkType: link, name: pick(bound), origin: "live")
    }
    // The pipeline forgets a conversation that rests at the mirror's own ENIs, whatever passes elsewhere.
    scene.options.conversationIdle = 1 << 60
    for index in scene.mirrors.indices {
      scene.mirrors[index].filter = liveFilter(scene.inventory, scene.mirrors[index].vpc, depth: 2)
      let function = ScriptFunction(host: 0, function: number(0...2), name: "f")
      if chance(60) { scene.mirrors[index].balance = chance(20) ? .script(function) : .flowHash }
    }
    return scene
  }

  private mutating func liveFilter(_ inventory: Inventory, _ vpc: Int, depth: Int) -> FilterExpression {
    switch number(0...(depth > 0 ? 11 : 6)) {
    case 0: filter(inventory, vpc, depth: 1)
    case 1: .nat(pick(inventory.vpcs[vpc].natGateways), bidirectional: chance(50))
    case 2, 3: .quintuple((0..<number(1...2)).map { _ in condition() })
    case 4...6: .bpf(pick(Self.expressions))
    case 7:
      .all([
        liveFilter(inventory, vpc, depth: depth - 1),
        .script(ScriptFunction(host: 0, function: number(0...2), name: "f")),
      ])
    case 8: .all((0..<number(1...3)).map { _ in liveFilter(inventory, vpc, depth: depth - 1) })
    case 9, 10: .anyOf((0..<number(1...3)).map { _ in liveFilter(inventory, vpc, depth: depth - 1) })
    default: .not(liveFilter(inventory, vpc, depth: depth - 1))
    }
  }

  static let expressions = [
    "tcp port 443", "udp", "not tcp", "host 10.20.1.11 and not port 53", "src net 10.20.0.0/16 or arp",
    "ip6 and (tcp or udp port 53)", "dst host 2001:db8:20:1::11", "src portrange 53-443", "icmp or icmp6",
    "ip proto 47",
    "dst port 80 && !src host 8.8.8.8", "tcp[13] & 2 != 0", "vlan", "ether[12:2] = 0x8100", "less 64", "ip[8:4] = 5",
    "ip[40] = 7", "ether host 02:00:00:00:00:01", "not ip", "sctp or proto 50", "igmp", "net 10.20.1",
  ]
}

@Suite struct KernelFilterPropertyTests {
  private struct Case {
    var scene: Scene
    var sightings: [Sighting]
    var programs: [[BPFInstruction]]
    /// Those that leave out nothing but copies and what receivers send.
    var plainPrograms: [[BPFInstruction]]

    init(_ random: inout RandomNumbers) throws {
      let scene = try random.liveScene()
      self.scene = scene
      let snapLength = random.pick([262_144, 262_144, 64, 100])
      let frames = random.frames(150, FrameWorld(scene), gap: 5_000_000)
      sightings = frames.map { frame in
        var frame = frame
        let summary = unsafe frame.bytes.withUnsafeBytes { bytes in
          unsafe PacketSummary.parse(
            bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!, captured: bytes.count,
            decoder: scene.interfaces[0].linkType.decoder!)
        }
        // The pieces of a datagram pass by one interface.
        if summary.flags.contains(.fragment) { frame.interface = summary.fragmentID % UInt32(scene.interfaces.count) }
        return Sighting(frame, takesTagOff: random.chance(50), snapLength: snapLength)
      }
      let plan = MirrorPlan(inventory: scene.inventory, mirrors: scene.mirrors, options: scene.options)
      programs = scene.interfaces.map {
        KernelFilter.make(
          plan, interface: $0.name!, linkType: $0.linkType, mtu: 1500, snapLength: snapLength,
          compiler: PcapFilterCompiler())
      }
      plainPrograms = scene.interfaces.map { Self.plain(plan, $0) }
    }

    private static func plain(_ plan: MirrorPlan, _ interface: CaptureInterface) -> [BPFInstruction] {
      let layout = FrameLayout(interface.linkType)!
      let wanted = WantedFrames(plan, interface: interface.name!, layout, interface.linkType, PcapFilterCompiler())
      let excluded = ExcludedFrames(plan, vpc: wanted.vpc, layout)
      return FrameProgram.make(layout.frame { excluded.test($0).negated })
    }

    /// Positions of the frames that the kernel lets through.
    func passing(_ programs: [[BPFInstruction]]) throws -> [Int] {
      try sightings.indices.filter { try sightings[$0].passes(programs[Int(sightings[$0].frame.interface)]) }
    }

    /// Copies of the frames at these positions.
    func run(_ positions: [Int]) throws -> [Delivered] {
      let pipeline = scene.pipeline(compiler: PcapFilterCompiler())
      pipeline.leavesOutForeignCopies = true
      let sink = CollectingSink()
      try pipeline.run(positions.map { sightings[$0].frame }, scene.interfaces, sink: sink)
      return sink.delivered.map { copy in
        var copy = copy
        copy.frame = positions[copy.frame]
        return copy
      }
    }
  }

  @Test(arguments: 0..<4 as Range<UInt64>)
  func receiversGetTheSame(_ part: UInt64) throws {
    var leftOut = 0
    var copied = 0
    for index in 0..<60 as Range<UInt64> {
      var random = RandomNumbers(seed: 77 << 32 | part << 16 | index)
      let made = try Case(&random)
      let passing = try made.passing(made.programs)
      let all = try made.run(Array(made.sightings.indices))
      let lost = Set(all.map(\.frame)).subtracting(passing)
      let filters = made.scene.mirrors.map(\.filter)
      try #require(lost.isEmpty, "case \(index): frame \(lost.min()!) of \(filters)")
      // Those two the pipeline leaves out by itself, but it counts them to their conversations.
      let (some, most) = (try made.run(passing), try made.run(made.passing(made.plainPrograms)))
      let different = zip(some, most).first { $0 != $1 }
      try #require(
        some == most,
        "case \(index): \(some.count) of \(most.count), \(different.map { "\($0) for \($1)" } ?? ""), \(filters)")
      leftOut += made.sightings.count - passing.count
      copied += all.count
    }
    #expect(leftOut > 3000 && copied > 300, "left out \(leftOut), copied \(copied)")
  }
}
