// Cases made by hand: what the random runs cannot meet, and the promises of the pipeline's head, one by one.

import Inventory
import SeededRandom
import Testing
import Wire

@testable import DataPath
@testable import Mirroring

/// One VPC with three ENIs: two web servers and an IDS that receives.
private let shop = """
  {"format": "moontap.inventory/1", "regions": [{"id": "r", "vpcs": [{
    "id": "vpc", "cidrs": ["10.20.0.0/16"], "natGateways": [{"id": "nat", "addresses": []}],
    "routeTables": [{"id": "rtb", "routes": [{"destination": "0.0.0.0/0", "nextHop": {"type": "nat", "id": "nat"}}]}],
    "subnets": [{"id": "web", "cidrs": ["10.20.1.0/24"], "routeTable": "rtb"},
                {"id": "ids", "cidrs": ["10.20.9.0/24"], "routeTable": "rtb"}],
    "enis": [
      {"id": "web1", "subnet": "web", "mac": "02:00:00:00:00:01", "addresses": ["10.20.1.11"], "interface": "tap1"},
      {"id": "web2", "subnet": "web", "mac": "02:00:00:00:00:02", "addresses": ["10.20.1.12"], "interface": "tap2"},
      {"id": "ids1", "subnet": "ids", "mac": "02:00:00:00:00:09", "addresses": ["10.20.9.10"]}]}]}]}
  """

/// A mirror of the whole VPC with two receivers, one of them at an ENI.
func shopScene(_ filter: FilterExpression = .any, _ balance: BalanceMethod = .even) throws -> Scene {
  let mirror = TrafficMirror(
    name: "m", description: "", vpc: 0, range: .vpc, direction: .all, filter: filter,
    receivers: [IPAddress("10.20.9.10")!, IPAddress("10.20.9.11")!], balance: balance,
    encapsulation: Encapsulation(vni: 7), copies: .once, isEnabled: true, tags: [:], onError: .skip, origin: "m.lua:1")
  return Scene(inventory: try Inventory(json: Array(shop.utf8), file: "shop.json"), mirrors: [mirror])
}

/// UDP over IPv4 between the ENIs with these last MAC bytes.
func udp(
  _ source: String, _ destination: String, _ from: Int, _ to: Int, macs: (UInt8, UInt8) = (1, 2), length: Int = 8
) -> [UInt8] {
  [2, 0, 0, 0, 0, macs.1, 2, 0, 0, 0, 0, macs.0, 8, 0, 0x45, 0] + bigEndian(20 + length, 2) + [
    0, 0, 0, 0, 64, 17, 0, 0,
  ]
    + octets(IPAddress(source)!) + octets(IPAddress(destination)!) + bigEndian(from, 2) + bigEndian(to, 2)
    + Array(repeating: 0, count: length - 4)
}

@Suite struct VerdictTests {
  private func verdict(_ scene: Scene, _ bytes: [UInt8]) throws -> Verdict? {
    try scene.pipeline().explain(TestFrame(bytes), scene.interfaces).mirrors[0].conclusions.first?.verdict
  }

  @Test func takesTheFirstReasonThatApplies() throws {
    var scene = try shopScene(.quintuple([QuintupleCondition(destinationPort: 443...443)]))
    let plain = udp("10.20.1.11", "10.20.1.12", 5000, 443)
    #expect(try verdict(scene, plain) == .collected)
    #expect(try verdict(scene, udp("10.20.1.11", "10.20.1.12", 5000, 80)) == .filtered)
    scene.mirrors[0].direction = .in
    scene.mirrors[0].range = .enis([0])
    #expect(try verdict(scene, udp("10.20.1.11", "8.8.8.8", 5000, 80, macs: (1, 0xaa))) == .direction)
    scene.mirrors[0].range = .enis([1])
    #expect(try verdict(scene, udp("10.20.1.11", "8.8.8.8", 5000, 80, macs: (1, 0xaa))) == .outOfRange)
    scene.mirrors[0].range = .enis([2])
    #expect(try verdict(scene, udp("8.8.8.8", "10.20.9.10", 5000, 80, macs: (0xaa, 9))) == .receiverENI)
    #expect(try verdict(scene, udp("10.20.9.10", "8.8.8.8", 5000, 80, macs: (9, 0xaa))) == .receiver)
    #expect(try verdict(scene, udp("10.20.9.10", "10.20.9.10", 5000, 4789, macs: (9, 9))) == .copy)
    #expect(try verdict(scene, udp("8.8.8.8", "8.8.4.4", 5000, 80, macs: (0xaa, 0xab))) == nil)
  }

