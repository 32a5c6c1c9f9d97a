// What is sent when there is more than a budget allows. Its clock is the packets', in windows of 100 ms:
//
//   what a window was offered says how much the next one sheds, as little as will do: payload (headers only) -> samples (one
//   conversation in 2, 4, 8, ...) -> of the host, mirrors of the lowest priority -> whatever is over all the same is left
//
// 1. In no window more is sent than the budget of a window allows.
// 2. A mirror's own budget comes first; the host's is for what is left of all of them.
// 3. Nothing waits, and who has no budget is asked nothing.

internal import DataPath
internal import Mirroring

/// Copies, and bits of their outer packets: whole, and with headers only.
struct Load: Equatable {
  var packets: UInt64 = 0
  var bits: UInt64 = 0
  var headerBits: UInt64 = 0

  static func += (a: inout Load, b: Load) {
    a.packets += b.packets
    a.bits += b.bits
    a.headerBits += b.headerBits
  }

  /// Of one conversation in 2, 4, 8, ...
  func sampled(_ shift: Int) -> Load {
    Load(packets: packets >> shift, bits: bits >> shift, headerBits: headerBits >> shift)
  }
}

/// How much is shed.
struct ShedLevel: Equatable {
  var headersOnly = false
  /// One conversation in 1 << shift.
  var shift = 0

  static let none = ShedLevel()

  /// The least that brings a load under a limit; nil: none with samples up to `deepest`.
  static func least(for load: Load, under limit: Load, deepest: Int) -> ShedLevel? {
    for shift in 0...deepest {
      let part = load.sampled(shift)
      guard part.packets <= limit.packets else { continue }
      let isForPackets = shift == 0 || load.sampled(shift - 1).packets > limit.packets
      if part.bits <= limit.bits, isForPackets { return ShedLevel(headersOnly: false, shift: shift) }
      if part.headerBits <= limit.bits { return ShedLevel(headersOnly: true, shift: shift) }
    }
    return nil
  }
}

struct Throttle {
  static let window: Int64 = 100_000_000
  /// Bytes of a frame that are its headers: what is left when payload is shed.
  static let headerLength = 128
  private static let deepest = 10
  /// Before mirrors are left out by priority.
  private static let deepestOfHost = 4

  enum Answer: Equatable { case whole, headers, leave }

  /// What limits: a mirror, or the host.
  private struct Meter {
    var limit: Load
    var offered = Load()
    var spentPackets: UInt64 = 0
    var spentBits: UInt64 = 0
    var level = ShedLevel.none

    init(_ budget: MirrorBudget?) {
      func perWindow(_ number: UInt64?) -> UInt64 { number.map { max(1, $0 / 10) } ?? .max }
      limit = Load(packets: perWindow(budget?.packets), bits: perWindow(budget?.bits))
    }

    mutating func takes(_ bits: UInt64) -> Bool {
      guard spentPackets < limit.packets, bits <= limit.bits, spentBits <= limit.bits - bits else { return false }
      spentPackets += 1
      spentBits += bits
      return true
    }

    mutating func begin() {
      offered = Load()
      (spentPackets, spentBits) = (0, 0)
    }
  }

  /// Somebody has a budget.
  let isLimited: Bool
  private let priorities: [Int]
  private var mirrors: [Meter]
  private var host: Meter
  private let hostLimit: Load
  private let cpuShare: Double?
  /// By mirror: what it offered to the host.
  private var offeredToHost: [Load]
  /// Mirrors below it are left out.
  private(set) var leastPriority = 0
  private var start: Int64?
  private var lastCPU: Int64 = 0
  /// By mirror.
  private(set) var shed: [LiveReport.Shed]

  init(_ plan: SinkPlan, host budget: HostBudget) {
    isLimited = budget.isLimited || plan.mirrors.contains { $0.budget != nil }
    priorities = plan.mirrors.map(\.priority)
    mirrors = plan.mirrors.map { Meter($0.budget) }
    host = Meter(budget.limits)
    hostLimit = host.limit
    cpuShare = budget.cpuShare
    offeredToHost = plan.mirrors.map { _ in Load() }
    shed = plan.mirrors.map { _ in LiveReport.Shed() }
  }

  // MARK: Copies

