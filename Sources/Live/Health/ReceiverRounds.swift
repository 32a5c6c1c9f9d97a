// What is looked at, in the order of the functions below: ICMP errors as they come -> routes and next hops when the kernel says that
// some have changed, and now and then -> each second the probes, and a nudge for those that are down, so that there is
// something that may fail -> who has been well for long enough is back.
//
// A receiver's own ICMP errors can be forged by who can forge its address: then its share moves, and comes back.

internal import CLiveShims
internal import DataPath
internal import Glibc
internal import Mirroring
internal import Wire

/// The rounds of the thread that looks after receivers. Its owner is that thread.
final class ReceiverRounds {
  private static let round: Int64 = 1_000_000_000
  /// Routes may change by the thousand.
  private static let pause: Int64 = 100_000_000
  private static let longPause: Int64 = 10_000_000_000

  private let options: HealthOptions
  private let tell: (LiveError) -> Void
  private var patients: [Patient] = []
  private var icmp: [IPFamily: ICMPSocket] = [:]
  private var ways: Int32 = -1
  private var haveWaysChanged = true
  private var lastWays: Int64 = 0
  private var nextRound: Int64 = 0

  /// One receiver.
  private final class Patient {
    let destination: SinkPlan.Destination
    var health: ReceiverHealth
    /// In wall time.
    var since: Int64?
    var probe: ReceiverProbe?

    init(_ destination: SinkPlan.Destination, _ options: HealthOptions) {
      self.destination = destination
      health = ReceiverHealth(recovery: options.recovery)
      probe = options.probe.map { ReceiverProbe($0, destination.receiver) }
    }
  }

  init(_ options: HealthOptions, tell: @escaping (LiveError) -> Void) {
    self.options = options
    self.tell = tell
    var fault = lv_fault()
    ways = unsafe lv_ways_watch(&fault)
    if ways < 0 { tell(LiveError("watching routes", fault)) }
  }

  deinit { if ways >= 0 { close(ways) } }

  func look(after plan: SinkPlan) {
    var known: Set<SinkPlan.Destination> = []
    let wanted = plan.routes.map(\.destination).filter { $0.kind != .none && known.insert($0).inserted }
    patients = wanted.map { destination in
      patients.first { $0.destination == destination } ?? Patient(destination, options)
    }
    for family in Set(wanted.map(\.receiver.family)) where icmp[family] == nil {
      do throws(LiveError) { icmp[family] = try ICMPSocket(family) } catch { tell(error) }
    }
    haveWaysChanged = true
  }

  var health: [SinkPlan.Destination: LiveReport.Health] {
    var all: [SinkPlan.Destination: LiveReport.Health] = [:]
    for patient in patients {
      var health = LiveReport.Health()
      health.trouble = patient.health.trouble
      health.since = patient.since
      health.downs = patient.health.downs
      all[patient.destination] = health
    }
    return all
  }

  /// Until there is something to do.
  func wait(orFor descriptor: Int32) {
    let due = haveWaysChanged ? min(nextRound, lastWays + Self.pause) : nextRound
    let left = max(1, (due - KernelClock.monotonic()) / 1_000_000 + 1)
    let descriptors = [descriptor, ways] + icmp.values.map(\.descriptor)
    unsafe lv_wait(descriptors, descriptors.count, Int32(clamping: left))
  }

  /// - Returns: whether one went down or came back.
  func goRound() -> Bool {
    let now = KernelClock.monotonic()
    var hasChanged = hear(now)
    if ways >= 0, lv_links_changed(ways) { haveWaysChanged = true }
    if haveWaysChanged, now - lastWays >= Self.pause || lastWays == 0 {
      haveWaysChanged = false
      lastWays = now
      for patient in patients where lookAtWay(of: patient, now) { hasChanged = true }
    }
    if now >= nextRound {
      nextRound = now + Self.round
      let isLong = now - lastWays >= Self.longPause
      if isLong { haveWaysChanged = true }
      for patient in patients where attend(patient, now) { hasChanged = true }
    }
    for patient in patients where patient.health.pass(to: now) {
      patient.since = KernelClock.wall()
      hasChanged = true
    }
    return hasChanged
  }

  private func note(_ trouble: LiveReport.Trouble, of patient: Patient, _ now: Int64) -> Bool {
    guard patient.health.note(trouble, at: now) else { return false }
    patient.since = KernelClock.wall()
    return true
  }

  // MARK: ICMP

  private func hear(_ now: Int64) -> Bool {
    var hasChanged = false
    for socket in icmp.values {
      while let (message, from) = socket.receive() {
        guard let message else { continue }
        for patient in patients where hear(message, from, patient, now) { hasChanged = true }
      }
    }
    return hasChanged
  }

  private func hear(_ message: ICMPMessage, _ from: IPAddress, _ patient: Patient, _ now: Int64) -> Bool {
    switch message {
    case .echoReply(let identifier, let sequence):
      if from == patient.destination.receiver { patient.probe?.hear(identifier, sequence) }
      return false
    case .unreachable(let trouble, let destination, let number, let port):
      guard destination == patient.destination.receiver, patient.destination.isCarried(by: number, port) else {
        return false
      }
      return note(trouble, of: patient, now)
    }
  }

  // MARK: Routes and neighbours

  private func lookAtWay(of patient: Patient, _ now: Int64) -> Bool {
    guard let trouble = trouble(on: patient) else { return false }
    return note(trouble, of: patient, now)
  }

  private func trouble(on patient: Patient) -> LiveReport.Trouble? {
    var end = lv_end(patient.destination.receiver)
    var way = lv_way()
    let code = unsafe lv_way_find(&end, &way)
    // What the kernel could not answer says nothing.
    guard code == 0 else { return [ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL].contains(code) ? .noRoute : nil }
    guard !way.is_local else { return nil }
    if way.is_down { return .linkDown }
    let state = unsafe lv_neighbour_state(&way)
    if state & Int32(LV_NEIGHBOUR_FAILED) != 0 { return .noNeighbour }
    // Nobody has answered as yet.
    let isUnknown = state == 0 || state & Int32(LV_NEIGHBOUR_INCOMPLETE) != 0
    return isUnknown && patient.health.trouble == .noNeighbour ? .noNeighbour : nil
  }

  // MARK: Each second

  private func attend(_ patient: Patient, _ now: Int64) -> Bool {
    var hasChanged = false
    if let probe = patient.probe, let trouble = probe.outcome(isDown: patient.health.isDown) {
      hasChanged = note(trouble, of: patient, now)
    }
    patient.probe?.begin(icmp[patient.destination.receiver.family])
    if patient.health.isDown {
      _ = lookAtWay(of: patient, now)
      patient.destination.nudge()
      patient.health.attempt(at: now)
    }
    return hasChanged
  }
}
