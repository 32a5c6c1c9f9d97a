// Another plan while the engine runs: what goes on, what begins anew, and that everything is accounted for.

import Inventory
import SeededRandom
import Testing
import Wire

@testable import DataPath
@testable import Mirroring

/// A run in two parts with another plan in the second.
private struct TwoParts {
  var pipeline: Pipeline
  let sink = CollectingSink()
  let interfaces: [CaptureInterface]

  init(_ scene: Scene, scripts: [any ScriptHost] = [FakeScriptHost()]) {
    pipeline = scene.pipeline(scripts: scripts)
    interfaces = scene.interfaces
  }

  /// - Returns: where the copies went, by mirror and receiver.
  @discardableResult
  func run(_ frames: [TestFrame]) throws -> [String] {
    sink.delivered = []
    try pipeline.run(frames, interfaces, sink: sink)
    let routes = pipeline.plan.sinkPlan.routes
    return sink.delivered.map { "\(routes[$0.route].mirrorName) \(routes[$0.route].receiver)" }
  }

  func adopt(_ scene: Scene, scripts: [any ScriptHost] = [FakeScriptHost()]) {
    pipeline.adopt(plan: MirrorPlan(inventory: scene.inventory, mirrors: scene.mirrors), scripts: scripts)
  }
}

private func frames(_ ports: Range<Int>, size: Int = 100) -> [TestFrame] {
  ports.map { TestFrame(udp("10.20.1.11", "8.8.8.8", $0, 2, macs: (1, 0xaa)), original: size) }
}

extension Scene {
  fileprivate func changed(_ change: (inout TrafficMirror) -> Void) -> Scene {
    var scene = self
    change(&scene.mirrors[0])
    return scene
  }

  /// With another mirror, of the same receivers, so that it changes no verdict of the first.
  fileprivate func with(_ name: String, first: Bool = false) -> Scene {
    var scene = self
    var mirror = mirrors[0]
    mirror.name = name
    scene.mirrors.insert(mirror, at: first ? 0 : 1)
    return scene
  }
}

@Suite struct AdoptTests {
  /// The other end's interface was a tap for a moment, which has the sender's packets once more.
  @Test func interfacesOfENIsThatHaveGoneAreNobodysWhereThereAreNoTaps() throws {
    for hasTaps in [true, false] {
      var scene = try shopScene()
      scene.interfaces[0].name = "gone"
      let run = TwoParts(scene)
      run.pipeline.hasTaps = hasTaps
      #expect(try run.run(frames(1..<5)).count == (hasTaps ? 4 : 0))
      run.adopt(scene)
      #expect(try run.run(frames(5..<7)).count == (hasTaps ? 2 : 0))
      #expect(try run.pipeline.report().unattributed.packets == (hasTaps ? 0 : 6))
    }
  }

  private let a = IPAddress("10.20.9.10")!
  private let b = IPAddress("10.20.9.11")!
  private let c = IPAddress("10.20.9.12")!

  // MARK: Conversations

  @Test(arguments: [BalanceMethod.even, .flowHash, .weighted([1, 3])])
  func conversationsStayAtTheirReceivers(balance: BalanceMethod) throws {
    let scene = try shopScene(.any, balance)
    let parts = TwoParts(scene)
    let before = try parts.run(frames(0..<50))
    // Others come before it, receivers change their places, and there is a new one.
    let weights: BalanceMethod = if case .weighted = balance { .weighted([1, 1, 1]) } else { balance }
    parts.adopt(scene.with("new", first: true).changed { $0.balance = weights })
    let swapped = scene.changed {
      $0.receivers = [c, b, a]
      $0.balance = weights
    }
    parts.adopt(swapped)
    #expect(try parts.run(frames(0..<50)) == before)
    #expect(try parts.pipeline.report().mirrors[0].observed.packets == 100)
  }

