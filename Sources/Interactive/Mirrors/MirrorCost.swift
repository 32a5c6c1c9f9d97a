import DataPath
import Foundation
import LuaRuntime
import Mirroring

/// What a mirror costs over some packets, measured: pass after pass with a fresh pipeline, as `run` would begin, with the
/// filter and without it.
struct MirrorCost {
  static let mostPackets = 20_000
  static let mostBytes = 16 << 20
  private static let passes = 3...200
  /// Nanoseconds that passes take together, at least.
  private static let enough = 50_000_000.0

  let value: LuaValue

  init(_ session: Session, _ number: Int, _ room: FrameRoom, _ call: HostCall) throws(HostFailure) {
    let run = try MirrorRun(session, number)
    let tests = run.plan.tests(ofEntry: run.entry)
    let asksBalancer = run.plan.asksBalancer(ofEntry: run.entry)
    try run.finish(call)
    func row(_ part: String, isCached: Bool, nanoseconds: Double? = nil) -> LuaValue {
      var fields: [LuaTable.Field] = [.init("cached", .boolean(isCached))]
      if let nanoseconds { fields.append(.init("ns", .number((nanoseconds * 10).rounded() / 10))) }
      return .table(LuaTable(fields: fields + [.init("part", .string(part))]))
    }
    var rows = [
      row(
        "without its filter", isCached: !asksBalancer,
        nanoseconds: try Self.measure(session, number, room, call, keepsFilter: false))
    ]
    for test in tests { rows.append(row(test.text, isCached: !test.isPerPacket)) }
    if asksBalancer { rows.append(row("the balancer's function", isCached: false)) }
    let isCached = !asksBalancer && !tests.contains(where: \.isPerPacket)
    rows.append(
      row(
        "all, \(room.frames.count) packets", isCached: isCached,
        nanoseconds: try Self.measure(session, number, room, call, keepsFilter: true)))
    value = .table(LuaTable(items: rows))
  }

  /// - Returns: nanoseconds of processor time for each packet, of the quickest pass.
  private static func measure(
    _ session: Session, _ number: Int, _ room: FrameRoom, _ call: HostCall, keepsFilter: Bool
  ) throws(HostFailure) -> Double {
    var best = Double.infinity
    var spent = 0.0
    var pass = 0
    while pass < passes.lowerBound || spent < enough && pass < passes.upperBound {
      if call.isInterrupted { break }
      let run = try MirrorRun(session, number, keepsFilter: keepsFilter)
      let start = processorTime
      try run.judge(room, call)
      let taken = processorTime - start
      try run.finish(call)
      best = min(best, taken)
      spent += taken
      pass += 1
    }
    return best / Double(max(1, room.frames.count))
  }

  /// Nanoseconds that this thread has had.
  private static var processorTime: Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
  }
}
