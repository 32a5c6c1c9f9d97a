import DataPath
import Mirroring
import Synchronization
import Testing

@testable import Live

/// Traffic of mirrors through a throttle, packet by packet, at an even pace.
private struct Stream {
  var mirror: Int
  /// In a second.
  var packets: Int
  /// Of a whole packet and of its headers.
  var bits: UInt64 = 12_000
  var headerBits: UInt64 = 1_600
}

/// Processor time that is taken, for a board to ask.
final class TakenTime: Sendable {
  private let nanoseconds = Atomic<UInt64>(0)

  func add(_ taken: UInt64) { nanoseconds.wrappingAdd(taken, ordering: .relaxed) }
  func take() -> UInt64 { nanoseconds.exchange(0, ordering: .relaxed) }
}

private struct Run {
  var throttle: Throttle
  let taken = TakenTime()
  /// Nanoseconds in a millisecond that the scripts of the first mirror take.
  var scripts: UInt64 = 0
  var sent: [Int: Load] = [:]
  var cut: [Int: Int] = [:]
  private var time: Int64 = 1_000_000_000_000

  init(_ mirrors: [SinkPlan.Mirror], host: HostBudget = HostBudget()) {
    let board = BudgetBoard(host, taken: taken.take)
    throttle = Throttle(SinkPlan(routes: [], origins: [], mirrors: mirrors), board)
  }

  mutating func pause(seconds: Int64) { time += seconds * 1_000_000_000 }

  /// - Parameters:
  ///   - cpu: nanoseconds that a sent packet takes.
  ///   - idle: the same of each packet, sent or not.
  mutating func run(_ streams: [Stream], seconds: Int, cpu: UInt64 = 0, idle: UInt64 = 0) {
    sent = [:]
    cut = [:]
    for millisecond in 0..<seconds * 1000 {
      time += 1_000_000
      if scripts > 0 { throttle.note(scriptTimes: [scripts]) }
      taken.add(scripts)
      throttle.begin(at: time)
      for stream in streams {
        let count = stream.packets * (millisecond + 1) / 1000 - stream.packets * millisecond / 1000
        for number in 0..<count {
          // Many conversations.
          let key = UInt16(truncatingIfNeeded: ((millisecond * 31 + number) &* 40_503) >> 3)
          let answer = throttle.judge(
            mirror: stream.mirror, key: key, bits: stream.bits, headerBits: stream.headerBits, cost: cpu)
          taken.add(idle)
          guard answer != .leave else { continue }
          taken.add(cpu)
          let bits = answer == .headers ? stream.headerBits : stream.bits
          sent[stream.mirror, default: Load()] += Load(packets: 1, bits: bits)
          if answer == .headers { cut[stream.mirror, default: 0] += 1 }
        }
      }
      throttle.end()
    }
  }
}

@Suite struct ThrottleTests {
  private func mirror(
    bits: UInt64? = nil, packets: UInt64? = nil, cpu: UInt64? = nil, priority: Int = 50
  ) -> SinkPlan.Mirror {
    let budget = MirrorBudget(bits: bits, packets: packets, cpu: cpu)
    return SinkPlan.Mirror(budget: budget == MirrorBudget() ? nil : budget, priority: priority)
  }

  @Test func anHourWithoutCopiesChangesNoBudget() {
    var run = Run([mirror(packets: 1000)])
    let stream = [Stream(mirror: 0, packets: 500)]
    run.run(stream, seconds: 2)
    run.pause(seconds: 3600)
    run.run(stream, seconds: 10)
    #expect(run.sent[0]?.packets == 5000)
  }

  @Test func whoHasNoBudgetIsAskedNothing() {
    let board = BudgetBoard(HostBudget())
    #expect(!Throttle(SinkPlan(routes: [], origins: [], mirrors: [mirror()]), board).isLimited)
    #expect(Throttle(SinkPlan(routes: [], origins: [], mirrors: [mirror(bits: 10)]), board).isLimited)
    #expect(Throttle(SinkPlan(routes: [], origins: [], mirrors: [mirror(cpu: 1)]), board).isLimited)
  }

  @Test func nothingIsShedUnderTheBudget() {
    var run = Run([mirror(bits: 13_000_000, packets: 1100)])
    run.run([Stream(mirror: 0, packets: 1000)], seconds: 5)
    #expect(run.sent[0]?.packets == 5000 && run.cut.isEmpty)
    #expect(run.throttle.shed[0] == LiveReport.Shed())
  }

  @Test func payloadGoesFirst() {
    var run = Run([mirror(bits: 4_000_000)])
    run.run([Stream(mirror: 0, packets: 1000)], seconds: 5)
    // All conversations are still there, from the second window on with their headers only.
    #expect(run.throttle.shed[0].sampled == 0)
    #expect(run.sent[0]!.packets > 4900 && run.cut[0]! > 4800)
    #expect(run.throttle.shed[0].isNow)
  }

  @Test func thenSamplesOfConversations() {
    var run = Run([mirror(bits: 400_000)])
    run.run([Stream(mirror: 0, packets: 1000)], seconds: 10)
    let shed = run.throttle.shed[0]
    #expect(shed.sampled > 6000 && shed.overBudget < 2000, "\(shed)")
    // A quarter of what headers alone would take.
    #expect((1500...2800).contains(run.sent[0]!.packets), "\(run.sent)")
  }

  @Test func packetsOverTheirLimitAreSampledWhole() {
    var run = Run([mirror(packets: 300)])
    run.run([Stream(mirror: 0, packets: 1000)], seconds: 10)
    #expect(run.cut.isEmpty && run.throttle.shed[0].headersOnly == 0)
    #expect(run.throttle.shed[0].sampled > 5000)
  }