  @Test func collectsOtherTrafficToAReceiver() throws {
    #expect(try verdict(shopScene(), udp("10.20.1.11", "10.20.9.10", 5000, 22, macs: (1, 9))) == .collected)
  }

  @Test func knowsCopiesOfAnyEnabledMirrorAndOnlyThose() throws {
    var scene = try shopScene()
    let copy = udp("10.20.1.11", "10.20.9.11", 5000, 8472, macs: (1, 9))
    #expect(try verdict(scene, copy) == .collected)
    var other = scene.mirrors[0]
    other.encapsulation.port = 8472
    scene.mirrors.append(other)
    #expect(try verdict(scene, copy) == .copy)
    scene.mirrors[1].isEnabled = false
    #expect(try verdict(scene, copy) == .collected)
  }

  @Test func judgesNothingForMirrorsThatAreOffOrHaveNoReceiver() throws {
    var scene = try shopScene()
    scene.mirrors += [scene.mirrors[0], scene.mirrors[0]]
    scene.mirrors[0].isEnabled = false
    scene.mirrors[1].receivers = []
    let pipeline = scene.pipeline()
    #expect(pipeline.plan.enabled == [2])
    let explanation = try pipeline.explain(TestFrame(udp("10.20.1.11", "8.8.8.8", 1, 2)), scene.interfaces)
    #expect(explanation.mirrors.map(\.index) == [2])
  }

  @Test func explainsTheTestsThatRanAndWhatWasRemembered() throws {
    let scene = try shopScene(
      .all([
        .quintuple([QuintupleCondition(protocol: .udp)]),
        .script(ScriptFunction(host: 0, function: 9, name: "no-scan")),
      ]))
    let pipeline = scene.pipeline()
    let frame = TestFrame(udp("10.20.1.11", "8.8.8.8", 1, 2, macs: (1, 0xaa)))
    let first = try pipeline.explain(frame, scene.interfaces)
    #expect(!first.isRemembered && !first.isUndecodable && first.summary.destinationPort == 2)
    let steps = first.mirrors[0].observations[0].steps
    #expect(steps.map(\.test) == ["quintuple protocol udp", "lua no-scan"])
    #expect(steps.map(\.isOfFlow) == [true, false])
    #expect(steps[0].answer == .yes)
    #expect(try pipeline.explain(frame, scene.interfaces).isRemembered)
  }

  @Test func tellsWhenAFunctionFailed() throws {
    let scene = try shopScene(.script(ScriptFunction(host: 0, function: 2, name: "f")))
    let pipeline = scene.pipeline()
    var answers: Set<Explanation.Step.Answer> = []
    for port in 0..<40 {
      let frame = TestFrame(udp("10.20.1.11", "8.8.8.8", port, 2, macs: (1, 0xaa)))
      let mirror = try pipeline.explain(frame, scene.interfaces).mirrors[0]
      let answer = mirror.observations[0].steps[0].answer
      answers.insert(answer)
      #expect((answer == .failed) == (mirror.conclusions[0].verdict == .scriptError))
    }
    #expect(answers == [.yes, .no, .failed])
  }

  @Test func saysThatALinkTypeHasNoDecoder() throws {
    var scene = try shopScene()
    scene.interfaces[0].linkType = LinkType(rawValue: 147)
    let pipeline = scene.pipeline()
    let explanation = try pipeline.explain(TestFrame([1, 2, 3]), scene.interfaces)
    #expect(explanation.isUndecodable && explanation.mirrors[0].conclusions.isEmpty)
    #expect(try pipeline.report().undecodable == Tally(packets: 1, bytes: 3))
  }
}

@Suite struct BindingTests {
  private func sides(_ name: String?, origin: String = "a.pcap", bound: [String: String] = [:]) throws -> [Bool] {
    var scene = try shopScene()
    scene.interfaces = [CaptureInterface(linkType: .ethernet, name: name, origin: origin)]
    scene.boundENIs = bound
    let frame = TestFrame(udp("10.20.1.11", "10.20.1.12", 1, 2))
    return try scene.pipeline().explain(frame, scene.interfaces).mirrors[0].conclusions.map(\.isOutbound)
  }

