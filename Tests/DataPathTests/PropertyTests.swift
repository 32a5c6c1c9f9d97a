// What must hold between runs, whatever the inventory, the mirrors and the packets: 10,000 random packets each.

import Inventory
import SeededRandom
import Testing
import Wire

@testable import DataPath
@testable import Mirroring

/// Which frames were collected where, whoever received them.
private struct Met: Hashable {
  var frame: Int
  var origin: Int
  var isOutbound: Bool

  init(_ delivered: Delivered) {
    frame = delivered.frame
    origin = delivered.origin
    isOutbound = delivered.isOutbound
  }
}

extension Scene {
  fileprivate func met(_ frames: [TestFrame]) throws -> Set<Met> { Set(try run(frames).map(Met.init)) }

  /// The same scene with one mirror changed.
  fileprivate func changing(_ change: (inout TrafficMirror) -> Void) -> Scene {
    var scene = self
    for position in scene.mirrors.indices { change(&scene.mirrors[position]) }
    return scene
  }
}

extension FilterExpression {
  /// No packet's answer depends on another packet.
  fileprivate var isStateless: Bool {
    switch self {
    case .any, .quintuple, .nat, .rules, .sample, .bpf: true
    case .first, .script: false
    case .all(let parts), .anyOf(let parts): parts.allSatisfy(\.isStateless)
    case .not(let part): part.isStateless
    }
  }
}

extension RandomNumbers {
  /// A scene with one stateless mirror that has something to collect.
  fileprivate mutating func statelessScene() throws -> Scene {
    let scene = try scene(mirrors: 1...1)
    var filter = scene.mirrors[0].filter
    while !filter.isStateless { filter = self.filter(scene.inventory, scene.mirrors[0].vpc, depth: 2) }
    return scene.changing {
      $0.filter = filter
      $0.isEnabled = true
      if case .script = $0.balance { $0.balance = .even }
    }
  }
}

private func stateless(_ random: inout RandomNumbers) throws -> Scene { try random.statelessScene() }
private func anything(_ random: inout RandomNumbers) throws -> Scene { try random.scene() }
private func crowd(_ random: inout RandomNumbers) throws -> Scene { try random.scene(mirrors: 2...6) }

/// By frame and side, whoever received the copy.
private func isBefore(_ a: Delivered, _ b: Delivered) -> Bool {
  (a.frame, a.isOutbound ? 0 : 1) < (b.frame, b.isOutbound ? 0 : 1)
}

/// 100 scenes of 100 packets.
private func forScenes(
  _ seed: UInt64, _ make: (inout RandomNumbers) throws -> Scene,
  _ check: (Scene, [TestFrame], inout RandomNumbers) throws -> Void
) throws {
  for index in 0..<100 as Range<UInt64> {
    var random = RandomNumbers(seed: seed << 32 | index)
    let scene = try make(&random)
    let frames = random.frames(100, FrameWorld(scene))
    try check(scene, frames, &random)
  }
}

@Suite struct RelationTests {
  @Test func collectsInBothDirectionsWhatItCollectsInEach() throws {
    try forScenes(1, stateless) { scene, frames, _ in
      let perENI = scene.changing { $0.copies = .perENI }
      let all = try perENI.changing { $0.direction = .all }.met(frames)
      let out = try perENI.changing { $0.direction = .out }.met(frames)
      let inbound = try perENI.changing { $0.direction = .in }.met(frames)
      #expect(all == out.union(inbound) && out.isDisjoint(with: inbound))
      let once = scene.changing { $0.copies = .once }
      let whole = try Set(once.changing { $0.direction = .all }.met(frames).map(\.frame))
      let halves = try [CollectionDirection.out, .in].map { half in
        try Set(once.changing { $0.direction = half }.met(frames).map(\.frame))
      }
      // Bound captures: a duplicate going in is one only where the mirror collects what goes out.
      if scene.interfaces.allSatisfy({ $0.name == nil }), scene.boundENIs.isEmpty {
        #expect(whole == halves[0].union(halves[1]))
      }
    }
  }

