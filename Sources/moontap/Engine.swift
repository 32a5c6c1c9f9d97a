import Capture
import DataPath
import Live
import Mirroring
import Policy

/// A configuration at work: what an offline run and a live one have in common. Between two batches it carries out what
/// scripts and SIGHUP asked for; no packet is lost by it, and none is judged by two configurations.
final class Engine {
  /// Nanoseconds of the engine's clock between two reloads that scripts ask for: a script must not keep the engine busy with
  /// loading.
  static let scriptReloadInterval: Int64 = 10_000_000_000

  /// The same between two changes of mirrors: each looks at every conversation, and scripts may want one every millisecond.
  static let changeInterval: Int64 = 100_000_000

  /// That of the first worker, whose thread the engine's is; it leads: what is asked of it holds for all.
  private(set) var configuration: Configuration
  let pipeline: Pipeline
  /// The other workers; none offline.
  var crew = Crew()
  private let reloader: Reloader
  private let storeWatch: StoreWatch?
  private let make: @Sendable (Configuration.Reload) throws -> Configuration
  /// Refuses a plan that the run cannot serve, besides what the sink refuses.
  private let check: (MirrorPlan) throws -> Void
  /// A script wants a reload; and when there was one for a script.
  private var isReloadWanted = false
  private var lastScriptReload: Int64?
  /// The same of what scripts changed.
  private var isChangeWanted = false
  private var lastChange: Int64?
  private(set) var reloads = 0
  /// Hears of every plan after the first as it comes into force, while no worker judges; a batch may be in hand.
  var follow: (MirrorPlan) -> Void = { _ in }
  /// What it was started with.
  let input: InputOptions
  /// What other threads ask.
  let requests: EngineRequests
  /// When it began to judge.
  private var start = ContinuousClock.now
  /// What a live run knows besides.
  var live: (() -> LiveReport)?
  /// What it records.
  var recording: (() -> RecordingReport?)?

  /// - Parameters:
  ///   - hangup: where SIGHUP is heard.
  ///   - mayReload: throws when a reload could not read its files.
  ///   - check: throws when a plan cannot be served.
  init(
    _ configuration: Configuration, _ input: InputOptions, _ traffic: TrafficOptions, workers: Int = 1, hangup: Int32,
    mayReload: @escaping @Sendable () throws -> Void = {}, check: @escaping (MirrorPlan) throws -> Void
  ) throws {
    try check(configuration.plan)
    self.configuration = configuration
    self.input = input
    self.check = check
    requests = try EngineRequests()
    pipeline = try configuration.makePipeline(traffic)
    make = { reload in
      try mayReload()
      return try Configuration(input, traffic, workers: workers, reload: reload)
    }
    // What policies share is the same in all configurations of a run.
    let (make, shared, requests) = (make, configuration.reload, requests)
    reloader = try Reloader(listeningTo: hangup, wake: { requests.nudge() }, make: { try make(shared) })
    storeWatch = try configuration.storeChange.map { try StoreWatch(input.storeOptions, since: $0) }
  }

  /// Judges a batch, by what is in force now.
  func process(_ batch: FrameBatch, interfaces: [CaptureInterface], sink: (any FrameSink)?) throws {
    carryOutRequests(sink)
    try pipeline.process(batch, interfaces: interfaces, sink: sink)
  }

  /// What scripts want of the store is carried out. No reload begins any more; one that is under way ends. Nobody is answered
  /// any more.
  func stop(_ sink: (any FrameSink)?) {
    configuration.desk?.close()
    storeWatch?.stop()
    reloader.stop()
    if reloader.hasReady { Terminal.complain("reload: the run ended before it came into force\n") }
    requests.close(self, sink)
  }

  /// Judging begins: the time counts from here.
  func begin() { start = .now }

  /// What the run has come to so far, of all workers.
  func summary(isInterrupted: Bool = false, files: [String] = []) throws -> Summary {
    try crew.hold {
      let sums = WorkerSums([configuration] + crew.workers.map(\.configuration))
      let (own, others) = (try pipeline.report(), try crew.workers.map { try $0.pipeline.report() })
      let report = try others.reduce(own) { try $0.adding($1) }
      return Summary(
        plan: configuration.plan, report: report, seconds: (ContinuousClock.now - start).seconds,
        faults: sums.faults, metrics: sums.metrics, failures: sums.failures, scripts: sums.scripts, reloads: reloads,
        isInterrupted: isInterrupted, files: files, live: live?(), recording: recording?(),
        workers: ([own] + others).map(\.records))
    }
  }

  // MARK: Between two batches

