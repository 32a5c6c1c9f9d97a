// The way of a copy: its route's outlet and template -> headers behind the outer IP header written beside it -> one
// `sendmmsg` for all copies of a batch to one receiver, headers and frame as two pieces, so that nothing is copied.
//
// 1. Nothing waits: what the kernel does not take at once is lost, and counted.
// 2. Of every copy `deliver` is told of, it is sent or `drop` is called, once.

internal import CLiveShims
public import DataPath
internal import Glibc
internal import Mirroring
internal import Wire

/// Sends copies to their receivers.
public final class CopySender: FrameSink {
  public typealias Failure = LiveError

  private let options: SendOptions
  private let sequences: SequenceNumbers
  private var outlets: [Outlet] = []
  /// Those of receivers that a later plan has not: for the report.
  private var former: [Outlet] = []
  /// For each route its outlet, and how it is wrapped.
  private var outletOfRoute: [Int] = []
  private var wrappings: [Wrapping] = []
  private let room = SendRoom()
  private var plan = SinkPlan(routes: [], origins: [])
  private var growth = GrowthDetector()
  private var throttle: Throttle
  /// By route.
  private var oversize: [OversizePolicy] = []
  /// What was shed under plans that are gone, by mirror.
  private var shedEarlier: [MirrorName: LiveReport.Shed] = [:]

  /// - Parameter sequences: shared by the senders of all workers.
  /// - Throws: when a receiver cannot be served.
  public init(_ plan: SinkPlan, options: SendOptions, sequences: SequenceNumbers = SequenceNumbers()) throws(LiveError)
  {
    self.options = options
    self.sequences = sequences
    throttle = Throttle(plan, host: options.budget)
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
        kept.append(known)
      } else {
        kept.append(try Outlet(name, options, sequences.counter(name)))
      }
    }
    former = (outlets + former).filter { outlet in !kept.contains { $0 === outlet } }
    outlets = kept
    outletOfRoute = names.map { positions[$0]! }
    closeShed()
    throttle = Throttle(plan, host: options.budget)
    oversize = plan.routes.map { plan.mirrors[$0.mirror].oversize ?? options.oversize }
    self.plan = plan
    // Mirrors that were paused try again.
    growth = GrowthDetector()
    self.wrappings = wrappings
  }

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
    let time = unsafe frames[Int(copies[0].frame)].time
    growth.beginBatch(at: time)
    if throttle.isLimited { throttle.pass(to: time, cpu: ThreadTime.now) }
    room.sort(count: count, outlets: outlets.count) { unsafe outletOfRoute[Int(copies[$0].route)] }
    var position = 0
    while position < count {
      let outlet = room.outlet(position)
      let end = min(room.end(of: outlet), position + Int(LV_SEND_LIMIT))
      unsafe deliver(position..<end, to: outlets[outlet], copies, frames, interfaces, drop)
      position = end
    }
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
      headerBits: UInt64(headers + min(captured, Throttle.headerLength)) * 8)
    if answer == .headers { limit = Throttle.headerLength }
    return answer != .leave
  }

  private struct MirrorName: Hashable {
    var vpc: String
    var name: String
  }

  /// By mirror of the plan, in its order: what it shed in the whole run.
  public var shed: [LiveReport.Shed] {
    names.enumerated().map { number, name in throttle.shed[number] + (shedEarlier[name] ?? LiveReport.Shed()) }
  }

  private var names: [MirrorName] {
    var names = plan.mirrors.map { _ in MirrorName(vpc: "", name: "") }
    for route in plan.routes { names[route.mirror] = MirrorName(vpc: route.vpc, name: route.mirrorName) }
    return names
  }

  private func closeShed() {
    for (name, shed) in zip(names, shed) { shedEarlier[name] = shed }
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
    if excess > 0 {
      switch oversize[Int(copy.route)] {
      // A frame as it is cannot be in fragments.
      case .fragment where outlet.name.kind == .none: return false
      case .fragment: outlet.counts.fragmented += 1
      case .truncate:
        guard excess < captured else { return false }
        captured -= excess
        outlet.counts.truncated += 1
      case .drop: return false
      }
    }
    outlet.counts.bytes += UInt64(headers + captured)
    let packet = unsafe TunnelPacket(
      body: body, captured: captured, original: captured, etherType: etherType, sourcePort: copy.sourcePort,
      sequence: outlet.nextSequence, isOutbound: copy.isOutbound)
    room.append(
      number, packet, isDressed ? wrapping.dressed : wrapping.plain, skipping: wrapping.outerLength, port: copy.origin)
    return true
  }

  /// Raw IP: the header that it lacks says what it carries.
  private static func undress(_ frame: Frame) -> (UnsafeRawPointer, Int, UInt16) {
    let isV6 = unsafe frame.captured > 0 && frame.bytes.load(as: UInt8.self) >> 4 == 6
    return unsafe (frame.bytes, Int(frame.captured), isV6 ? 0x86dd : 0x0800)
  }
}

/// Processor time that this thread has taken.
enum ThreadTime {
  static func now() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
