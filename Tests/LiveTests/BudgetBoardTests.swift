import DataPath
import Foundation
import Mirroring
import SeededRandom
import Synchronization
import Testing

@testable import Live

/// Several workers at one board.
private struct Workers {
  let board: BudgetBoard
  var throttles: [Throttle]
  var sent = 0
  var offered = 0

  init(_ count: Int, _ plan: SinkPlan, _ host: HostBudget = HostBudget(), taken: TakenTime = TakenTime()) {
    let board = BudgetBoard(host, taken: taken.take)
    self.board = board
    throttles = (0..<count).map { _ in Throttle(plan, board) }
  }

  /// Copies of one worker, in one batch, to the first mirror.
  mutating func batch(_ worker: Int, at time: Int64, copies: Int, _ random: inout SeededGenerator) {
    throttles[worker].begin(at: time)
    for _ in 0..<copies {
      let key = UInt16(random.below(1 << 16))
      let answer = throttles[worker].judge(mirror: 0, key: key, bits: 8000, headerBits: 1600)
      if answer != .leave { sent += 1 }
    }
    throttles[worker].end()
    offered += copies
  }
}

@Suite struct BudgetBoardTests {
  private static func plan(_ mirrors: SinkPlan.Mirror...) -> SinkPlan {
    SinkPlan(routes: [], origins: [], mirrors: mirrors)
  }

  /// - Returns: what was sent of 5,000 packets/s in 10 s, by whoever is told to send.
  private func sent(workers count: Int, _ worker: (Int) -> Int) -> Int {
    var random = SeededGenerator(seed: 4)
    var workers = Workers(count, Self.plan(SinkPlan.Mirror(budget: MirrorBudget(packets: 1300))))
    for millisecond in 0..<10_000 {
      workers.batch(worker(millisecond), at: 1_000_000 * Int64(millisecond + 1), copies: 5, &random)
    }
    #expect(workers.offered == 50_000)
    return workers.sent
  }

  @Test func itIsAllTheSameWhichWorkerHasTheTraffic() {
    // One conversation in four is 1,250 packets/s.
    let alone = sent(workers: 1) { _ in 0 }
    #expect((11_500...13_000).contains(alone))
    #expect(sent(workers: 4) { _ in 2 } == alone)
    #expect(sent(workers: 4) { $0 % 4 } == alone)
    #expect(sent(workers: 4) { $0 / 1000 % 4 } == alone)
  }

  @Test func sheddingIsToldAsLongAsItGoesOn() {
    var random = SeededGenerator(seed: 5)
    var workers = Workers(2, Self.plan(SinkPlan.Mirror(budget: MirrorBudget(packets: 100))))
    func isNow() -> [Bool] { workers.throttles.map { $0.shed[0].isNow } }
    for millisecond in 0..<500 { workers.batch(0, at: 1_000_000 * Int64(millisecond + 1), copies: 5, &random) }
    #expect(isNow() == [true, false])
    // The first has no copies any more, and cannot say that it is over.
    for millisecond in 5..<20 { workers.batch(1, at: 100_000_000 * Int64(millisecond + 1), copies: 1, &random) }
    #expect(isNow() == [false, false])
    let sum = workers.throttles.map { $0.shed[0] }.reduce(LiveReport.Shed(), +)
    #expect(sum.sampled + sum.overBudget == UInt64(workers.offered - workers.sent))
  }

  @Test func aPlanThatComesIntoForceGivesNobodyTwiceItsBudget() {
    var random = SeededGenerator(seed: 6)
    let mirror = SinkPlan.Mirror(budget: MirrorBudget(packets: 100))
    var workers = Workers(2, Self.plan(mirror))
    for round in 0..<40 {
      let plan = round % 2 == 0 ? Self.plan(mirror, SinkPlan.Mirror(priority: 3)) : Self.plan(mirror)
      for worker in 0..<2 { workers.throttles[worker] = Throttle(plan, workers.board) }
      workers.batch(round % 2, at: 1_000_000_000 + 1_000_000 * Int64(round), copies: 20, &random)
    }
    #expect(workers.sent == 10)
    // The second sender cannot serve a plan, so the first goes back to the one that the second still has.
    workers.throttles[0] = Throttle(Self.plan(SinkPlan.Mirror(priority: 3)), workers.board)
    workers.throttles[0] = Throttle(Self.plan(mirror), workers.board)
    for worker in 0..<2 { workers.batch(worker, at: 1_050_000_000, copies: 20, &random) }
    #expect(workers.sent == 10)
  }

  // MARK: Threads

