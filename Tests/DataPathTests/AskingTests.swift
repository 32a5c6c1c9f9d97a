// Filters that must see each packet, and tables larger than the processor's cache.

import Inventory
import Testing
import Wire

@testable import DataPath
@testable import Mirroring

/// Knows two expressions on Ethernet and one on raw IP.
private final class FakeCompiler: BPFCompiler {
  struct Unknown: Error {}
  private(set) var asked: [String] = []

  /// `ip[9]` is 17: byte 23 of an Ethernet frame, 9 of a raw one. `long`: more than 100 bytes on the wire.
  func compile(_ text: String, linkType: LinkType) throws -> BPFProgram {
    asked.append("\(text) \(linkType.rawValue)")
    let load: BPFInstruction
    switch (text, linkType) {
    case ("udp", .ethernet): load = BPFInstruction(code: 0x30, k: 23)
    case ("udp", .raw): load = BPFInstruction(code: 0x30, k: 9)
    case ("long", .ethernet):
      return try BPFProgram([
        BPFInstruction(code: 0x80), BPFInstruction(code: 0x25, jumpTrue: 0, jumpFalse: 1, k: 100),
        BPFInstruction(code: 0x06, k: 262_144), BPFInstruction(code: 0x06, k: 0),
      ])
    default: throw Unknown()
    }
    return try BPFProgram([
      load, BPFInstruction(code: 0x15, jumpTrue: 0, jumpFalse: 1, k: 17), BPFInstruction(code: 0x06, k: 262_144),
      BPFInstruction(code: 0x06, k: 0),
    ])
  }
}

@Suite struct CaptureFilterTests {
  private func collected(_ filter: FilterExpression, _ frames: [TestFrame]) throws -> [Int] {
    var scene = try shopScene(filter)
    scene.interfaces.append(CaptureInterface(linkType: .raw, name: nil, origin: "raw.pcap"))
    let sink = CollectingSink()
    let compiler = FakeCompiler()
    try scene.pipeline(compiler: compiler).run(frames, scene.interfaces, sink: sink)
    return sink.delivered.map(\.frame)
  }

  private var frames: [TestFrame] {
    let bytes = udp("10.20.1.11", "8.8.8.8", 1, 2, macs: (1, 0xaa))
    var other = bytes
    other[23] = 6
    return [
      TestFrame(bytes), TestFrame(other), TestFrame(bytes, original: 101),
      TestFrame(Array(bytes.dropFirst(14)), interface: 1), TestFrame(Array(other.dropFirst(14)), interface: 1),
    ]
  }

  @Test func runTheProgramOfTheFramesLinkType() throws {
    #expect(try collected(.bpf("udp"), frames) == [0, 2, 3])
    #expect(try collected(.not(.bpf("udp")), frames) == [1, 4])
  }

  @Test func seeTheLengthOnTheWire() throws {
    #expect(try collected(.bpf("long"), frames) == [2])
  }

  @Test func matchNothingWhereTheyHaveNoMeaning() throws {
    #expect(try collected(.anyOf([.bpf("long"), .bpf("nonsense")]), frames) == [2])
    let scene = try shopScene(.bpf("udp"))
    #expect(try scene.run(Array(frames.prefix(3))).isEmpty, "no compiler")
  }
}

@Suite struct AskedPacketTests {
  /// The outgoing side must be asked, the incoming is collected anyhow.
  @Test func isCollectedGoingInWhenTheScriptSaysNoGoingOut() throws {
    let accept = PriorityRule(priority: 1, action: .accept, condition: QuintupleCondition())
    let scene = try shopScene(
      .anyOf([.rules(inbound: [accept], outbound: []), .script(ScriptFunction(host: 0, function: 1, name: "f"))]))
    let frames = (0..<100).map { TestFrame(udp("10.20.1.11", "10.20.1.12", $0, 2)) }
    let delivered = try scene.run(frames)
    #expect(delivered.map(\.frame) == Array(0..<100))
    #expect(Set(delivered.map(\.isOutbound)) == [true, false])
    let difference = try Differential(scene: scene, frames: frames).difference()
    #expect(difference == nil)
  }
}

@Suite struct ManyConversationsTests {
  /// A table beyond the second-level cache is touched ahead of its use; that must not change an answer.
  @Test func giveTheSameAnswersInBatchesAndOneByOne() throws {
    let scene = try shopScene(.sample(threshold: 1 << 63))
    let frames = (0..<2).flatMap { _ in
      (0..<9000).map { TestFrame(udp("10.20.1.11", "8.8.8.8", $0, 2, macs: (1, 0xaa))) }
    }
    let whole = try scene.run(frames)
    let single = try scene.run(frames, batches: [1])
    #expect(whole == single)
    #expect(abs(whole.count - 9000) < 600)
    #expect(whole.prefix(whole.count / 2).map(\.route) == whole.suffix(whole.count / 2).map(\.route))
  }
}