  @Test func collectsWhatEveryConditionMatches() throws {
    try forScenes(2, stateless) { scene, frames, random in
      let tap = scene.changing { $0.copies = .perENI }
      let (a, b) = (random.condition(), random.condition())
      let both = try tap.changing { $0.filter = .quintuple([a, b]) }.met(frames)
      let one = try tap.changing { $0.filter = .quintuple([a]) }.met(frames)
      let other = try tap.changing { $0.filter = .quintuple([b]) }.met(frames)
      #expect(both == one.intersection(other))
    }
  }

  @Test func collectsWithAFilterNothingThatItWouldNotWithout() throws {
    try forScenes(3, stateless) { scene, frames, _ in
      let perENI = scene.changing { $0.copies = .perENI }
      let filtered = try perENI.met(frames)
      let all = try perENI.changing { $0.filter = .any }.met(frames)
      let rest = try perENI.changing { $0.filter = .not(scene.mirrors[0].filter) }.met(frames)
      #expect(all == filtered.union(rest) && filtered.isDisjoint(with: rest))
    }
  }

  @Test func collectsTheSameWhateverTheOrderOfConditions() throws {
    try forScenes(4, stateless) { scene, frames, random in
      let conditions = (0..<3).map { _ in random.condition() }
      let parts = conditions.map { FilterExpression.quintuple([$0]) } + [scene.mirrors[0].filter]
      let shuffled = parts.shuffled(using: &random)
      let turned = conditions.reversed() as [QuintupleCondition]
      let pairs: [(FilterExpression, FilterExpression)] = [
        (.quintuple(conditions), .quintuple(turned)), (.all(parts), .all(shuffled)), (.anyOf(parts), .anyOf(shuffled)),
      ]
      for (one, other) in pairs {
        let first = try scene.changing { $0.filter = one }.run(frames)
        let second = try scene.changing { $0.filter = other }.run(frames)
        #expect(first == second)
      }
    }
  }

  @Test func answersAPrefixOfACaptureWithAPrefixOfTheAnswer() throws {
    try forScenes(5, anything) { scene, frames, random in
      let length = random.number(0...frames.count)
      let whole = try scene.run(frames).filter { $0.frame < length }
      let answer = try scene.run(Array(frames.prefix(length)))
      #expect(answer == whole)
    }
  }

  @Test func doesNotCareForTags() throws {
    try forScenes(6, stateless) { scene, frames, random in
      var tap = scene
      tap.interfaces = [CaptureInterface(linkType: .ethernet, name: nil, origin: "tap.pcap")]
      let plain = frames.map { frame in
        var plain = frame
        plain.interface = 0
        return plain
      }
      let tagged = plain.map { frame in
        guard frame.bytes.count >= 14 else { return frame }
        var tagged = frame
        let type = random.pick([[0x81, 0], [0x88, 0xa8], [0x91, 0], [0x92, 0], [0x93, 0]] as [[UInt8]])
        tagged.bytes.insert(contentsOf: type + random.bytes(2), at: 12)
        return tagged
      }
      let (untouched, changed) = try (tap.run(plain), tap.run(tagged))
      #expect(untouched == changed)
    }
  }

  @Test func givesTheSameAnswerTwiceAndInWhateverBatches() throws {
    try forScenes(7, anything) { scene, frames, random in
      let answer = try scene.run(frames)
      for batches in [[128], [1], [random.number(1...128), random.number(1...128)]] {
        let again = try scene.run(frames, batches: batches)
        #expect(again == answer)
      }
    }
  }
}

