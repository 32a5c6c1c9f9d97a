import Capture
import Control
import DataPath
import Foundation
import Inventory
import JSONText
import Live
import Mirroring
import Policy
import Threads

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
  private let sink: LiveSink
  /// Those of the workers besides the first.
  private let otherSinks: [LiveSink]
  private let recording: Recording?
  private let door: ControlDoor
  private let folders: ConfinedFolders
  private let confinement: Confinement.Report
  private let watch: ReceiverWatch
  private var lookout: Lookout
  private let board: StatisticsBoard
  /// Mirrors whose loops were told.
  private var told: Set<Int> = []
  /// When it was told last that a mirror sheds.
  private var toldShedding: [MirrorIdentity: ContinuousClock.Instant] = [:]
  private var missing = MissingInterfaces()
  private var lastLook = ContinuousClock.now

  /// Called on the one thread there is: rights are given up thread by thread.
  ///
  /// - Parameter record: what is recorded, and where; nil: nothing.
  init(
    _ input: InputOptions, _ traffic: TrafficOptions, _ live: LiveOptions, _ control: ControlOptions, record: Record?
  ) throws {
    (self.input, self.traffic, self.live) = (input, traffic, live)
    let user = try Self.user(live.user)
    // Policies are loaded with all rights, as every file is: they could not be read again where that matters.
    configuration = try onScriptStack {
      try Configuration(input, traffic, workers: live.workerCount, changesStore: true)
    }
    configuration.warnings.complain()
    let folder = try record?.openFolder()
    door = try control.open(isDefault: true, owner: user.map { (uid_t($0.id), gid_t($0.group)) })
    folders = ConfinedFolders(input, socket: door.socket?.path, recording: folder)
    let plan = configuration.plan.sinkPlan
    let senders: [CopySender?]
    do throws(LiveError) {
      source = try LiveSource(
        configuration.plan, workers: live.workerCount, options: live.capture, compiler: configuration.compiler,
        tell: { [Problem($0, isWarning: true)].complain() }, say: { Terminal.complain("live: \($0.cleanLine())\n") })
      guard source.openCount > 0 else { throw .noInterface(configuration.plan) }
      let isSending = record?.isAlone != true
      let (sequences, budgets) = (SequenceNumbers(), BudgetBoard(live.send.budget))
      var made: [CopySender?] = []
      for _ in source.readers {
        made.append(
          isSending ? try CopySender(plan, options: live.send, sequences: sequences, budgets: budgets) : nil)
      }
      senders = made
      watch = try ReceiverWatch(isSending ? plan : SinkPlan.none, options: live.health) { line in
        Terminal.complain("live: \(line.cleanLine())\n")
      }
      try Privileges.drop(to: user)
      confinement = try Confinement.enter(folders.list)
    } catch {
      throw Problem(error)
    }
    confinement.missing.map { Problem(code: "live.confinement", sentence: $0, isWarning: true) }.complain()
    recording = try folder.map { [watch] folder in try record!.begin(in: folder, plan) { watch.say($0) } }
    sink = LiveSink(senders[0], recording)
    otherSinks = senders.dropFirst().map { LiveSink($0, nil) }
    board = StatisticsBoard(workers: live.workerCount)
    lookout = Lookout(watch, board, worker: 0)
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
      configuration, input, traffic, workers: live.workerCount, hangup: hangup, mayReload: mayReload,
      check: checkInjection)
    engine.crew = try makeCrew()
    for pipeline in [engine.pipeline] + engine.crew.workers.map(\.pipeline) {
      pipeline.leavesOutForeignCopies = true
      pipeline.hasTaps = false
    }
    engine.live = { [self, unowned engine] in report(engine.configuration.plan) }
    engine.recording = { [recording] in recording?.report }
    engine.follow = { [self] plan in
      source.adopt(plan)
      if sink.sends { watch.adopt(plan.sinkPlan) }
      missing.tell(plan, open: source.open)
    }
    source.whileHeld = { [unowned engine] body in engine.crew.hold(body) }
    source.readers[0].bells = [engine.requests.bell.descriptor]
    Interrupt.catchSignals()
    return try door.whileOpen(to: engine, isLive: true) {
      announce(engine.configuration.plan)
      try startThreads()
      defer { watch.stop() }
      engine.begin()
      try judgeAll(engine)
      let isInterrupted = Interrupt.isRequested && Interrupt.ending == .interrupted
      let summary = try engine.summary(isInterrupted: isInterrupted)
      let configurations = [engine.configuration] + engine.crew.workers.map(\.configuration)
      for configuration in configurations { configuration.finishLogs() }
      let problems = WorkerSums(configurations).problems + (engine.configuration.desk?.problems ?? [])
      return OfflineRun.Outcome(summary: summary, problems: problems, ending: problems.isEmpty ? ending : .failed)
    }
  }

  private func makeCrew() throws -> Crew {
    let workers = try configuration.others.enumerated().map { index, other in
      let pipeline = try other.makePipeline(boundENIs: [:])
      let lookout = Lookout(watch, board, worker: index + 1)
      do throws(LiveError) {
        return try Worker(other, pipeline, otherSinks[index], source.readers[index + 1], lookout)
      } catch {
        throw Problem(error)
      }
    }
    return Crew(workers)
  }

  /// Called while no other worker judges.
  private func report(_ plan: MirrorPlan) -> LiveReport {
    let sinks = [sink] + otherSinks
    return LiveReport(
      interfaces: source.report(), receivers: LiveReport.Receiver.sum(sinks.map { $0.report(watch.health) }),
      plan: plan,
      loops: loops, shed: shed(plan), confinement: confinement)
  }

  private var loops: [Int: LiveReport.Loop] {
    otherSinks.reduce(into: sink.loops) { loops, sink in loops.merge(sink.loops) { first, _ in first } }
  }

  private func shed(_ plan: MirrorPlan) -> [LiveReport.Shed] {
    LiveReport.Shed.sum(([sink] + otherSinks).map { $0.shed(plan.enabled.count) })
  }

  /// SIGTERM is how a live run ends: that is no failure.
  private var ending: Ending { Interrupt.ending == .terminated ? .ok : Interrupt.ending }

  private func announce(_ plan: MirrorPlan) {
    Terminal.complain("live: capturing on \(source.open.sorted().joined(separator: ", "))\n")
    missing.tell(plan, open: source.open)
  }

  private func startThreads() throws {
    let (watch, recording) = (watch, recording)
    try BackgroundThread.begin("receivers") { watch.run() }
    if let recording { try BackgroundThread.begin("recording") { recording.run() } }
  }

  private func judgeAll(_ engine: Engine) throws {
    let (reader, batch) = (source.readers[0], FrameBatch())
    lookout.introduce(engine.configuration, engine.pipeline)
    defer {
      source.whileHeld { source.stop() }
      engine.crew.awaitEnd()
      engine.stop(sink)
      recording?.finish()
    }
    try engine.crew.start { [requests = engine.requests] in requests.nudge() }
    var isStopping = false
    while true {
      if Interrupt.isRequested, !isStopping {
        isStopping = true
        source.whileHeld { source.stop() }
      }
      guard reader.fill(batch) else { break }
      lookout.look(engine.configuration, engine.pipeline, sink)
      try engine.process(batch, interfaces: reader.interfaces, sink: sink)
      if batch.count == 0 { engine.pipeline.advance(to: KernelClock.wall()) }
      if !isStopping { lookAfter(engine) }
      try engine.crew.check()
    }
  }

  /// What the first worker does for all between two batches, now and then.
  private func lookAfter(_ engine: Engine) {
    source.closeUnwanted()
    if source.readers[0].wasWoken { source.lookAfterInterfaces() }
    guard ContinuousClock.now - lastLook > .seconds(1) else { return }
    lastLook = ContinuousClock.now
    source.lookAfterInterfaces(retries: true)
    engine.crew.hold {
      tellLoops(engine.configuration.plan)
      tellShedding(engine.configuration.plan)
    }
  }

  /// That it sheds, once a minute for a mirror: how much is in the summary.
  private func tellShedding(_ plan: MirrorPlan) {
    for (entry, shed) in shed(plan).enumerated() where shed.isNow {
      let name = plan.identity(plan.enabled[entry])
      if let last = toldShedding[name], ContinuousClock.now - last < .seconds(60) { continue }
      toldShedding[name] = .now
      watch.say("mirror \(name.name): over a budget; it sheds payload, samples or copies, which are counted")
    }
  }

  private func tellLoops(_ plan: MirrorPlan) {
    let loops = loops
    for (entry, loop) in loops.sorted(by: { $0.key < $1.key }) where !told.contains(entry) {
      watch.say(
        "mirror \(plan.mirrors[plan.enabled[entry]].name): \(loop); paused until it is enabled anew or a reload")
    }
    told = Set(loops.keys)
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
