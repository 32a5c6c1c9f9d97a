internal import Capture
internal import Dispatch
internal import LuaRuntime
internal import Policy
internal import Synchronization

// Invariants
// 1. What comes of a run depends on scripts, configuration and captures: not on the number of workers, nor on who of them
//    did what when. Each task has its own scripts' states; results are put together in the order of tasks.
// 2. A script's results at a capture are its own, so that runs over parts of an archive merge to the run over all of it;
//    but for scripts that look at all captures together.

/// Scripts, a configuration and captures: all that is to be looked at.
public struct AuditRun: Sendable {
  public var setup: AuditSetup
  public var scripts: [AuditScript]
  public var captures: [AuditCapture]
  /// Workers.
  public var jobs: Int
  public var isCancelled: @Sendable () -> Bool = { false }
  public let progress = AuditProgress()

  public init(_ setup: AuditSetup, scripts: [AuditScript], captures: [AuditCapture], jobs: Int) {
    self.setup = setup
    self.scripts = scripts.sorted {
      ($0.declaration?.id ?? $0.stem, $0.path) < ($1.declaration?.id ?? $1.stem, $1.path)
    }
    self.captures = captures.sorted { $0.name < $1.name }
    self.jobs = max(1, jobs)
  }

  /// One piece of work.
  private struct Task {
    enum Subject {
      case configuration
      case captures([AuditCapture], tells: Bool)
    }
    var subject: Subject
    /// Positions among the scripts.
    var scripts: [Int]
  }

  private struct Outcome: Sendable {
    var scripts: [(script: Int, findings: [Finding], failure: AuditResult.Failure?)] = []
    var captures: [CaptureResult] = []
  }