@Suite struct ExclusionTests {
  /// Section 6, stages 1 and 2, read with the model's own eyes.
  @Test func neverCollectsWhatAReceiverSendsNorACopy() throws {
    var collected = 0
    var excluded = 0
    try forScenes(8, crowd) { scene, frames, _ in
      let enabled = scene.mirrors.filter { $0.isEnabled && !$0.receivers.isEmpty }
      let owners = enabled.flatMap { mirror in mirror.receivers.map { _ in mirror } }
      let carried = Set(try scene.run(frames).map { [$0.frame, owners[$0.route].vpc] })
      for (position, frame) in frames.enumerated() {
        let packet = ModelPacket(frame.bytes, link: scene.interfaces[Int(frame.interface)].linkType)
        let isCopy = enabled.contains { Self.isCopy(packet, to: $0) }
        for vpc in Set(enabled.map(\.vpc)) {
          let isSent = enabled.contains { mirror in
            mirror.vpc == vpc && (packet.source ?? packet.arpSender).map { mirror.receivers.contains($0) } == true
          }
          let isCollected = carried.contains([position, vpc])
          #expect(!(isCollected && (isSent || isCopy)))
          collected += isCollected ? 1 : 0
          excluded += isSent || isCopy ? 1 : 0
        }
      }
    }
    #expect(collected > 500 && excluded > 500)
  }

  private static func isCopy(_ packet: ModelPacket, to mirror: TrafficMirror) -> Bool {
    guard let destination = packet.destination, mirror.receivers.contains(destination) else { return false }
    switch mirror.encapsulation.kind {
    case .vxlan: return packet.protocol == 17 && packet.ports?[1] == Int(mirror.encapsulation.port)
    case .gre, .erspan2: return packet.protocol == 47
    case .none: return false
    }
  }
}

@Suite struct ConversationPropertyTests {
  /// Section 6.5: both directions, fragments that follow their first, ICMP errors that quote it.
  @Test(arguments: [BalanceMethod.even, .flowHash, .weighted([3, 1, 2]), .eniHash])
  func keepsAConversationAtOneReceiver(balance: BalanceMethod) throws {
    var followed = 0
    try forScenes(9, stateless) { scene, frames, random in
      var steady = scene.changing {
        $0.balance = balance
        $0.filter = .any
        $0.receivers = ["10.20.9.1", "10.20.9.2", "10.20.9.3"].map { IPAddress($0)! }
      }
      steady.options.conversationIdle = .max
      var receivers: [ConversationName: Int] = [:]
      var firsts: [ModelFragmentName: ModelFlow] = [:]
      var ordered = frames
      for position in ordered.indices { ordered[position].time = 1_700_000_000_000_000_000 + Int64(position) }
      let delivered = try steady.run(ordered)
      for (position, frame) in ordered.enumerated() {
        var packet = ModelPacket(frame.bytes, link: steady.interfaces[Int(frame.interface)].linkType)
        if let quoted = packet.quoted { packet = quoted }
        var flow = ModelFlow(packet)
        if packet.piece != .whole, let name = ModelFragmentName(packet) {
          if packet.piece == .first { firsts[name] = flow }
          flow = firsts[name] ?? flow
        }
        for copy in delivered where copy.frame == position && packet.isIP {
          // eni-hash keeps an ENI, not a conversation, at one receiver; unlisted ENIs of a subnet are many.
          guard balance != .eniHash || copy.origin < steady.inventory.enis.count else { continue }
          let name = balance == .eniHash ? ConversationName.eni(copy.origin) : .flow(flow)
          followed += receivers[name] == nil ? 0 : 1
          #expect(receivers.updateValue(copy.route, forKey: name) ?? copy.route == copy.route)
        }
      }
    }
    #expect(followed > 1000)
  }

  enum ConversationName: Hashable {
    case flow(ModelFlow)
    case eni(Int)
  }