  @Test func noWindowSendsMoreThanItsBudget() {
    var run = Run([mirror(bits: 1_000_000, packets: 500)])
    for _ in 0..<30 {
      run.run([Stream(mirror: 0, packets: 100_000)], seconds: 1)
      #expect(run.sent[0]!.packets <= 550 && run.sent[0]!.bits <= 1_100_000)
    }
  }

  @Test func theHostsBudgetLeavesMirrorsOfLowPriorityLast() {
    var host = HostBudget()
    host.limits = MirrorBudget(packets: 150)
    var run = Run([mirror(priority: 80), mirror(priority: 20)], host: host)
    run.run([Stream(mirror: 0, packets: 2000), Stream(mirror: 1, packets: 2000)], seconds: 10)
    #expect(run.throttle.shed[1].byPriority > 15_000 && run.throttle.shed[0].byPriority == 0)
    #expect(run.sent[0]!.packets > 800)
    // When the other has calmed down it is back.
    run.run([Stream(mirror: 0, packets: 10), Stream(mirror: 1, packets: 10)], seconds: 3)
    #expect(run.sent[1]!.packets >= 28 && !run.throttle.shed[1].isNow)
  }

  @Test func aMirrorsOwnBudgetDoesNotTouchOthers() {
    var run = Run([mirror(packets: 10), mirror()])
    run.run([Stream(mirror: 0, packets: 1000), Stream(mirror: 1, packets: 1000)], seconds: 3)
    #expect(run.sent[1]!.packets == 3000 && run.sent[0]!.packets <= 33)
    #expect(run.throttle.shed[1] == LiveReport.Shed())
  }

  @Test func theShareOfAProcessorIsKept() {
    var host = HostBudget()
    host.cpuShare = 0.25
    var run = Run([mirror()], host: host)
    // 100 µs a packet: 2,500 packets take a quarter of a second.
    run.run([Stream(mirror: 0, packets: 8000)], seconds: 10, cpu: 100_000)
    #expect((18_000...27_000).contains(run.sent[0]!.packets), "\(run.sent)")
    var idle = Run([mirror()], host: host)
    idle.run([Stream(mirror: 0, packets: 2000)], seconds: 10, cpu: 100_000)
    #expect(idle.sent[0]!.packets == 20_000)
  }

  @Test func aMirrorKeepsItsShareOfAProcessor() {
    var run = Run([mirror(cpu: 25), mirror()])
    // 100 µs a copy: 2,500 take a quarter of a second.
    run.run([Stream(mirror: 0, packets: 8000), Stream(mirror: 1, packets: 500)], seconds: 10, cpu: 100_000)
    #expect((18_000...25_100).contains(run.sent[0]!.packets), "\(run.sent)")
    #expect(run.sent[1]!.packets == 5000 && run.throttle.shed[1] == LiveReport.Shed())
    #expect(run.throttle.shed[0].isNow && run.throttle.shed[0].sampled > 0 && run.cut.isEmpty)
    var idle = Run([mirror(cpu: 25)])
    idle.run([Stream(mirror: 0, packets: 2400)], seconds: 10, cpu: 100_000)
    #expect(idle.sent[0]!.packets == 24_000 && idle.throttle.shed[0] == LiveReport.Shed())
  }

  @Test func whatNoSheddingSavesIsTakenFromTheShare() {
    // Half of the share goes into judging what is shed.
    var run = Run([mirror(cpu: 50)])
    run.run([Stream(mirror: 0, packets: 2500)], seconds: 10, cpu: 400_000, idle: 100_000)
    let seconds = Double(run.sent[0]!.packets) * 400e-6 + 25_000 * 100e-6
    #expect((3.5...5.1).contains(seconds), "\(run.sent)")
    // Its scripts take more than all of it: no copy is sent. When they are quiet again, all are.
    var scripted = Run([mirror(cpu: 10)])
    scripted.scripts = 200_000
    scripted.run([Stream(mirror: 0, packets: 100)], seconds: 1, cpu: 1000)
    scripted.run([Stream(mirror: 0, packets: 100)], seconds: 1, cpu: 1000)
    #expect(scripted.sent[0] == nil && scripted.throttle.shed[0].isNow)
    scripted.scripts = 1000
    scripted.run([Stream(mirror: 0, packets: 100)], seconds: 1, cpu: 1000)
    #expect(scripted.sent[0]!.packets >= 80 && !scripted.throttle.shed[0].isNow)
  }

  @Test func everythingIsSentOrCountedOnce() {
    var host = HostBudget()
    host.limits = MirrorBudget(bits: 2_000_000, packets: 400)
    var run = Run([mirror(bits: 900_000, priority: 3), mirror(packets: 100), mirror(priority: 90)], host: host)
    run.run((0..<3).map { Stream(mirror: $0, packets: 700) }, seconds: 7)
    for mirror in 0..<3 {
      let shed = run.throttle.shed[mirror]
      let left = shed.sampled + shed.overBudget + shed.byPriority
      #expect(run.sent[mirror, default: Load()].packets + left == 4900)
      #expect(run.cut[mirror, default: 0] == Int(shed.headersOnly))
    }
  }

  @Test func aPauseForgetsWhatWasBefore() {
    var run = Run([mirror(bits: 400_000)])
    run.run([Stream(mirror: 0, packets: 1000)], seconds: 2)
    let shed = run.throttle.shed[0]
    run.run([], seconds: 20)
    run.run([Stream(mirror: 0, packets: 10)], seconds: 3)
    #expect(run.sent[0]!.packets == 30)
    var now = run.throttle.shed[0]
    now.isNow = shed.isNow
    #expect(now == shed)
  }
}
