// The way of a copy: its route's outlet and template -> headers behind the outer IP header written beside it -> one
// `sendmmsg` for all copies of a batch to one receiver, headers and frame as two pieces, so that nothing is copied.
//
// 1. Nothing waits: what the kernel does not take at once is lost, and counted.
// 2. Of every copy `deliver` is told of, it is sent or `drop` is called, once.

internal import CLiveShims
public import DataPath
internal import Mirroring
internal import Wire

/// Sends copies to their receivers.
public final class CopySender: FrameSink {
  public typealias Failure = LiveError

  private let options: SendOptions
  private let sequences: SequenceNumbers
  private var outlets: [Outlet] = []
  /// Those of receivers that a later plan has not: for the report. Only those that the last plan had are open still, so that going
  /// back to it cannot fail.
  private(set) var former: [Outlet] = []
  /// For each route its outlet, and how it is wrapped.
  private var outletOfRoute: [Int] = []
  private var wrappings: [Wrapping] = []
  private let room = SendRoom()
  private var plan = SinkPlan(routes: [], origins: [])
  private var growth = GrowthDetector()
  private let budgets: BudgetBoard
  private var throttle: Throttle
  /// By route.
  private var oversize: [OversizePolicy] = []
  /// What was shed under plans that are gone, by mirror.
  private var shedEarlier: [MirrorName: LiveReport.Shed] = [:]

  /// - Parameters:
  ///   - sequences: shared by the senders of all workers.
  ///   - budgets: the same, in place of a board of its own with the budget of `options`.
  /// - Throws: when a receiver cannot be served, or the interface for copies without encapsulation is not there: that is a
  ///   typo, whether or not a mirror has such copies yet.
  public init(
    _ plan: SinkPlan, options: SendOptions, sequences: SequenceNumbers = SequenceNumbers(), budgets: BudgetBoard? = nil
  ) throws(LiveError) {
    self.options = options
    self.sequences = sequences
    self.budgets = budgets ?? BudgetBoard(options.budget)
    throttle = Throttle(plan, self.budgets)
    if let name = options.injection, try InterfacePlace(name).find() == nil { throw .noInjection(interface: name) }
    try adopt(plan)
  }

  public func adopt(_ plan: SinkPlan) throws(LiveError) {
    var wrappings: [Wrapping] = []
    let names = plan.routes.map(\.destination)
    for route in plan.routes {
      wrappings.append(Wrapping(TunnelMethod(route.encapsulation), to: route.receiver))
    }
    var kept: [Outlet] = []
    var positions: [SinkPlan.Destination: Int] = [:]
    for name in names where positions[name] == nil {
      positions[name] = kept.count
      if let known = (outlets + former).first(where: { $0.name == name }) {
        try known.open()
        kept.append(known)
      } else {
        kept.append(try Outlet(name, options, sequences.counter(name)))
      }
    }
    for outlet in former where !kept.contains(where: { $0 === outlet }) { outlet.close() }
    former = (outlets + former).filter { outlet in !kept.contains { $0 === outlet } }
    outlets = kept
    outletOfRoute = names.map { positions[$0]! }
    closeShed()
    throttle = Throttle(plan, budgets)
    oversize = plan.routes.map { plan.mirrors[$0.mirror].oversize ?? options.oversize }
    self.plan = plan
    // Mirrors that were paused try again.
    growth = GrowthDetector()
    self.wrappings = wrappings
  }

  public func note(scriptTimes: [UInt64]) { throttle.note(scriptTimes: scriptTimes) }

  /// Routes change, and their MTUs.
  public func lookAfterRoutes() { for outlet in outlets { outlet.lookAfter() } }

  /// - Parameter health: of a destination.
  public func report(_ health: (SinkPlan.Destination) -> LiveReport.Health) -> [LiveReport.Receiver] {
    (outlets + former).map { outlet in
      var report = outlet.report
      report.health = health(outlet.name)
      return report
    }
  }

  // MARK: Delivery

  public func deliver(
    _ copies: UnsafePointer<Copy>, count: Int, frames: UnsafePointer<Frame>, interfaces: [CaptureInterface],
    drop: (Int, DeliveryDrop) -> Void
  ) {
    growth.beginBatch(at: unsafe frames[Int(copies[0].frame)].time)
    if throttle.isLimited { throttle.begin(at: KernelClock.monotonic()) }
    room.sort(count: count, outlets: outlets.count) { unsafe outletOfRoute[Int(copies[$0].route)] }
    var position = 0
    while position < count {
      let number = room.outlet(position)
      let end = min(room.end(of: number), position + Int(LV_SEND_LIMIT))
      let outlet = outlets[number]
      let isTimed = throttle.timesCopies && outlet.cost.isDue()
      let start = isTimed ? KernelClock.thread() : 0
      unsafe deliver(position..<end, to: outlet, copies, frames, interfaces, drop)
      if isTimed { outlet.cost.add(KernelClock.thread() - start, copies: room.count) }
      position = end
    }
    if throttle.isLimited { throttle.end() }
  }