  public func carryOut() -> AuditReport {
    let tasks = tasks()
    let order = longestFirst(tasks)
    let outcomes = Mutex<[Int: Outcome]>([:])
    let next = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: min(jobs, max(1, tasks.count))) { _ in
      withLuaStack {
        while true {
          let place = next.wrappingAdd(1, ordering: .relaxed).oldValue
          guard place < tasks.count, !isCancelled() else { return }
          let number = order[place]
          let outcome = carryOut(tasks[number])
          outcomes.withLock { $0[number] = outcome }
        }
      }
    }
    return report(outcomes.withLock { all in tasks.indices.map { all[$0] } })
  }

  /// Bytes that will be read, for a progress bar: a capture is read once for each group of scripts.
  public func readings(of capture: AuditCapture) -> Int {
    tasks().filter { task in
      if case .captures(let captures, _) = task.subject { captures.contains(capture) } else { false }
    }.count
  }

  // MARK: Tasks

  private func runs(_ position: Int) -> Bool {
    let script = scripts[position]
    return script.declaration != nil && script.failure == nil
      && script.reasonToSkip(setup, hasCaptures: !captures.isEmpty) == nil
  }

  private func tasks() -> [Task] {
    let running = scripts.indices.filter(runs)
    let configured = running.filter { scripts[$0].declaration!.subjects.contains(.configuration) }
    var tasks = configured.map { Task(subject: .configuration, scripts: [$0]) }
    let watching = running.filter { scripts[$0].looksAtTraffic }
    // One capture alone is all of them together: it need not be read twice.
    let together = captures.count == 1 ? [] : watching.filter { scripts[$0].declaration!.isTogether }
    let alone = watching.filter { !together.contains($0) }
    guard !captures.isEmpty else { return tasks }
    let groups = groups(of: alone)
    for capture in captures {
      for (number, group) in groups.enumerated() {
        tasks.append(Task(subject: .captures([capture], tells: number == 0), scripts: group))
      }
    }
    for group in Self.chunks(together, TrafficAudit.scriptLimit) {
      tasks.append(Task(subject: .captures(captures, tells: alone.isEmpty), scripts: group))
    }
    return tasks
  }

  /// The order in which tasks are begun: who takes longest must not begin last, when the other workers are idle. It changes
  /// no result.
  private func longestFirst(_ tasks: [Task]) -> [Int] {
    let sizes = Dictionary(captures.map { ($0, $0.byteCount) }, uniquingKeysWith: { first, _ in first })
    let weights = tasks.map { task in
      switch task.subject {
      case .configuration: Int64(0)
      case .captures(let captures, _): captures.reduce(0) { $0 &+ (sizes[$1] ?? 0) }
      }
    }
    return tasks.indices.sorted { (weights[$1], $0) < (weights[$0], $1) }
  }

  /// One group reads a capture once for all scripts. With fewer captures than workers the scripts are shared out.
  private func groups(of scripts: [Int]) -> [[Int]] {
    guard !scripts.isEmpty else { return [] }
    let wanted = max(1, min(scripts.count, jobs / max(1, captures.count)))
    let size = min(TrafficAudit.scriptLimit, (scripts.count + wanted - 1) / wanted)
    return Self.chunks(scripts, size)
  }

  private static func chunks(_ list: [Int], _ size: Int) -> [[Int]] {
    stride(from: 0, to: list.count, by: size).map { Array(list[$0..<min($0 + size, list.count)]) }
  }

  private func carryOut(_ task: Task) -> Outcome {
    switch task.subject {
    case .configuration: return auditConfiguration(task.scripts[0])
    case .captures(let captures, let tells):
      let audit = TrafficAudit(
        captures, task.scripts.map { scripts[$0] }, setup, RunControl(isCancelled: isCancelled, progress: progress))
      audit.carryOut()
      let capture = captures.count == 1 ? captures[0].name : nil
      var outcome = Outcome(captures: tells ? audit.results : [])
      for found in audit.outcomes {
        let failure = found.failure.map {
          AuditResult.Failure(capture: capture, place: $0.place, message: $0.message)
        }
        outcome.scripts.append((task.scripts[found.script], found.findings, failure))
      }
      return outcome
    }
  }

  private func auditConfiguration(_ position: Int) -> Outcome {
    let script = scripts[position]
    do throws(PolicyError) {
      let runner = try ScriptRunner(script, setup, .init(), captures: [])
      runner.auditConfiguration()
      let failure = runner.failure.map { AuditResult.Failure(place: $0.place, message: $0.message) }
      return Outcome(scripts: [(position, runner.findings.findings, failure)])
    } catch {
      return Outcome(scripts: [(position, [], AuditResult.Failure(place: error.file, message: error.message))])
    }
  }

  // MARK: Results

  private func report(_ outcomes: [Outcome?]) -> AuditReport {
    var report = AuditReport()
    var folders = scripts.map { _ in ResultFolder() }
    report.audits = scripts.map(\.result)
    for position in scripts.indices where report.audits[position].failures.isEmpty {
      report.audits[position].skipped = scripts[position].reasonToSkip(setup, hasCaptures: !captures.isEmpty)
    }
    for outcome in outcomes.compactMap(\.self) {
      report.captures += outcome.captures
      for (position, findings, failure) in outcome.scripts {
        folders[position].add(findings)
        if let failure { report.audits[position].failures.append(failure) }
      }
    }
    for position in scripts.indices { report.audits[position].findings = folders[position].findings }
    noteUnread(&report)
    report.noteTwins()
    report.sort()
    return report
  }

  /// A capture that was not read to its end was not audited: nothing that looks at traffic passes over it.
  private func noteUnread(_ report: inout AuditReport) {
    for name in captures.map(\.name) where !report.captures.contains(where: { $0.name == name }) {
      if scripts.indices.contains(where: { runs($0) && scripts[$0].looksAtTraffic }) {
        var result = CaptureResult(name: name)
        result.problem = "interrupted"
        report.captures.append(result)
      }
    }
    for capture in report.captures {
      guard let problem = capture.problem else { continue }
      for position in scripts.indices where runs(position) && scripts[position].looksAtTraffic {
        report.audits[position].failures.append(.init(capture: capture.name, place: capture.name, message: problem))
      }
    }
  }
}

extension AuditScript {
  var looksAtTraffic: Bool { !(declaration?.subjects.isDisjoint(with: [.packets, .conversations]) ?? true) }
}

extension AuditReport {
  /// Two scripts of one id: their results could not be told apart.
  mutating func noteTwins() {
    for position in audits.indices {
      let twins = audits.indices.filter { $0 != position && audits[$0].id == audits[position].id }
      guard let other = twins.first else { continue }
      audits[position].failures.append(
        .init(place: audits[position].script, message: "\(audits[other].script) has the same id"))
    }
  }
}

/// Folds the findings of one audit at several captures, in their order.
struct ResultFolder {
  private(set) var findings: [Finding] = []
  private var positions: [String: Int] = [:]

  mutating func add(_ more: [Finding]) {
    for finding in more {
      if let known = positions[finding.key] {
        findings[known].fold(finding)
      } else {
        positions[finding.key] = findings.count
        findings.append(finding)
      }
    }
  }
}