  @Test func bindsACaptureToAnENIByInterfaceIdOrOption() throws {
    #expect(try sides(nil) == [true])
    #expect(try sides("eth0") == [true])
    #expect(try sides("tap2") == [false])
    #expect(try sides("web2") == [false])
    #expect(try sides("tap1", bound: ["a.pcap": "web2"]) == [false])
    #expect(try sides(nil, bound: ["b.pcap": "web2"]) == [true])
  }

  @Test func takesTheKernelsWordWhereNothingElseIsKnown() throws {
    var scene = try shopScene()
    scene.interfaces = [CaptureInterface(linkType: .raw, name: "tap1", origin: "a.pcap")]
    for (direction, isOutbound) in [(CaptureDirection.outbound, true), (.inbound, false), (.unknown, false)] {
      var frame = TestFrame([0x45, 0])
      frame.direction = direction
      let explanation = try scene.pipeline().explain(frame, scene.interfaces)
      #expect(explanation.mirrors[0].conclusions.map(\.isOutbound) == [isOutbound])
    }
  }

  /// A record captured at its sender and at its receiver is copied once.
  @Test func leavesOutWhatItCollectsAtTheSender() throws {
    var scene = try shopScene()
    scene.interfaces = ["tap1", "tap2"].map { CaptureInterface(linkType: .ethernet, name: $0, origin: $0) }
    let bytes = udp("10.20.1.11", "10.20.1.12", 1, 2)
    let frames = [TestFrame(bytes, interface: 0), TestFrame(bytes, interface: 1)]
    #expect(try scene.run(frames).map(\.frame) == [0])
    scene.mirrors[0].direction = .in
    #expect(try scene.run(frames).map(\.frame) == [1])
    scene.mirrors[0].direction = .all
    scene.mirrors[0].copies = .perENI
    #expect(try scene.run(frames).map(\.frame) == [0, 1])
  }

  /// A packet captured twice is one packet of its conversation for `first`.
  @Test func countsForAFirstFilterOnlyWhatItCaptures() throws {
    var scene = try shopScene(.first(packets: 3, bytes: nil, id: 0))
    scene.interfaces = ["tap1", "tap2"].map { CaptureInterface(linkType: .ethernet, name: $0, origin: $0) }
    let bytes = udp("10.20.1.11", "10.20.1.12", 1, 2)
    let frames = (0..<10).map { TestFrame(bytes, interface: UInt32($0 % 2)) }
    #expect(try scene.run(frames).map(\.frame) == [0, 2, 4])
  }

  @Test func learnsOfTheSendersCaptureWhenItTurnsUp() throws {
    let scene = try shopScene()
    let interfaces = ["tap2", "tap1"].map { CaptureInterface(linkType: .ethernet, name: $0, origin: $0) }
    let pipeline = scene.pipeline()
    let sink = CollectingSink()
    let frame = TestFrame(udp("10.20.1.11", "10.20.1.12", 1, 2))
    try pipeline.run([frame], [interfaces[0]], sink: sink)
    try pipeline.run([frame], interfaces, sink: sink)
    #expect(sink.delivered.count == 1)
    let report = try pipeline.report()
    #expect(report.mirrors[0].reasons.first { $0.reason == .duplicate }?.tally.packets == 1)
  }
}

