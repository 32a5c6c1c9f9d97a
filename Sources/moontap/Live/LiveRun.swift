import Capture
import Control
import DataPath
import Foundation
import Inventory
import JSONText
import Live
import Mirroring
import Policy

/// The main job, live: frames of interfaces in, copies to receivers out.
///
/// The way of a run: load and check everything -> open interfaces and sockets -> give up all rights but one, confine it
/// -> judge, until SIGTERM or Ctrl-C -> close the interfaces, judge what still waits -> the summary.
final class LiveRun {
  private let input: InputOptions
  private let traffic: TrafficOptions
  private let live: LiveOptions
  private let configuration: Configuration
  private let source: LiveSource
  private let sink: CopySender
  private let door: ControlDoor
  private let folders: ConfinedFolders
  private let confinement: Confinement.Report
  private let watch: ReceiverWatch
  /// The last change of receivers' health that the pipeline knows.
  private var known = 0
  /// Mirrors whose loops were told.
  private var told: Set<Int> = []
  /// When it was told last that a mirror sheds.
  private var toldShedding: [MirrorIdentity: ContinuousClock.Instant] = [:]
  /// How many plans of the engine the source has followed.
  private var followed = 0
  private var lastLook = ContinuousClock.now

  /// Called on the one thread there is: rights are given up thread by thread.
  init(_ input: InputOptions, _ traffic: TrafficOptions, _ live: LiveOptions, _ control: ControlOptions) throws {
    (self.input, self.traffic, self.live) = (input, traffic, live)
    let user = try Self.user(live.user)
    // Policies are loaded with all rights, as every file is: they could not be read again where that matters.
    configuration = try onScriptStack { try Configuration(input, traffic, changesStore: true) }
    configuration.warnings.complain()
    door = try control.open(isDefault: true, owner: user.map { (uid_t($0.id), gid_t($0.group)) })
    folders = ConfinedFolders(input, socket: door.socket?.path)
    do throws(LiveError) {
      source = try LiveSource(
        configuration.plan, options: live.capture, compiler: configuration.compiler,
        tell: { [Problem($0, isWarning: true)].complain() })
      guard source.openCount > 0 else { throw .noInterface(configuration.plan) }
      sink = try CopySender(configuration.plan.sinkPlan, options: live.send)
      watch = try ReceiverWatch(configuration.plan.sinkPlan, options: live.health) { line in
        Terminal.complain("live: \(line.cleanLine())\n")
      }
      try Privileges.drop(to: user)
      confinement = try Confinement.enter(folders.list)
    } catch {
      throw Problem(error)
    }
    confinement.missing.map { Problem(code: "live.confinement", sentence: $0, isWarning: true) }.complain()
  }

  private static func user(_ name: String?) throws -> Privileges.User? {
    guard let name else { return nil }
    guard let user = Privileges.User(name) else {
      throw Problem(code: "user.unknown", sentence: "--user \(name): there is no such user")
    }
    return user
  }

  /// What is sent out of a captured interface would be captured again.
  private func checkInjection(_ plan: MirrorPlan) throws {
    guard let interface = live.inject, let eni = plan.inventory.enis.first(where: { $0.interface == interface }) else {
      return
    }
    throw Problem(
      code: "live.inject", sentence: "--inject \(interface): the interface is that of \(eni.id), which is captured",
      hint: "copies leave by an interface of their own, as one end of a veth pair")
  }

  // MARK: The run

