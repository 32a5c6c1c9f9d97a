// Traffic of any kind over any budgets: what must hold in every window of every run.

import DataPath
import Mirroring
import SeededRandom
import Testing

@testable import Live

/// What was sent in the window at hand, by the rule that a window begins at the first look 100 ms or more after the last
/// one's beginning, whoever looks.
private struct Windows {
  private let mirrors: [SinkPlan.Mirror]
  private let host: MirrorBudget
  private var begun: Int64?
  private var sent: [Load]
  private(set) var passed = 0
  /// Windows that had more than their budget, in words.
  private(set) var broken: [String] = []

  init(_ mirrors: [SinkPlan.Mirror], _ host: MirrorBudget) {
    (self.mirrors, self.host) = (mirrors, host)
    sent = mirrors.map { _ in Load() }
  }

  mutating func look(_ time: Int64) {
    if let begun, time - begun < 100_000_000 { return }
    if begun != nil { passed += 1 }
    begun = time
    sent = mirrors.map { _ in Load() }
  }

  mutating func send(_ mirror: Int, _ load: Load) {
    sent[mirror] += load
    check("mirror \(mirror)", sent[mirror], mirrors[mirror].budget)
    check("host", sent.reduce(into: Load()) { $0 += $1 }, host)
  }

  private mutating func check(_ who: String, _ load: Load, _ budget: MirrorBudget?) {
    let isOver =
      load.packets > (budget?.packets ?? .max) / 10 || load.bits > (budget?.bits ?? .max) / 10
      || load.nanoseconds > (budget?.cpu ?? 1 << 30) * 1_000_000
    if isOver { broken.append("\(who) in window \(passed): \(load)") }
  }
}

/// A run by seed: three mirrors, one to five workers, batches in any order, looks at the clock that are some milliseconds late, plans
/// that come into force, go back and come again.
private struct RandomRun {
  private var random: SeededGenerator
  private let mirrors: [SinkPlan.Mirror]
  private let board: BudgetBoard
  private var throttles: [Throttle]
  private let taken: TakenTime
  private var time: Int64 = 5_000_000_000
  private(set) var windows: Windows
  private(set) var offered = [0, 0, 0]
  private(set) var sent = [0, 0, 0]
  private(set) var left: [UInt64] = [0, 0, 0]
  /// By window, as whoever was first looked them up; and who found others.
  private var levels: [UInt64: [ShedLevel]] = [:]
  private(set) var differing: [String] = []

  init(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let mirrors = (0..<3).map { _ in
      SinkPlan.Mirror(budget: random.chance(70) ? Self.budget(&random) : nil, priority: random.below(3) * 40)
    }
    var host = HostBudget()
    host.limits = Self.budget(&random, cpu: false)
    if random.chance(30) { host.cpuShare = 0.2 }
    let taken = TakenTime()
    let board = BudgetBoard(host, taken: taken.take)
    throttles = (0...random.below(5)).map { _ in
      Throttle(SinkPlan(routes: [], origins: [], mirrors: mirrors), board)
    }
    windows = Windows(mirrors, host.limits)
    (self.random, self.mirrors, self.board, self.taken) = (random, mirrors, board, taken)
  }

  private static func budget(_ random: inout SeededGenerator, cpu: Bool = true) -> MirrorBudget {
    MirrorBudget(
      bits: random.chance(60) ? UInt64(10_000 * (1 + random.below(3000))) : nil,
      packets: random.chance(60) ? UInt64(10 * (1 + random.below(300))) : nil,
      cpu: cpu && random.chance(40) ? UInt64(1 + random.below(40)) : nil)
  }

  mutating func run(steps: Int) {
    for _ in 0..<steps {
      time += Int64(random.below(random.chance(1) ? 400_000_000 : 4_000_000))
      if random.chance(1) { adopt() }
      batch(random.below(throttles.count))
    }
    for worker in throttles.indices { close(worker) }
  }

  /// All go over to a plan, some of them by way of another one.
  private mutating func adopt() {
    let all = SinkPlan(routes: [], origins: [], mirrors: mirrors)
    let other = random.chance(50) ? SinkPlan(routes: [], origins: [], mirrors: [mirrors[0]]) : all
    for worker in throttles.indices {
      close(worker)
      if random.chance(50) { throttles[worker] = Throttle(other, board) }
      throttles[worker] = Throttle(all, board)
    }
  }

  private mutating func batch(_ worker: Int) {
    let seen = time - Int64(random.below(5_000_000))
    windows.look(seen)
    throttles[worker].begin(at: seen)
    compareLevels(worker)
    for _ in 0..<random.below(60) { offer(worker) }
    if random.chance(10) { throttles[worker].note(scriptTimes: [3000, 0, UInt64(random.below(5_000_000))]) }
    throttles[worker].end()
  }

  private mutating func compareLevels(_ worker: Int) {
    let found = throttles[worker].levels
    let known = levels[board.windows] ?? found
    levels[board.windows] = known
    if found != known { differing.append("worker \(worker) in window \(board.windows): \(found), not \(known)") }
  }

  private mutating func offer(_ worker: Int) {
    let mirror = random.below(3)
    let bits = UInt64(100 + random.below(12_000))
    let cost = UInt64(random.below(5000))
    offered[mirror] += 1
    taken.add(300)
    let answer = throttles[worker].judge(
      mirror: mirror, key: UInt16(random.below(1 << 16)), bits: bits, headerBits: bits / 5, cost: cost)
    guard answer != .leave else { return }
    taken.add(cost)
    sent[mirror] += 1
    windows.send(mirror, Load(packets: 1, bits: answer == .headers ? bits / 5 : bits, nanoseconds: cost))
  }

  private mutating func close(_ worker: Int) {
    for (mirror, shed) in throttles[worker].shed.enumerated() {
      left[mirror] += shed.sampled + shed.overBudget + shed.byPriority
    }
  }
}

@Suite struct BudgetPropertyTests {
  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func noWindowOfAllWorkersTogetherSendsMoreThanItsBudget(_ seed: UInt64) {
    var run = RandomRun(seed: seed)
    run.run(steps: 4000)
    #expect(run.windows.broken == [] && run.windows.passed > 30)
    #expect(run.differing == [])
    for mirror in 0..<3 { #expect(run.offered[mirror] == run.sent[mirror] + Int(run.left[mirror])) }
    #expect(run.sent.reduce(0, +) > 0)
  }
}