@Suite struct BalanceTests {
  /// Conversations of many sizes, interleaved: within 10 % of the mean, as section 6.5 promises.
  @Test(arguments: [2, 3, 4])
  func sharesBytesEvenly(receivers: Int) throws {
    var random = RandomNumbers(seed: UInt64(receivers))
    var scene = try shopScene()
    scene.mirrors[0].receivers = (1...receivers).map { IPAddress(v4: 0x0a14_0900 + UInt32($0)) }
    let weights = (0..<300).map { _ in 1 << random.number(0...6) }
    let frames = (0..<10_000).map { _ in
      var flow = random.number(0...299)
      while random.number(1...64) > weights[flow] { flow = random.number(0...299) }
      let isReply = random.chance(50)
      let (near, far) = ("10.20.1.11", "8.8.8.8")
      return TestFrame(
        isReply
          ? udp(far, near, 443, 1000 + flow, macs: (0xaa, 1)) : udp(near, far, 1000 + flow, 443, macs: (1, 0xaa)),
        original: random.pick([64, 64, 576, 1500]))
    }
    let pipeline = scene.pipeline()
    try pipeline.run(frames, scene.interfaces, sink: CollectingSink())
    let bytes = try pipeline.report().mirrors[0].receivers.map(\.collected.bytes)
    let mean = Double(bytes.reduce(0, +)) / Double(receivers)
    #expect(Double(bytes.max()!) < mean * 1.1, "\(bytes)")
  }

  @Test func takesTurnsPacketByPacket() throws {
    let scene = try shopScene(.any, .roundRobin)
    let frame = TestFrame(udp("10.20.1.11", "8.8.8.8", 1, 2, macs: (1, 0xaa)))
    #expect(try scene.run(Array(repeating: frame, count: 5)).map(\.route) == [0, 1, 0, 1, 0])
  }

  @Test func givesANewConversationToTheReceiverWithTheFewestBytes() throws {
    let scene = try shopScene()
    let sizes = [100, 60, 30, 20, 1000, 1]
    let frames = sizes.enumerated().map { port, size in
      TestFrame(udp("10.20.1.11", "8.8.8.8", port, 2, macs: (1, 0xaa)), original: size)
    }
    // 100 | 60, 90 with the third, 110 with the fourth, then 1100.
    #expect(try scene.run(frames).map(\.route) == [0, 1, 1, 1, 0, 1])
  }

  @Test func keepsTheSourcePortOfAConversation() throws {
    let scene = try shopScene()
    let frames = (0..<200).flatMap { port in
      [
        TestFrame(udp("10.20.1.11", "8.8.8.8", port, 2, macs: (1, 0xaa))),
        TestFrame(udp("8.8.8.8", "10.20.1.11", 2, port, macs: (0xaa, 1))),
      ]
    }
    let ports = try scene.run(frames).map(\.sourcePort)
    #expect(ports.count == 400 && ports.allSatisfy { $0 >= 49152 })
    #expect(stride(from: 0, to: 400, by: 2).allSatisfy { ports[$0] == ports[$0 + 1] })
    #expect(Set(ports).count > 180)
  }
}

@Suite struct ClassTests {
  /// More outcomes than a path can name: the classes start again, and nothing is lost or counted twice.
  @Test func startAgainWhenFull() {
    var classes = VerdictClasses()
    var cells = CounterCells(mirrors: 1, origins: VerdictClasses.limit + 10)
    var outcome = OutcomeBuilder()
    var unattributed = [Tally()]
    let count = VerdictClasses.limit - 1
    var numbers: [Int] = []
    for origin in 0..<count {
      outcome.clear()
      outcome.settle(cell: cells.cell(CellKey(mirror: 0, origin: Int32(origin), isOutbound: true)), .filtered)
      let wasFull = classes.isFull
      #expect(!wasFull)
      numbers.append(classes.intern(outcome))
    }
    let isFull = classes.isFull
    #expect(isFull && numbers == Array(1...count))
    outcome.clear()
    outcome.settle(cell: cells.cell(CellKey(mirror: 0, origin: 77, isOutbound: true)), .filtered)
    let known = classes.intern(outcome)
    #expect(known == numbers[77])
    _ = classes.settle(into: &cells, unattributed: &unattributed)
    classes.removeAll()
    let again = classes.intern(outcome)
    #expect(again == 1)
  }

  @Test func tellApartOutcomesThatDifferInOneWord() {
    var classes = VerdictClasses()
    let states = [
      SideState.decided(.filtered, cell: 1, Side(origin: 1)), .decided(.collected, cell: 1, Side(origin: 1)),
      .pending(at: 1, cell: 1, Side(origin: 1)), .pending(at: 2, cell: 1, Side(origin: 1)),
      .pending(at: -1, cell: 1, Side(origin: 1)), .pending(at: 1, cell: 2, Side(origin: 2)),
    ]
    var numbers: [Int] = []
    for state in states {
      for isDecided in [true, false] {
        for isOut in [true, false] {
          var outcome = OutcomeBuilder()
          outcome.act(
            Action(mirror: 0, out: isOut ? state : .absent, in: isOut ? .absent : state, isDecided: isDecided))
          numbers.append(classes.intern(outcome))
        }
      }
    }
    #expect(Set(numbers).count == states.count * 4)
  }
}