  /// Where nothing is half done; also while the source waits.
  func carryOutRequests(_ sink: (any FrameSink)?) {
    requests.carryOut(self, sink)
    let requests = configuration.takeRequests()
    if requests.changesMirrors { isChangeWanted = true }
    if requests.reloads { isReloadWanted = true }
    if isChangeWanted, isDue(Self.changeInterval, after: lastChange) { carryOutScriptsChanges(sink) }
    var hasSwapped = false
    if let ready = reloader.takeReady() {
      swap(in: ready, sink)
      hasSwapped = true
    }
    if isReloadWanted, isDue(Self.scriptReloadInterval, after: lastScriptReload) {
      reloadForScript(sink)
      hasSwapped = true
    }
    if hasSwapped { reloader.closeRetired() }
  }

  /// By the engine's clock, so that the same captures give the same copies.
  private func isDue(_ interval: Int64, after last: Int64?) -> Bool {
    guard let last else { return true }
    let elapsed = pipeline.now.subtractingReportingOverflow(last)
    return elapsed.overflow || elapsed.partialValue >= interval
  }

  private func carryOutScriptsChanges(_ sink: (any FrameSink)?) {
    lastChange = pipeline.now
    do {
      try carryOutChanges(sink)
    } catch {
      Reloader.complain(error)
      Terminal.complain("change of mirrors: refused, everything stays as it was\n")
    }
  }

  /// Takes over what scripts changed, and `switched`.
  private func carryOutChanges(_ sink: (any FrameSink)?, switched: [MirrorIdentity: Bool] = [:]) throws {
    isChangeWanted = false
    let change = configuration.change(switched)
    try crew.hold {
      let others = crew.workers.map { $0.follow(configuration, switched) }
      do {
        try check(change.plan)
        try adopt(change.plan, sink)
      } catch {
        configuration.undoChanges()
        for worker in crew.workers { worker.configuration.undoChanges() }
        throw error
      }
      configuration.carryOut(change, in: pipeline)
      for (worker, change) in zip(crew.workers, others) { worker.carryOut(change) }
      follow(change.plan)
    }
  }

  /// Enables or disables a mirror until the next reload.
  ///
  /// - Throws: `Problem` when there is no such mirror, or it is another's to change.
  func setEnabled(_ mirror: MirrorIdentity, _ isEnabled: Bool, _ sink: (any FrameSink)?) throws {
    try configuration.refuseSwitching(mirror, isEnabled)
    if configuration.setEnabledByPolicy(mirror, isEnabled) {
      try carryOutChanges(sink)
    } else {
      try carryOutChanges(sink, switched: [mirror: isEnabled])
    }
    lastChange = pipeline.now
  }

  /// Asks for a reload, as SIGHUP does; from any thread.
  var reload: @Sendable (_ tell: @escaping @Sendable (ReloadOutcome) -> Void) -> Void {
    { [reloader] tell in reloader.request(tell) }
  }

  private func swap(in ready: Reloader.Ready, _ sink: (any FrameSink)?) {
    let (new, old) = (ready.configuration, configuration)
    let before = old.plan
    do {
      try crew.hold {
        try check(new.plan)
        try adopt(new.plan, sink)
        new.replace(old, in: pipeline)
        for (worker, other) in zip(crew.workers, new.others) { worker.replace(other) }
        follow(new.plan)
      }
    } catch {
      Reloader.refuse(error)
      ready.tell(.refused(Problems.list(error)))
      return reloader.retire(new)
    }
    old.finishLogs()
    configuration = new
    isChangeWanted = false
    reloads += 1
    reloader.retire(old)
    Reloader.announce(new)
    let policies = new.policiesReadOtherwise(than: old)
    ready.tell(.done(before: before, after: new.plan, policies: policies, warnings: new.warnings))
  }

  /// By all sinks, or by none.
  private func adopt(_ plan: MirrorPlan, _ sink: (any FrameSink)?) throws {
    let sinks = (sink.map { [$0] } ?? []) + crew.workers.map { $0.sink as any FrameSink }
    var done: [any FrameSink] = []
    do {
      for sink in sinks {
        try sink.adopt(plan.sinkPlan)
        done.append(sink)
      }
    } catch {
      // What they have is there still: that cannot fail.
      for sink in done { try? sink.adopt(configuration.plan.sinkPlan) }
      switch error {
      case let error as CaptureError: throw Problem(error)
      case let error as LiveError: throw Problem(error)
      default: throw error
      }
    }
  }

  // MARK: Reloads that scripts ask for

  /// At once, so that the same captures give the same copies.
  private func reloadForScript(_ sink: (any FrameSink)?) {
    isReloadWanted = false
    lastScriptReload = pipeline.now
    do {
      let new = try make(configuration.reload)
      swap(in: Reloader.Ready(configuration: new), sink)
    } catch {
      Reloader.refuse(error)
    }
  }
}