  @Test func threadsKeepABudgetTogether() {
    let (threads, batches, perBatch) = (4, 1500, 20)
    let plan = Self.plan(SinkPlan.Mirror(budget: MirrorBudget(bits: 20_000_000, packets: 1000, cpu: 90)))
    var host = HostBudget()
    host.limits.packets = 800
    let board = BudgetBoard(host)
    let clock = Count(1_000_000_000)
    let (sent, left, isOver) = (Count(0), Count(0), Count(0))
    onThreads(threads) { thread in
      var random = SeededGenerator(seed: UInt64(thread))
      var throttle = Throttle(plan, board)
      for _ in 0..<batches {
        throttle.begin(at: clock.add(1_000_000))
        for _ in 0..<perBatch {
          let key = UInt16(random.below(1 << 16))
          let answer = throttle.judge(mirror: 0, key: key, bits: 8000, headerBits: 1000, cost: 1000)
          if answer != .leave { sent.add(1) }
        }
        throttle.end()
        // No more windows have been closed than have passed; what was sent is looked at first, since both go on.
        let soFar = sent.now
        let passed = (clock.now - 1_000_000_000) / 100_000_000
        if soFar > 80 * (passed + 1) { isOver.add(1) }
      }
      let shed = throttle.shed[0]
      left.add(Int64(shed.sampled + shed.overBudget + shed.byPriority))
    }
    #expect(isOver.now == 0 && sent.now > 80)
    #expect(sent.now + left.now == Int64(threads * batches * perBatch))
  }

  /// Takes by four threads until there is nothing left.
  @Test func threadsTakeAllThereIsAndNoMore() {
    let allowance = Allowances(limit: 500_000)
    let taken = Count(0)
    func empty() {
      onThreads(4) { _ in
        var mine: Int64 = 0
        while allowance.only.take(1) { mine += 1 }
        taken.add(mine)
      }
    }
    empty()
    #expect(taken.now == 500_000 && allowance.only.spentInWindow == 500_000)
    allowance.only.begin(1000)
    empty()
    #expect(taken.now == 501_000 && allowance.only.spentInWindow == 1000)
  }

  /// One of them begins windows meanwhile.
  @Test func windowsThatBeginMeanwhileGiveNobodyMore() {
    let allowance = Allowances(limit: 1000)
    let taken = Count(0)
    onThreads(4) { thread in
      for turn in 0..<20_000 {
        let amount = UInt64(1 + turn % 7)
        if allowance.only.take(amount) { taken.add(Int64(amount)) }
        if thread == 0, turn % 100 == 99 { allowance.only.begin(1000) }
      }
    }
    // 200 windows after the first.
    #expect(taken.now <= 201 * 1000 && taken.now > 1000)
  }

  /// A thread's time counts once it has joined, however often; one that has ended is forgotten.
  @Test func theTimeOfThreadsIsReadFromAnyThread() {
    let clocks = Mutex(ThreadClocks())
    let (worked, mayEnd) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let ended = DispatchGroup()
    start(2, ended) { _ in
      for _ in 0..<2 { clocks.withLock { $0.join() } }
      let start = KernelClock.thread()
      while KernelClock.thread() - start < 20_000_000 {}
      worked.signal()
      mayEnd.wait()
    }
    for _ in 0..<2 { worked.wait() }
    #expect((40_000_000..<60_000_000).contains(clocks.withLock { $0.taken() }))
    for _ in 0..<2 { mayEnd.signal() }
    ended.wait()
    #expect(clocks.withLock { $0.taken() } < 20_000_000)
  }
}

/// Threads of their own: those of a pool may be one after the other.
private func start(_ count: Int, _ group: DispatchGroup, _ body: @escaping @Sendable (Int) -> Void) {
  for number in 0..<count {
    group.enter()
    Thread {
      body(number)
      group.leave()
    }.start()
  }
}

private func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  let group = DispatchGroup()
  start(count, group, body)
  group.wait()
}

/// A number that threads share.
private final class Count: Sendable {
  private let number: Atomic<Int64>

  init(_ number: Int64) { self.number = Atomic(number) }

  @discardableResult
  func add(_ more: Int64) -> Int64 { number.wrappingAdd(more, ordering: .sequentiallyConsistent).newValue }

  var now: Int64 { number.load(ordering: .sequentiallyConsistent) }
}

/// An allowance that closures may share.
private final class Allowances: Sendable {
  let only: Allowance

  init(limit: UInt64) { only = Allowance(limit, isLimited: true) }
}

@Suite struct ProcessorTimeTests {
  @Test func aCopyCostsWhatThoseThatWereTimedDid() {
    var cost = SendCost()
    #expect((0..<33).filter { _ in cost.isDue() } == [0, 16, 32])
    #expect(cost.perCopy == 0)
    cost.add(0, copies: 5)
    cost.add(1000, copies: 0)
    #expect(cost.perCopy == 0)
    cost.add(3000, copies: 2)
    cost.add(1500, copies: 1)
    #expect(cost.perCopy == 1500)
    // What it was once is forgotten.
    for _ in 0..<100 { cost.add(128 * 4000, copies: 128) }
    #expect((3990...4000).contains(cost.perCopy))
  }

  @Test func theRestIsSharedByCopies() {
    let shares = TimeShares(taken: 10_000, scripts: [1000, 0, 0], sends: [2000, 3000, 0], copies: [300, 100, 0])
    #expect(shares.fixed == [1000 + 3000, 1000, 0])
    // More than was taken cannot have been: estimates may be.
    #expect(TimeShares(taken: 100, scripts: [900, 10], sends: [50, 50], copies: [1, 1]).fixed == [100, 10])
    #expect(TimeShares(taken: 100, scripts: [0], sends: [0], copies: [0]).fixed == [0])
    #expect(TimeShares(taken: 0, scripts: [], sends: [], copies: []).fixed == [])
  }
}