@Suite struct ReportTests {
  private func report() throws -> PipelineReport {
    let scene = try shopScene(.quintuple([QuintupleCondition(destinationPort: 2...2)]))
    let pipeline = scene.pipeline()
    let frames = [
      udp("10.20.1.11", "8.8.8.8", 1, 2, macs: (1, 0xaa)), udp("10.20.1.11", "8.8.8.8", 1, 3, macs: (1, 0xaa)),
      udp("8.8.8.8", "8.8.8.9", 1, 3, macs: (0xab, 0xaa)),
    ].map { TestFrame($0) }
    try pipeline.run(frames, scene.interfaces, sink: CollectingSink())
    return try pipeline.report()
  }

  @Test func addsUp() throws {
    let report = try report()
    try report.checkIdentity()
    #expect(report.records.packets == 3 && report.unattributed.packets == 1)
    #expect(report.mirrors[0].observed.packets == 2 && report.mirrors[0].collected.packets == 1)
    #expect(report.conversations.live == 3)
    #expect(DeliveryDrop.allCases.map(\.name) == ["queue-full", "send-error", "too-big", "loop", "throttled"])
  }

  @Test func noticesACounterThatIsBroken() throws {
    let report = try report()
    let breaks: [(String, (inout PipelineReport) -> Void)] = [
      ("observed", { $0.mirrors[0].cells[0].observed.packets += 1 }),
      ("observed", { $0.mirrors[0].cells[0].reasons[6].tally.bytes += 1 }),
      ("given to receivers", { $0.mirrors[0].receivers[0].collected.bytes += 1 }),
      ("unattributed or undecodable", { $0.records.packets += 1 }),
      ("unattributed or undecodable", { $0.mirrors[0].unattributed.packets += 1 }),
    ]
    for (words, damage) in breaks {
      var broken = report
      damage(&broken)
      let violation = #expect(throws: IdentityViolation.self) { try broken.checkIdentity() }
      #expect(violation?.description.contains(words) == true)
    }
  }
}

@Suite struct ScriptClockTests {
  @Test func startsWithTheFirstPacketAndRunsTimersOnPacketTime() throws {
    let scene = try shopScene(.script(ScriptFunction(host: 0, function: 0, name: "f")))
    let host = FakeScriptHost()
    host.timerEvery = 100
    let pipeline = scene.pipeline(scripts: [host])
    let bytes = udp("10.20.1.11", "8.8.8.8", 1, 2, macs: (1, 0xaa))
    let frames = [1000, 1050, 1100, 1090, 1150, 1300, 1301].map { TestFrame(bytes, time: $0) }
    try pipeline.run(frames, scene.interfaces, sink: CollectingSink())
    #expect(host.starts == [1000])
    #expect(host.timersRun == [1100, 1300])
  }

  @Test func hearsOfConversationsThatEnd() throws {
    var scene = try shopScene(.script(ScriptFunction(host: 0, function: 0, name: "f")))
    scene.options.conversationLimit = 16
    let host = FakeScriptHost()
    let pipeline = scene.pipeline(scripts: [host])
    let frames = (0..<500).map {
      TestFrame(udp("10.20.1.11", "8.8.8.8", $0, 2, macs: (1, 0xaa)), time: Int64($0) * 1_000_000_000)
    }
    try pipeline.run(frames, scene.interfaces, sink: CollectingSink())
    #expect(host.live.count <= 16 && host.problems.isEmpty)
    #expect(try pipeline.report().conversations.evicted == 500 - 16)
  }

  @Test func sparesNobodyAnExtremeTime() throws {
    let scene = try shopScene()
    let bytes = udp("10.20.1.11", "8.8.8.8", 1, 2, macs: (1, 0xaa))
    let times: [Int64] = [.min, 0, .max, .min, -1, .max]
    #expect(try scene.run(times.map { TestFrame(bytes, time: $0) }).count == 6)
  }
}