  @Test func onlyConversationsOfAReceiverThatIsGoneMove() throws {
    let scene = try shopScene(.any, .even)
    let parts = TwoParts(scene.changed { $0.receivers = [a, b, c] })
    let before = try parts.run(frames(0..<60))
    parts.adopt(scene.changed { $0.receivers = [a, c] })
    let after = try parts.run(frames(0..<60))
    for (old, new) in zip(before, after) {
      let isGone = old == "m \(b)"
      #expect(isGone == (old != new))
    }
    let mirror = try parts.pipeline.report().mirrors[0]
    #expect(mirror.receivers.map(\.address) == [a, c, b])
    #expect(mirror.receivers.map(\.collected.packets) == [50, 50, 20])
  }

  @Test func aMethodThatGoesByPacketForgetsWhereConversationsWere() throws {
    let scene = try shopScene(.any, .even)
    let parts = TwoParts(scene)
    try parts.run(frames(0..<1))
    parts.adopt(scene.changed { $0.balance = .roundRobin })
    #expect(try parts.run(frames(0..<1) + frames(0..<1)) == ["m \(a)", "m \(b)"])
  }

  @Test func anInventoryInAnotherOrderIsTheSame() throws {
    let scene = try shopScene(.any, .even)
    let parts = TwoParts(scene)
    let before = try parts.run(frames(0..<20))
    parts.adopt(try inOtherOrder(scene))
    #expect(try parts.run(frames(0..<20)) == before)
    let report = try parts.pipeline.report()
    #expect(report.mirrors[0].cells.map { report.origins[$0.origin] } == ["web1"])
    #expect(report.mirrors[0].cells[0].observed.packets == 40)
  }

  private func inOtherOrder(_ scene: Scene) throws -> Scene {
    Scene(inventory: try Inventory(json: Array(otherOrder.utf8), file: "shop.json"), mirrors: scene.mirrors)
  }

  /// As `shop`, without web2 and with a new ENI in front.
  private let otherOrder = """
    {"format": "moontap.inventory/1", "regions": [{"id": "r", "vpcs": [{
      "id": "vpc", "cidrs": ["10.20.0.0/16"], "natGateways": [{"id": "nat", "addresses": []}],
      "routeTables": [{"id": "rtb", "routes": [{"destination": "0.0.0.0/0", "nextHop": {"type": "nat", "id": "nat"}}]}],
      "subnets": [{"id": "ids", "cidrs": ["10.20.9.0/24"], "routeTable": "rtb"},
                  {"id": "web", "cidrs": ["10.20.1.0/24"], "routeTable": "rtb"}],
      "enis": [
        {"id": "web0", "subnet": "web", "mac": "02:00:00:00:00:20", "addresses": ["10.20.1.20"]},
        {"id": "ids1", "subnet": "ids", "mac": "02:00:00:00:00:09", "addresses": ["10.20.9.10"]},
        {"id": "web1", "subnet": "web", "mac": "02:00:00:00:00:01", "addresses": ["10.20.1.11"]}]}]}]}
    """

  @Test func anENIThatIsGoneKeepsItsCounters() throws {
    let scene = try shopScene()
    let parts = TwoParts(scene)
    try parts.run([TestFrame(udp("10.20.1.12", "8.8.8.8", 1, 2, macs: (2, 0xaa)))])
    parts.adopt(try inOtherOrder(scene))
    try parts.run(frames(0..<1))
    let report = try parts.pipeline.report()
    let cells = report.mirrors[0].cells
    #expect(cells.map { report.origins[$0.origin] } == ["web1", "web2"])
    #expect(cells.map(\.observed.packets) == [1, 1])
  }

  // MARK: What mirrors remember

  @Test func turnsAndBoundsGoOn() throws {
    let scene = try shopScene(.first(packets: 3, bytes: nil, id: 0), .roundRobin)
    let parts = TwoParts(scene)
    #expect(try parts.run(frames(0..<1)) == ["m \(a)"])
    // The other mirror takes the number of the filter.
    parts.adopt(scene.with("new", first: true).changed { $0.filter = .first(packets: 9, bytes: nil, id: 0) })
    var later = scene
    later.mirrors[0].filter = .all([.any, .first(packets: 3, bytes: nil, id: 5)])
    parts.adopt(later)
    #expect(try parts.run(frames(0..<1) + frames(0..<1) + frames(0..<1)) == ["m \(b)", "m \(a)"])
  }

