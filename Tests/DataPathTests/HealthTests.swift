// Receivers that go and come back: whose conversations move, and what is counted.

import Inventory
import SeededRandom
import Testing
import Wire

@testable import DataPath
@testable import Mirroring

@Suite struct HealthTests {
  private static let receivers = ["10.20.9.10", "10.20.9.11", "10.20.9.12", "10.20.9.13"].map { IPAddress($0)! }

  private func scene(_ balance: BalanceMethod) throws -> Scene {
    var scene = try shopScene(.any, balance)
    scene.mirrors[0].receivers = Self.receivers
    return scene
  }

  private func frames(_ ports: Range<Int>) -> [TestFrame] {
    ports.map { TestFrame(udp("10.20.1.11", "8.8.8.8", $0, 2, macs: (1, 0xaa)), original: 100) }
  }

  private func destination(_ scene: Scene, _ receiver: Int) -> SinkPlan.Destination {
    MirrorPlan(inventory: scene.inventory, mirrors: scene.mirrors).sinkPlan.routes[receiver].destination
  }

  /// - Returns: routes of the copies.
  private func run(_ pipeline: Pipeline, _ scene: Scene, _ frames: [TestFrame]) throws -> [Int] {
    let sink = CollectingSink()
    try pipeline.run(frames, scene.interfaces, sink: sink)
    return sink.delivered.map(\.route)
  }

  @Test(arguments: [BalanceMethod.even, .flowHash, .weighted([1, 2, 3, 4])])
  func onlyConversationsOfTheReceiverThatIsDownMove(_ balance: BalanceMethod) throws {
    let scene = try scene(balance)
    let pipeline = scene.pipeline()
    let before = try run(pipeline, scene, frames(0..<400))
    pipeline.setDown([destination(scene, 2)])
    let during = try run(pipeline, scene, frames(0..<400))
    for (old, new) in zip(before, during) { #expect((old == 2) == (old != new)) }
    #expect(Set(zip(before, during).filter { $0.0 == 2 }.map(\.1)) == [0, 1, 3])
    pipeline.setDown([])
    let after = try run(pipeline, scene, frames(0..<400))
    // What goes by hash comes back with its receiver; of `even` a conversation stays for its life.
    #expect(after == (balance == .even ? during : before))
    #expect(try pipeline.report().mirrors[0].collected.packets == 1200)
  }

  @Test func roundRobinLeavesOutWhoIsDown() throws {
    let scene = try scene(.roundRobin)
    let pipeline = scene.pipeline()
    pipeline.setDown([destination(scene, 1), destination(scene, 2)])
    #expect(try run(pipeline, scene, frames(0..<5)) == [0, 3, 0, 3, 0])
    pipeline.setDown([])
    #expect(try run(pipeline, scene, frames(0..<4)) == [1, 2, 3, 0])
  }

  @Test func whoComesBackGetsItsShareAndNotAllThatComes() throws {
    let scene = try scene(.even)
    let pipeline = scene.pipeline()
    pipeline.setDown([destination(scene, 0)])
    _ = try run(pipeline, scene, frames(0..<900))
    pipeline.setDown([])
    let after = try run(pipeline, scene, frames(1000..<1400))
    for receiver in 0..<4 { #expect(after.count { $0 == receiver } == 100) }
  }

  @Test(arguments: [BalanceMethod.even, .eniHash, .flowHash, .roundRobin, .weighted([1, 1, 1, 9])])
  func withoutAnyReceiverPacketsAreLeftOutAndCounted(_ balance: BalanceMethod) throws {
    let scene = try scene(balance)
    let pipeline = scene.pipeline()
    _ = try run(pipeline, scene, frames(0..<10))
    pipeline.setDown(Set((0..<4).map { destination(scene, $0) }))
    #expect(try run(pipeline, scene, frames(0..<20)).isEmpty)
    let mirror = try pipeline.report().mirrors[0]
    #expect(mirror.collected.packets == 10)
    #expect(mirror.reasons.first { $0.reason == .noReceiver }?.tally.packets == 20)
    pipeline.setDown([destination(scene, 3)])
    #expect(try run(pipeline, scene, frames(0..<20)).count == 20)
  }

  @Test func otherMirrorsAndOtherPortsAreNotConcerned() throws {
    var scene = try scene(.flowHash)
    var other = scene.mirrors[0]
    other.name = "other"
    other.encapsulation.port = 8472
    scene.mirrors.append(other)
    let pipeline = scene.pipeline()
    _ = try run(pipeline, scene, frames(0..<50))
    pipeline.setDown(Set((0..<4).map { destination(scene, $0) }))
    let routes = try run(pipeline, scene, frames(0..<50))
    #expect(routes.count == 50 && routes.allSatisfy { $0 >= 4 })
  }

  @Test func whoIsDownStaysDownInTheNextPlan() throws {
    let scene = try scene(.even)
    let pipeline = scene.pipeline()
    _ = try run(pipeline, scene, frames(0..<40))
    var moved = scene
    moved.mirrors[0].encapsulation.port = 8472
    // Nothing goes there yet.
    pipeline.setDown([destination(moved, 0)])
    #expect(try Set(run(pipeline, scene, frames(0..<40))) == [0, 1, 2, 3])
    pipeline.adopt(plan: MirrorPlan(inventory: moved.inventory, mirrors: moved.mirrors), scripts: [])
    #expect(try Set(run(pipeline, moved, frames(0..<40))) == [1, 2, 3])
  }
}
