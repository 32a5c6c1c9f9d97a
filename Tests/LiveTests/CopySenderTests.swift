import DataPath
import Glibc
import Mirroring
import Testing
import Wire

@testable import Live

/// Several senders of one engine, with real sockets.
@Suite(.enabled(if: geteuid() == 0, "raw sockets need root"))
struct CopySenderTests {
  private static func plan(_ budget: MirrorBudget, others: Int = 0, to receiver: String = "127.0.0.1") -> SinkPlan {
    let route = SinkPlan.Route(
      mirrorName: "m", vpc: "v", receiver: IPAddress(receiver)!, encapsulation: Encapsulation(vni: 7, port: 4999),
      fileStem: "m")
    return SinkPlan(
      routes: [route], origins: [SinkPlan.Origin(name: "eni", mac: nil, v4: nil, v6: nil)],
      mirrors: [SinkPlan.Mirror(budget: budget)] + (0..<others).map { _ in SinkPlan.Mirror() })
  }

  /// One packet each, none like another.
  private static func packet(_ number: Int) throws -> [UInt8] {
    var builder = PacketBuilder(
      protocol: .udp, source: IPAddress("10.20.1.1")!, destination: IPAddress("10.20.1.2")!)
    builder.sourcePort = UInt16(truncatingIfNeeded: number)
    builder.payload = (0..<40).map { UInt8(truncatingIfNeeded: number >> ($0 % 4 * 8)) }
    return try builder.build()
  }

  /// - Returns: how many copies of a batch a budget had no room for.
  private static func deliver(_ sender: CopySender, _ numbers: Range<Int>, at time: Int64) throws -> Int {
    let room = numbers.count * 256
    let memory = UnsafeMutableRawPointer.allocate(byteCount: room, alignment: 1)
    defer { unsafe memory.deallocate() }
    var frames: [Frame] = []
    var copies: [Copy] = []
    for (place, number) in numbers.enumerated() {
      let bytes = try packet(number)
      let start = unsafe memory + 256 * place
      unsafe start.copyMemory(from: bytes, byteCount: bytes.count)
      unsafe frames.append(
        Frame(
          bytes: UnsafeRawPointer(start), time: time, captured: UInt32(bytes.count), original: UInt32(bytes.count),
          interface: 0, direction: .outbound))
      copies.append(
        Copy(frame: UInt32(place), route: 0, origin: 0, isOutbound: true, sourcePort: UInt16(49152 + number % 16384)))
    }
    var throttled = 0
    unsafe sender.deliver(
      copies, count: copies.count, frames: frames,
      interfaces: [CaptureInterface(linkType: .raw, name: nil, origin: "raw")]
    ) { _, reason in if reason == .throttled { throttled += 1 } }
    return throttled
  }