  /// - Parameter hangup: where SIGHUP is heard, see `Hangup`.
  func carryOut(hangup: Int32) throws -> OfflineRun.Outcome {
    let mayReload: @Sendable () throws -> Void = { [folders, confinement] in
      // Without Landlock a reload reads what the user may read.
      if confinement.landlock != nil { try folders.check() }
    }
    let engine = try Engine(
      configuration, input, traffic, hangup: hangup, mayReload: mayReload, check: checkInjection)
    engine.pipeline.leavesOutForeignCopies = true
    engine.live = { [source, sink, watch, confinement, unowned engine] in
      LiveReport(
        interfaces: source.report(), receivers: sink.report(watch.health), plan: engine.configuration.plan,
        loops: sink.loops, shed: sink.shed, confinement: confinement)
    }
    source.wake = engine.requests.wake
    Interrupt.catchSignals()
    return try door.whileOpen(to: engine, isLive: true) {
      announce()
      lookAfterReceivers()
      defer { watch.stop() }
      engine.begin()
      try judgeAll(engine)
      let isInterrupted = Interrupt.isRequested && Interrupt.ending == .interrupted
      let summary = try engine.summary(isInterrupted: isInterrupted)
      engine.configuration.finishLogs()
      let problems = engine.configuration.scriptProblems + (engine.configuration.desk?.problems ?? [])
      return OfflineRun.Outcome(summary: summary, problems: problems, ending: problems.isEmpty ? ending : .failed)
    }
  }

  /// SIGTERM is how a live run ends: that is no failure.
  private var ending: Ending { Interrupt.ending == .terminated ? .ok : Interrupt.ending }

  private func announce() {
    let interfaces = source.report().filter(\.isOpen).map(\.name).joined(separator: ", ")
    Terminal.complain("live: capturing on \(interfaces)\n")
  }

  private func lookAfterReceivers() {
    let watch = watch
    let thread = Thread { watch.run() }
    thread.name = "receivers"
    thread.start()
  }

  private func judgeAll(_ engine: Engine) throws {
    let batch = FrameBatch()
    defer { engine.stop(sink) }
    var isStopping = false
    while true {
      if Interrupt.isRequested, !isStopping {
        isStopping = true
        source.stop()
      }
      guard source.fill(batch) else { return }
      if watch.change != known {
        known = watch.change
        engine.pipeline.setDown(watch.down)
      }
      try engine.process(batch, interfaces: source.interfaces, sink: sink)
      if batch.count == 0 { engine.pipeline.advance(to: Self.now) }
      if !isStopping { lookAfter(engine) }
    }
  }

  /// What is done between two batches, now and then.
  private func lookAfter(_ engine: Engine) {
    if engine.plans > followed {
      followed = engine.plans
      source.adopt(engine.configuration.plan)
      watch.adopt(engine.configuration.plan.sinkPlan)
    }
    guard ContinuousClock.now - lastLook > .seconds(1) else { return }
    lastLook = ContinuousClock.now
    source.lookAfterInterfaces()
    sink.lookAfterRoutes()
    tellLoops(engine.configuration.plan)
    tellShedding(engine.configuration.plan)
  }

  /// That it sheds, once a minute for a mirror: how much is in the summary.
  private func tellShedding(_ plan: MirrorPlan) {
    for (entry, shed) in sink.shed.enumerated() where shed.isNow {
      let name = plan.identity(plan.enabled[entry])
      if let last = toldShedding[name], ContinuousClock.now - last < .seconds(60) { continue }
      toldShedding[name] = .now
      watch.say("mirror \(name.name): over a budget; it sheds payload, samples or copies, which are counted")
    }
  }

  private func tellLoops(_ plan: MirrorPlan) {
    let loops = sink.loops
    for (entry, loop) in loops.sorted(by: { $0.key < $1.key }) where !told.contains(entry) {
      watch.say(
        "mirror \(plan.mirrors[plan.enabled[entry]].name): \(loop); paused until it is enabled anew or a reload")
    }
    told = Set(loops.keys)
  }

  private static var now: Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}

extension LiveError {
  static func noInterface(_ plan: MirrorPlan) -> LiveError {
    .noInterface(names: plan.inventory.enis.compactMap(\.interface))
  }
}

extension Problem {
  init(_ error: LiveError, isWarning: Bool = false) {
    self.init(
      code: error.code, sentence: error.description, hint: error.hint, isWarning: isWarning,
      exit: error.isPermission ? .failed : .badInput)
  }
}

extension LiveError {
  var code: String {
    switch self {
    case .system: isPermission ? "live.permission" : "live.system"
    case .unsupportedLink, .noInterface: "live.interface"
    case .noInjection: "live.inject"
    }
  }
}