  @Test func aNewReceiverGetsItsShareAndNotAllThatComes() throws {
    let scene = try shopScene(.any, .even)
    let parts = TwoParts(scene)
    try parts.run(frames(0..<1000))
    parts.adopt(scene.changed { $0.receivers = [a, b, c] })
    let after = try parts.run(frames(1000..<1300))
    for receiver in [a, b, c] {
      let share = after.count { $0 == "m \(receiver)" }
      #expect(share == 100)
    }
  }

  @Test func remembersNoMoreTheMoreOftenPlansChange() throws {
    let scene = try shopScene().with("other")
    let parts = TwoParts(scene)
    try parts.run(frames(0..<10))
    let room = parts.pipeline.conversations.slotRoom
    for turn in 0..<1000 {
      var changed = scene
      changed.mirrors[turn % 2].name = "m\(turn)"
      parts.adopt(changed)
      try parts.run(frames(0..<10))
    }
    #expect(parts.pipeline.conversations.slotRoom <= room * 2)
    let report = try parts.pipeline.report()
    #expect(report.former.count == Ledger.formerLimit + 1)
    #expect(report.former.contains { $0.identity == Ledger.older })
    let all = report.mirrors + report.former
    let collected = all.map(\.collected.packets).reduce(0, +)
    let given = all.flatMap(\.receivers).map(\.collected.packets).reduce(0, +)
    #expect(collected == 20_020 && given == 20_020)
  }

  // MARK: Accounts

  @Test func mirrorsThatComeAndGoAreAccountedForAllTheTime() throws {
    let scene = try shopScene()
    let parts = TwoParts(scene)
    try parts.run(frames(0..<5))
    parts.adopt(scene.with("new"))
    try parts.run(frames(0..<7))
    var newOnly = scene.with("new")
    newOnly.mirrors[0].isEnabled = false
    parts.adopt(newOnly)
    try parts.run(frames(0..<2))
    newOnly.mirrors.remove(at: 0)
    parts.adopt(newOnly)
    var report = try parts.pipeline.report()
    #expect(report.records.packets == 14)
    #expect(report.mirrors.map(\.identity.name) == ["new"] && report.former.map(\.identity.name) == ["m"])
    #expect(report.mirrors[0].observed.packets == 9 && report.mirrors[0].absent.packets == 5)
    #expect(report.former[0].observed.packets == 12 && report.former[0].absent.packets == 2)
    #expect(report.former[0].index == nil)
    parts.adopt(scene)
    try parts.run(frames(0..<1))
    report = try parts.pipeline.report()
    #expect(report.mirrors[0].observed.packets == 13 && report.mirrors[0].absent.packets == 2)
    #expect(parts.pipeline.report(entry: 0).collected == report.mirrors[0].collected)
  }

  @Test func aMirrorThatIsDisabledIsNamedWithItsCounters() throws {
    let scene = try shopScene()
    let parts = TwoParts(scene)
    try parts.run(frames(0..<5))
    parts.adopt(scene.changed { $0.isEnabled = false })
    try parts.run(frames(0..<5))
    let report = try parts.pipeline.report()
    #expect(report.mirrors.isEmpty && report.former.map(\.index) == [0])
    #expect(report.former[0].observed.packets == 5 && report.former[0].absent.packets == 5)
    #expect(report.unattributed.packets == 5)
  }

  @Test func aMirrorThatIsRenamedGoesOn() throws {
    let scene = try shopScene()
    let parts = TwoParts(scene)
    let before = try parts.run(frames(0..<20))
    let plan = MirrorPlan(inventory: scene.inventory, mirrors: scene.changed { $0.name = "n" }.mirrors)
    parts.pipeline.adopt(
      plan: plan, scripts: [], renamed: [parts.pipeline.plan.identity(0): plan.identity(0)])
    #expect(try parts.run(frames(0..<20)) == before.map { "n" + $0.dropFirst() })
    let report = try parts.pipeline.report()
    #expect(report.former.isEmpty && report.mirrors[0].observed.packets == 40)
  }