  /// - Parameters:
  ///   - key: bits of the flow's hash: conversations are kept or left as wholes.
  ///   - bits: of the outer packet, whole and with headers only.
  mutating func judge(mirror: Int, key: UInt16, bits: UInt64, headerBits: UInt64) -> Answer {
    let load = Load(packets: 1, bits: bits, headerBits: headerBits)
    mirrors[mirror].offered += load
    let own = mirrors[mirror].level
    guard Self.isKept(key, own.shift) else { return leave(mirror, \.sampled) }
    let wanted = own.headersOnly ? headerBits : bits
    guard mirrors[mirror].takes(wanted) else { return leave(mirror, \.overBudget) }
    let asked = Load(packets: 1, bits: wanted, headerBits: headerBits)
    offeredToHost[mirror] += asked
    guard priorities[mirror] >= leastPriority else { return leave(mirror, \.byPriority) }
    guard Self.isKept(key, max(own.shift, host.level.shift)) else { return leave(mirror, \.sampled) }
    let isCut = (own.headersOnly || host.level.headersOnly) && headerBits < bits
    guard host.takes(isCut ? headerBits : wanted) else { return leave(mirror, \.overBudget) }
    guard isCut else { return .whole }
    shed[mirror].headersOnly += 1
    shed[mirror].isNow = true
    return .headers
  }

  private static func isKept(_ key: UInt16, _ shift: Int) -> Bool { key & (1 << UInt16(shift) - 1) == 0 }

  private mutating func leave(_ mirror: Int, _ reason: WritableKeyPath<LiveReport.Shed, UInt64>) -> Answer {
    shed[mirror][keyPath: reason] += 1
    shed[mirror].isNow = true
    return .leave
  }

  // MARK: Windows

  /// - Parameter cpu: nanoseconds of processor time that the engine has taken; asked once a window, where it matters.
  mutating func pass(to time: Int64, cpu: () -> Int64) {
    guard let start else {
      start = time
      lastCPU = cpuShare == nil ? 0 : cpu()
      return
    }
    let elapsed = time - start
    guard elapsed >= Self.window else { return }
    self.start = time
    // A packet that comes after a pause has nothing to do with what was before it.
    let windows = UInt64(elapsed / Self.window)
    for mirror in mirrors.indices {
      mirrors[mirror].level =
        Self.level(mirrors[mirror], windows, Self.deepest) ?? ShedLevel(headersOnly: true, shift: 10)
      mirrors[mirror].begin()
      shed[mirror].isNow = shed[mirror].isNow && windows < 10 && (mirrors[mirror].level != .none || isHostShort)
    }
    if cpuShare != nil { limitByCPU(elapsed, cpu()) }
    limitHost(windows)
  }

  private var isHostShort: Bool { host.level != .none || leastPriority > 0 }

  private static func level(_ meter: Meter, _ windows: UInt64, _ deepest: Int) -> ShedLevel? {
    var limit = meter.limit
    limit.packets = limit.packets.multipliedReportingOverflow(by: windows).overflow ? .max : limit.packets * windows
    limit.bits = limit.bits.multipliedReportingOverflow(by: windows).overflow ? .max : limit.bits * windows
    return ShedLevel.least(for: meter.offered, under: limit, deepest: deepest)
  }

  /// As many packets as have the share's time, if they cost what those of this window did.
  private mutating func limitByCPU(_ elapsed: Int64, _ cpu: Int64) {
    let share = Double(cpu - lastCPU) / Double(elapsed)
    lastCPU = cpu
    guard let cpuShare, host.spentPackets > 0, share > 0 else { return }
    let packets = Double(host.spentPackets) * Double(Self.window) / Double(elapsed) * min(4, cpuShare / share)
    host.limit.packets = min(hostLimit.packets, UInt64(max(1, packets)))
  }

  /// Payload, then samples, then mirrors, those of the lowest priority first.
  private mutating func limitHost(_ windows: UInt64) {
    leastPriority = 0
    host.offered = Load()
    for load in offeredToHost { host.offered += load }
    host.level = Self.level(host, windows, Self.deepestOfHost) ?? leaveMirrors(windows)
    host.begin()
    offeredToHost = offeredToHost.map { _ in Load() }
  }

  private mutating func leaveMirrors(_ windows: UInt64) -> ShedLevel {
    let deepest = ShedLevel(headersOnly: true, shift: Self.deepestOfHost)
    for priority in Set(priorities).sorted() {
      leastPriority = priority
      host.offered = Load()
      for mirror in mirrors.indices where priorities[mirror] >= priority { host.offered += offeredToHost[mirror] }
      if let level = Self.level(host, windows, Self.deepestOfHost) { return level }
    }
    return deepest
  }
}