  /// - Parameter range: of the sorted copies, all to one outlet.
  private func deliver(
    _ range: Range<Int>, to outlet: Outlet, _ copies: UnsafePointer<Copy>, _ frames: UnsafePointer<Frame>,
    _ interfaces: [CaptureInterface], _ drop: (Int, DeliveryDrop) -> Void
  ) {
    room.removeAll()
    for place in range {
      let number = room.copy(place)
      let copy = unsafe copies[number]
      let frame = unsafe frames[Int(copy.frame)]
      let decoder = interfaces[Int(frame.interface)].linkType.decoder ?? .none
      let isDressed = decoder != .ethernet
      if comesBack(copy, frame, decoder) {
        outlet.counts.looped += 1
        drop(number, .loop)
        continue
      }
      var limit = Int.max
      if throttle.isLimited, !allows(copy, frame, outlet, &limit) {
        outlet.counts.throttled += 1
        drop(number, .throttled)
      } else if !append(copy, number, frame, limit, isDressed: isDressed, outlet) {
        outlet.counts.tooBig += 1
        drop(number, .tooBig)
      }
    }
    unsafe outlet.send(room.datagrams, count: room.count) { index, loss in
      let number = room.number(index)
      outlet.counts.take(back: room.fit(index), byteCount: room.byteCount(index))
      switch loss {
      case .queueFull:
        outlet.counts.queueFull += 1
        drop(number, .queueFull)
      case .sendError:
        outlet.counts.sendError += 1
        drop(number, .sendError)
      case .tooBig:
        outlet.counts.tooBig += 1
        drop(number, .tooBig)
      }
    }
  }

  private func comesBack(_ copy: Copy, _ frame: Frame, _ decoder: LinkDecoder) -> Bool {
    let fingerprint = unsafe Fingerprint.make(frame.bytes, captured: Int(frame.captured), decoder: decoder)
    let place = GrowthDetector.Place(
      mirror: plan.routes[Int(copy.route)].mirror, origin: copy.origin, isOutbound: copy.isOutbound)
    return growth.withholds(fingerprint, place, at: frame.time)
  }

  /// - Parameter limit: how much of the frame may be sent.
  private func allows(_ copy: Copy, _ frame: Frame, _ outlet: Outlet, _ limit: inout Int) -> Bool {
    let wrapping = wrappings[Int(copy.route)]
    let headers = outlet.headerLength + wrapping.plain.layout.byteCount - wrapping.outerLength
    let captured = Int(frame.captured)
    let answer = throttle.judge(
      mirror: plan.routes[Int(copy.route)].mirror, key: copy.sourcePort, bits: UInt64(headers + captured) * 8,
      headerBits: UInt64(headers + min(captured, Throttle.headerLength)) * 8, cost: outlet.cost.perCopy)
    if answer == .headers { limit = Throttle.headerLength }
    return answer != .leave
  }

  private struct MirrorName: Hashable {
    var vpc: String
    var name: String
  }

  /// By mirror of the plan, in its order: what it shed in the whole run.
  public var shed: [LiveReport.Shed] {
    zip(names, throttle.shed).map { name, shed in shed + (shedEarlier[name] ?? LiveReport.Shed()) }
  }

  private var names: [MirrorName] {
    var names = plan.mirrors.map { _ in MirrorName(vpc: "", name: "") }
    for route in plan.routes { names[route.mirror] = MirrorName(vpc: route.vpc, name: route.mirrorName) }
    return names
  }

  private func closeShed() {
    for (name, shed) in zip(names, shed) {
      shedEarlier[name] = shed
      shedEarlier[name]!.isNow = false
    }
  }

  /// By mirror of the plan: where its copies come back, so that it is paused.
  public var loops: [Int: LiveReport.Loop] {
    growth.loops.mapValues { LiveReport.Loop(eni: plan.origins[Int($0.origin)].name, isOutbound: $0.isOutbound) }
  }

  /// - Returns: false when the copy is too long.
  @inline(__always)
  private func append(_ copy: Copy, _ number: Int, _ frame: Frame, _ limit: Int, isDressed: Bool, _ outlet: Outlet)
    -> Bool
  {
    let wrapping = wrappings[Int(copy.route)]
    let layout = isDressed ? wrapping.dressed.layout : wrapping.plain.layout
    var (body, captured) = unsafe (frame.bytes, Int(frame.captured))
    var etherType: UInt16 = 0
    if isDressed { unsafe (body, captured, etherType) = Self.undress(frame) }
    captured = min(captured, limit)
    let headers = layout.byteCount - wrapping.outerLength
    let excess = outlet.headerLength + headers + captured - outlet.pathMTU
    guard captured <= layout.maximumBodyLength else { return false }
    var fit = SendRoom.Fit.whole
    if excess > 0 {
      switch oversize[Int(copy.route)] {
      // A frame as it is cannot be in fragments.
      case .fragment where outlet.name.kind == .none: return false
      case .fragment: fit = .fragmented
      case .truncate:
        guard excess < captured else { return false }
        captured -= excess
        fit = .truncated
      case .drop: return false
      }
    }
    outlet.counts.add(fit, byteCount: headers + captured)
    let packet = unsafe TunnelPacket(
      body: body, captured: captured, original: captured, etherType: etherType, sourcePort: copy.sourcePort,
      sequence: outlet.nextSequence, isOutbound: copy.isOutbound)
    room.append(
      number, fit, packet, isDressed ? wrapping.dressed : wrapping.plain, skipping: wrapping.outerLength,
      port: copy.origin)
    return true
  }

  /// Raw IP: the header that it lacks says what it carries.
  private static func undress(_ frame: Frame) -> (UnsafeRawPointer, Int, UInt16) {
    let isV6 = unsafe frame.captured > 0 && frame.bytes.load(as: UInt8.self) >> 4 == 6
    return unsafe (frame.bytes, Int(frame.captured), isV6 ? 0x86dd : 0x0800)
  }
}