  @Test func aPlanThatDoesNotAddUpIsNoticedEvenWhenItHasGone() throws {
    let scene = try shopScene()
    let parts = TwoParts(scene)
    try parts.run(frames(0..<5))
    parts.pipeline.unattributedByMirror[0].packets += 1
    // The sum over both plans cannot show it: the second counts a record for each ENI that it concerns.
    parts.adopt(scene.changed { $0.copies = .perENI })
    #expect(throws: IdentityViolation.self) { try parts.pipeline.report() }
  }

  @Test func randomPlansLoseNoPacket() throws {
    for seed in 0..<60 {
      var random = RandomNumbers(seed: UInt64(9000 + seed))
      let scene = try random.scene()
      let frames = random.frames(200, FrameWorld(scene))
      let host = FakeScriptHost()
      let pipeline = scene.pipeline(scripts: [host])
      let sink = CollectingSink()
      sink.dropsEvery = random.number(0...5)
      try pipeline.run(frames, scene.interfaces, sink: sink, batches: [1, 30, 7]) { pipeline in
        let mirrors = random.mirrors(scene.inventory, 1...6)
        pipeline.adopt(
          plan: MirrorPlan(inventory: scene.inventory, mirrors: mirrors, options: scene.options), scripts: [host])
      }
      let report = try pipeline.report()
      #expect(report.records.packets == 200, "seed \(seed)")
      let all = report.mirrors + report.former
      let collected = all.map(\.collected.packets).reduce(0, +)
      let delivered = all.flatMap(\.receivers).map(\.delivered.packets).reduce(0, +)
      #expect(collected == UInt64(sink.delivered.count), "seed \(seed)")
      #expect(delivered == UInt64(sink.delivered.count - sink.dropped.count), "seed \(seed)")
      #expect(host.problems.isEmpty)
    }
  }

  // MARK: Scripts and interfaces

  @Test func scriptsThatAreNewStartAndOthersGoOn() throws {
    let scene = try shopScene(.script(ScriptFunction(host: 0, function: 0, name: "f")))
    let (old, new) = (FakeScriptHost(), FakeScriptHost())
    old.timerEvery = 100
    new.timerEvery = 100
    let parts = TwoParts(scene, scripts: [old])
    let bytes = udp("10.20.1.11", "8.8.8.8", 1, 2, macs: (1, 0xaa))
    try parts.run([TestFrame(bytes, time: 1000), TestFrame(bytes, time: 1050)])
    parts.adopt(scene, scripts: [old])
    try parts.run([TestFrame(bytes, time: 1100)])
    parts.adopt(scene, scripts: [new])
    try parts.run([TestFrame(bytes, time: 1150), TestFrame(bytes, time: 1200)])
    #expect(old.starts == [1000] && old.timersRun == [1100])
    #expect(new.starts == [1100] && new.timersRun == [1200])
  }

  @Test func scriptsThatCameBeforeTheFirstPacketStartWithIt() throws {
    let scene = try shopScene()
    let (old, new) = (FakeScriptHost(), FakeScriptHost())
    let parts = TwoParts(scene, scripts: [old])
    parts.adopt(scene, scripts: [new])
    try parts.run(frames(0..<1))
    #expect(old.starts.isEmpty && new.starts.count == 1)
  }

  @Test func interfacesAreBoundToTheNewInventory() throws {
    var scene = try shopScene()
    scene.interfaces = [CaptureInterface(linkType: .ethernet, name: "tap2", origin: "x.pcap")]
    let parts = TwoParts(scene)
    try parts.run(frames(0..<1))
    // No ENI has that interface: the capture is a tap now.
    parts.adopt(try inOtherOrder(scene))
    try parts.run(frames(0..<1))
    let report = try parts.pipeline.report()
    let cells = report.mirrors[0].cells
    #expect(cells.map { report.origins[$0.origin] } == ["web1", "web2"])
    #expect(cells.map(\.isOutbound) == [true, false])
  }
}