  @Test(arguments: [BalanceMethod.flowHash, .weighted([3, 1, 2, 5]), .eniHash])
  func movesOnlyTheShareOfAReceiverThatGoes(balance: BalanceMethod) throws {
    var moved = 0
    var stayed = 0
    try forScenes(10, stateless) { scene, frames, random in
      let receivers = ["10.20.9.1", "10.20.9.2", "10.20.9.3", "2001:db8:20:9::4"].map { IPAddress($0)! }
      let gone = random.number(0...3)
      let before = scene.changing {
        $0.balance = balance
        $0.receivers = receivers
        $0.encapsulation.kind = .none
      }
      let after = before.changing { mirror in
        mirror.receivers.remove(at: gone)
        if case .weighted(var weights) = mirror.balance {
          weights.remove(at: gone)
          mirror.balance = .weighted(weights)
        }
      }
      let (old, new) = try (before.run(frames).sorted(by: isBefore), after.run(frames).sorted(by: isBefore))
      #expect(old.map(Met.init) == new.map(Met.init))
      for (one, other) in zip(old, new) where one.route != gone {
        #expect(receivers[one.route] == after.mirrors[0].receivers[other.route])
        stayed += 1
      }
      moved += old.count { $0.route == gone }
    }
    #expect(moved > 100 && stayed > 300)
  }
}

@Suite struct AccountingTests {
  @Test func accountsForEveryPacketAndByte() throws {
    try forScenes(11, anything) { scene, frames, random in
      let pipeline = scene.pipeline()
      let sink = CollectingSink()
      sink.dropsEvery = random.number(0...5)
      try pipeline.run(frames, scene.interfaces, sink: sink)
      let report = try pipeline.report()
      #expect(report.records == frames.reduce(into: Tally()) { $0.add($1) })
      for mirror in report.mirrors {
        let reasons = mirror.reasons.reduce(into: mirror.collected) { $0 += $1.tally }
        #expect(reasons == mirror.observed)
        #expect(mirror.cells.reduce(into: Tally()) { $0 += $1.observed } == mirror.observed)
      }
      let routes = report.mirrors.flatMap(\.receivers)
      for (route, receiver) in routes.enumerated() {
        let given = sink.delivered.filter { $0.route == route }
        #expect(receiver.collected.packets == UInt64(given.count))
        #expect(receiver.collected.bytes == given.reduce(0) { $0 + UInt64(frames[$1.frame].original) })
        let lost = receiver.drops.reduce(into: receiver.delivered) { $0 += $1.tally }
        #expect(lost == receiver.collected)
        for drop in receiver.drops {
          let told = sink.dropped.count { $0.route == route && $0.reason == drop.reason }
          #expect(drop.tally.packets == UInt64(told))
        }
      }
    }
  }

  @Test func explainsWhatItDoes() throws {
    try forScenes(12, anything) { scene, frames, _ in
      let delivered = try scene.run(frames)
      let explainer = scene.pipeline()
      let model = ModelEngine(scene)
      var routes: [Int] = []
      for mirror in explainer.plan.enabled { routes.append((routes.last ?? 0) + scene.mirrors[mirror].receivers.count) }
      let told = Differential(scene: scene, frames: frames)
      for (position, frame) in frames.enumerated() {
        let explanation = try explainer.explain(frame, scene.interfaces)
        let expected = model.judge(frame)
        var copies: [Delivered] = []
        for (entry, mirror) in explanation.mirrors.enumerated() {
          let conclusions = Set(
            expected.filter { $0.mirror == entry }.map {
              Explanation.Conclusion(
                origin: told.origin($0.place), isOutbound: $0.isOutbound, verdict: $0.verdict, receiver: $0.receiver)
            })
          #expect(Set(mirror.conclusions) == conclusions && mirror.conclusions.count == conclusions.count)
          for conclusion in mirror.conclusions {
            let side = mirror.observations.first {
              $0.origin == conclusion.origin && $0.isOutbound == conclusion.isOutbound
            }
            #expect(side?.verdict == conclusion.verdict)
          }
          let first = entry == 0 ? 0 : routes[entry - 1]
          copies += mirror.conclusions.filter { $0.receiver != nil }.map {
            Delivered(
              frame: position, route: first + $0.receiver!, origin: $0.origin, isOutbound: $0.isOutbound, sourcePort: 0)
          }
        }
        let sent = delivered.filter { $0.frame == position }.map { copy in
          var copy = copy
          copy.sourcePort = 0
          return copy
        }
        #expect(copies.sorted() == sent)
      }
      _ = try explainer.report()
    }
  }
}