  /// Also where no mirror has such copies as yet.
  @Test func anInterfaceToInjectIntoMustBeThere() throws {
    var options = SendOptions()
    options.injection = "no-such-one"
    #expect(throws: LiveError.noInjection(interface: "no-such-one")) {
      try CopySender(Self.plan(MirrorBudget()), options: options)
    }
    options.injection = "lo"
    _ = try CopySender(Self.plan(MirrorBudget()), options: options)
  }

  /// Whatever the packets' clocks say, and though plans come into force meanwhile.
  @Test func sendersKeepABudgetTogether() throws {
    let budget = MirrorBudget(packets: 100)
    let board = BudgetBoard(HostBudget())
    let senders = try (0..<2).map { _ in try CopySender(Self.plan(budget), options: SendOptions(), budgets: board) }
    let start = KernelClock.monotonic()
    var taken = 0
    var throttled = 0
    for batch in 0..<60 {
      let hours = Int64([0, 1, -1][batch % 3])
      let lost = try Self.deliver(
        senders[batch % 2], batch * 5..<batch * 5 + 5, at: 1_700_000_000_000_000_000 + hours * 3_600_000_000_000)
      (taken, throttled) = (taken + 5 - lost, throttled + lost)
      if batch % 20 == 19 { for sender in senders { try sender.adopt(Self.plan(budget, others: batch / 20)) } }
    }
    // A window before each 100 ms that have passed, and the one at hand.
    let windows = Int(KernelClock.monotonic() - start) / 100_000_000 + 1
    #expect(taken >= 10 && taken <= 10 * windows)
    let shed = senders.map { $0.shed[0] }.reduce(LiveReport.Shed(), +)
    #expect(shed.sampled + shed.overBudget == UInt64(throttled))
  }

  @Test func aSenderAloneHasItsOwnBoard() throws {
    var options = SendOptions()
    options.budget.limits.packets = 10
    let senders = try (0..<2).map { _ in try CopySender(Self.plan(MirrorBudget()), options: options) }
    for sender in senders {
      #expect(try Self.deliver(sender, 0..<5, at: 1_700_000_000_000_000_000) == 4)
      #expect(sender.shed[0].overBudget == 4 && sender.shed[0].isNow)
    }
  }

  @Test func whatACopyCostsIsMeasured() throws {
    let board = BudgetBoard(HostBudget())
    let sender = try CopySender(Self.plan(MirrorBudget(cpu: 100)), options: SendOptions(), budgets: board)
    let meter = board.adopt(Self.plan(MirrorBudget(cpu: 100)))[0]
    // The first batch is timed, the second one pays.
    for batch in 0..<2 {
      _ = try Self.deliver(sender, batch * 64..<batch * 64 + 64, at: 1_700_000_000_000_000_000)
    }
    let offered = meter.offered.take()
    // A copy is a system call's part: some hundred nanoseconds at least. What the first one offered may have been taken.
    #expect(offered.packets >= 64 && offered.nanoseconds > 64 * 100)
  }

  /// Plans with receivers that no other one has may come for ever. Back to the last plan it goes without opening anything.
  @Test func receiversThatAreGoneHoldNoDescriptors() throws {
    let sender = try CopySender(Self.plan(MirrorBudget()), options: SendOptions())
    _ = try Self.deliver(sender, 0..<5, at: 1_700_000_000_000_000_000)
    for number in 2...20 {
      try sender.adopt(Self.plan(MirrorBudget(), to: "127.0.0.\(number)"))
      #expect(sender.former.filter(\.isOpen).map(\.name.receiver) == [IPAddress("127.0.0.\(number - 1)")!])
    }
    try sender.adopt(Self.plan(MirrorBudget()))
    _ = try Self.deliver(sender, 5..<10, at: 1_700_000_000_000_000_000)
    let report = sender.report { _ in LiveReport.Health() }
    #expect(report.count == 20 && report[0].counts.sent == 10)
  }

  /// What the kernel did not take was not sent: no copy, no bytes.
  @Test func whatWasNotSentHasNoBytes() throws {
    // Without SO_BROADCAST nobody may.
    let sender = try CopySender(Self.plan(MirrorBudget(), to: "255.255.255.255"), options: SendOptions())
    _ = try Self.deliver(sender, 0..<5, at: 1_700_000_000_000_000_000)
    let counts = sender.report { _ in LiveReport.Health() }[0].counts
    #expect(counts.sendError == 5 && counts.sent == 0 && counts.bytes == 0)
  }

  /// The same of copies that would have been in fragments.
  @Test(.enabled(if: Namespace.missing == nil, "network namespaces need root"))
  func whatWasNotSentHasNoFragments() throws {
    let host = try Namespace()
    try host.link("set eth0 mtu 100")
    let sender = try InterfacePlace(host.name + "/eth0").enter { () throws(LiveError) in
      try CopySender(Self.plan(MirrorBudget(), to: "10.20.1.2"), options: SendOptions())
    }
    func counts() -> LiveReport.Receiver.Counts { sender.report { _ in LiveReport.Health() }[0].counts }
    _ = try Self.deliver(sender, 0..<5, at: 1_700_000_000_000_000_000)
    let bytes = counts().bytes
    #expect(counts().sent == 5 && counts().fragmented == 5 && bytes > 0)
    try host.link("set eth0 down")
    _ = try Self.deliver(sender, 5..<10, at: 1_700_000_000_000_000_000)
    #expect(counts().sent == 5 && counts().sendError == 5)
    #expect(counts().fragmented == 5 && counts().bytes == bytes)
  }
}
