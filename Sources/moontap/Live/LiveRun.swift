import Capture
import DataPath
import Foundation
import Inventory
import Live
import Policy

/// The main job, live: frames of interfaces in, copies to receivers out.
///
/// The way of a run: load and check everything -> open interfaces and sockets -> give up all rights but one -> judge, until
/// SIGTERM or Ctrl-C -> close the interfaces, judge what still waits -> the summary.
final class LiveRun {
  private let input: InputOptions
  private let traffic: TrafficOptions
  private let live: LiveOptions
  private let configuration: Configuration
  private let source: LiveSource
  private let sink: CopySender
  /// How many plans of the engine the source has followed.
  private var followed = 0
  private var lastLook = ContinuousClock.now

  /// Called on the one thread there is: rights are given up thread by thread.
  init(_ input: InputOptions, _ traffic: TrafficOptions, _ live: LiveOptions) throws {
    (self.input, self.traffic, self.live) = (input, traffic, live)
    let user = try Self.user(live.user)
    // Policies are loaded with all rights, as every file is: they could not be read again where that matters.
    configuration = try onScriptStack { try Configuration(input, traffic, changesStore: true) }
    configuration.warnings.complain()
    do throws(LiveError) {
      source = try LiveSource(
        configuration.plan, options: live.capture, compiler: configuration.compiler,
        tell: { [Problem($0, isWarning: true)].complain() })
      guard source.openCount > 0 else { throw .noInterface(configuration.plan) }
      sink = try CopySender(configuration.plan.sinkPlan, options: live.send)
      try Privileges.drop(to: user)
    } catch {
      throw Problem(error)
    }
  }

  private static func user(_ name: String?) throws -> Privileges.User? {
    guard let name else { return nil }
    guard let user = Privileges.User(name) else {
      throw Problem(code: "user.unknown", sentence: "--user \(name): there is no such user")
    }
    return user
  }

  // MARK: The run

  /// - Parameter hangup: where SIGHUP is heard, see `Hangup`.
  func carryOut(hangup: Int32) throws -> OfflineRun.Outcome {
    let engine = try Engine(configuration, input, traffic, hangup: hangup) { _ in }
    Interrupt.catchSignals()
    let start = ContinuousClock.now
    announce()
    try judgeAll(engine)
    let seconds = (ContinuousClock.now - start).seconds
    let configuration = engine.configuration
    var summary = Summary(
      plan: configuration.plan, report: try engine.pipeline.report(), seconds: seconds, faults: configuration.faults,
      metrics: configuration.metrics, failures: configuration.failures, scripts: configuration.scripts,
      reloads: engine.reloads, isInterrupted: Interrupt.isRequested && Interrupt.ending == .interrupted, files: [])
    summary.live = LiveReport(interfaces: source.report(), receivers: sink.report())
    configuration.finishLogs()
    let problems = configuration.scriptProblems + (configuration.desk?.problems ?? [])
    return OfflineRun.Outcome(summary: summary, problems: problems, ending: problems.isEmpty ? ending : .failed)
  }

  /// SIGTERM is how a live run ends: that is no failure.
  private var ending: Ending { Interrupt.ending == .terminated ? .ok : Interrupt.ending }

  private func announce() {
    let interfaces = source.report().filter(\.isOpen).map(\.name).joined(separator: ", ")
    Terminal.complain("live: capturing on \(interfaces)\n")
  }

  private func judgeAll(_ engine: Engine) throws {
    let batch = FrameBatch()
    defer { engine.stop() }
    var isStopping = false
    while true {
      if Interrupt.isRequested, !isStopping {
        isStopping = true
        source.stop()
      }
      guard source.fill(batch) else { return }
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
    }
    guard ContinuousClock.now - lastLook > .seconds(1) else { return }
    lastLook = ContinuousClock.now
    source.lookAfterInterfaces()
    sink.lookAfterRoutes()
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
    case .unsupportedEncapsulation: "live.encapsulation"
    }
  }
}
