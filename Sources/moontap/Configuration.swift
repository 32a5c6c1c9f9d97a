import ArgumentParser
import Capture
import DataPath
import Inventory
import JSONText
import LuaRuntime
import Mirroring
import Policy

/// What a command line names, loaded and found right: inventory, mirrors of the store, of files and of policies, the plan
/// made of them.
final class Configuration {
  /// Replaced when scripts change mirrors, see `Configuration+Change.swift`.
  var plan: MirrorPlan
  /// Never errors: those end the making of a configuration.
  let warnings: [Problem]
  /// Those of the command line, then one for each stored mirror with a Lua filter.
  let policies: [Policy]
  /// Which policy each is, also in the configuration that comes after this one.
  let origins: [PolicyOrigin]
  /// Mirrors of the store: their identity by number for life.
  let stored: [Int64: MirrorIdentity]
  let shared: SharedTables
  /// Carries out what policies want of the store; nil: they want in vain.
  let desk: StoreDesk?
  /// What the store's history had come to; nil: the store has no part in this.
  let storeChange: Int64?
  /// Which policy, and which of its mirrors (by number), a mirror of the plan is; nil: of a JSON file, or a stored one
  /// without Lua.
  var owners: [Owner?]
  let options: PlanOptions
  let compiler: PcapFilterCompiler
  /// The same for each worker besides the first: states of the policies of its own.
  private(set) var others: [Configuration] = []
  /// What other workers have counted of a mirror.
  var colleagues: (MirrorIdentity) -> MirrorStatistics? = { _ in nil }
  /// Failures of functions that an earlier configuration of this run had.
  var earlierFailures = FailureSum()

  struct Owner: Hashable {
    var policy: Int
    var mirror: Int
  }

  /// What a configuration of a run hands to the one that replaces it before that is made.
  struct Reload: Sendable {
    var shared: SharedTables
    var desk: StoreDesk?
  }

  /// - Parameters:
  ///   - workers: how many judge; conversations are remembered by all of them together.
  ///   - reload: the run goes on with what is made; nil: it begins with it.
  ///   - changesStore: policies may change the store that the command line names; without it they see it.
  /// - Throws: `Problem` or `Problems`: everything wrong with all of the files.
  convenience init(
    _ input: InputOptions, _ traffic: TrafficOptions? = nil, workers: Int = 1, reload: Reload? = nil,
    changesStore: Bool = false
  ) throws {
    var options = PlanOptions()
    if let traffic {
      options.includesUnlisted = !traffic.noUnlisted
      options.tracksFragments = traffic.fragments == .track
      options.conversationLimit = max(1, traffic.conversations / workers)
    }
    let stored = try input.stored()
    let isReload = reload != nil
    let inventory =
      try input.inventory.map { try Inventory.read($0, isReload: isReload) } ?? stored!.requiredInventory()
    let desk = changesStore && input.store != nil ? StoreDesk(input.storeOptions) : nil
    try self.init(inventory, input, options, stored, reload, reload?.desk ?? desk)
    let shared = Reload(shared: shared)
    others = try (1..<workers).map { _ in
      let other = try Configuration(inventory, input, options, stored, shared, nil, isSecondary: true)
      if let name = other.difference(from: self) { throw Self.differs(name) }
      return other
    }
    if let traffic { try traffic.recorded.checkBindings(plan.inventory) }
  }

  private init(
    _ inventory: Inventory, _ input: InputOptions, _ options: PlanOptions, _ stored: StoredMirrors?, _ reload: Reload?,
    _ desk: StoreDesk?, isSecondary: Bool = false
  ) throws {
    try input.scripts.checkLibraries()
    var loader = MirrorLoader(
      inventory: inventory, arguments: try input.scripts.arguments(), libraries: input.scripts.lib,
      isCaching: !input.noCache, isSecondary: isSecondary, reload: reload)
    if let stored { loader.load(plain: stored) }
    for file in input.mirrors { loader.load(mirrors: file) }
    loader.validateDrafts()
    for (index, file) in input.policies.enumerated() { loader.load(policy: file, index, stored, desk) }
    if let stored { loader.load(scripted: stored) }
    // While a run goes on all mirrors of the store may be disabled, and enabled again.
    let mayBeIdle = stored != nil && reload != nil
    if loader.mirrors.isEmpty, loader.errors.isEmpty, !mayBeIdle { loader.errors.append(Self.noMirrors) }
    guard loader.errors.isEmpty else { throw Problems(list: loader.errors + loader.warnings) }
    plan = MirrorPlan(inventory: inventory, mirrors: loader.mirrors, options: options)
    warnings = loader.warnings
    policies = loader.policies
    origins = loader.origins
    owners = loader.owners
    shared = loader.shared
    self.desk = desk
    self.stored = stored?.identities(in: plan) ?? [:]
    storeChange = stored?.change
    self.options = options
    compiler = loader.compiler
  }

  private static let noMirrors = Problem(
    code: "mirrors.none", sentence: "no mirror is declared, so there is nothing to do",
    hint: "a policy declares one with mirror { name = ..., vpc = ..., source = ..., target = ... }")

  /// A mirror that is another one in another worker's states; nil: there is none.
  private func difference(from first: Configuration) -> String? {
    func facts(_ plan: MirrorPlan) -> [String] {
      plan.mirrors.enumerated().map { number, mirror in
        "\(plan.identity(number)) \(mirror.isEnabled) \(mirror.encapsulation) \(plan.describe(mirror))"
      }
    }
    let (ours, theirs) = (facts(plan), facts(first.plan))
    guard ours != theirs else { return nil }
    let number = zip(ours, theirs).enumerated().first { $1.0 != $1.1 }?.offset ?? min(ours.count, theirs.count)
    return (plan.mirrors + first.plan.mirrors.dropFirst(plan.mirrors.count))[number].name
  }

  private static func differs(_ mirror: String) -> Problem {
    Problem(
      code: "workers.differ",
      sentence: "mirror \(mirror.quotedForMessage) was another one when the next worker loaded the policies",
      hint: "each worker loads them for itself, and a file was changed meanwhile: load them again")
  }

  // MARK: The pipeline

  func makePipeline(_ traffic: TrafficOptions) throws -> Pipeline {
    let bindings = try traffic.recorded.bindings().map { ($0.file, $0.eni) }
    return try makePipeline(boundENIs: Dictionary(bindings, uniquingKeysWith: { first, _ in first }))
  }

  func makePipeline(boundENIs: [String: String]) throws -> Pipeline {
    let pipeline: Pipeline
    do throws(OutOfMemory) {
      pipeline = try Pipeline(plan: plan, scripts: policies, compiler: compiler, boundENIs: boundENIs)
    } catch {
      throw Problem(
        code: "memory", sentence: "\(error)",
        hint: "\(options.conversationLimit) conversations may be remembered: --conversations takes fewer", exit: .failed
      )
    }
    begin(in: pipeline)
    return pipeline
  }

  /// Tells the policies what they are in the plan that the pipeline has.
  func begin(in pipeline: Pipeline) {
    for (index, policy) in policies.enumerated() {
      policy.begin(
        plan: entries(of: index), neighbours: { [weak self] in self?.mirrors(besides: index) ?? [] },
        statistics: { [weak self, weak pipeline] entry in
          guard let self, let pipeline else { return nil }
          return statistics(entry, pipeline)
        })
      policy.begin(stored: storedRun(pipeline))
      policy.explain { [weak self, weak pipeline] mirror, made throws(TestRefusal) in
        guard let self, let pipeline else { throw TestRefusal("nothing is running") }
        return try explain(Owner(policy: index, mirror: mirror), made, at: pipeline.now)
      }
    }
  }

  /// What was counted of a mirror, by its place among the enabled ones: here and by all other workers.
  func statistics(_ entry: Int, _ pipeline: Pipeline) -> MirrorStatistics {
    let own = MirrorStatistics(pipeline.report(entry: entry))
    return colleagues(plan.identity(plan.enabled[entry])).map { own + $0 } ?? own
  }

  /// Which entries of the plan are mirrors of a policy.
  private func entries(of policy: Int) -> [(entry: Int, mirror: Int)] {
    plan.enabled.enumerated().compactMap { entry, mirror in
      guard let owner = owners[mirror], owner.policy == policy else { return nil }
      return (entry: entry, mirror: owner.mirror)
    }
  }

  // MARK: What became of the scripts

  /// By index in the plan's mirrors: those whose scripts failed too often.
  var faults: [Int: MirrorFault] {
    var faults: [Int: MirrorFault] = [:]
    for (index, owner) in owners.enumerated() {
      guard let owner else { continue }
      faults[index] = policies[owner.policy].faults.first { $0.mirror == owner.mirror }
    }
    return faults
  }

  /// By entry of the plan: how the mirror's functions were asked.
  var scripts: [[ScriptStatistics]] {
    plan.enabled.indices.map { entry in
      owners[plan.enabled[entry]].map { policies[$0.policy].statistics(entry: entry) } ?? []
    }
  }

  /// Of a mirror's Lua functions, filters first: whether their answers are remembered.
  func caching(_ mirror: TrafficMirror) -> [CachingReport] {
    var functions = mirror.filter.scripts
    if case .script(let function) = mirror.balance { functions.append(function) }
    var reports: [CachingReport] = []
    for function in functions where policies.indices.contains(function.host) {
      guard let report = policies[function.host].caching(function: function.function) else { continue }
      if !reports.contains(report) { reports.append(report) }
    }
    return reports
  }

  /// Functions that failed: what they were asked was not evaluated.
  var scriptProblems: [Problem] { WorkerSums([self]).problems }

  /// Counters and gauges of the policies, in their order.
  var allMetrics: [Summary.Metrics] {
    policies.map {
      Summary.Metrics(
        policy: $0.name, counters: $0.counters, gauges: $0.gauges, forgottenStates: $0.forgottenStates)
    }
  }

  var failures: [PolicyFailure] { earlierFailures.adding(policies.flatMap(\.failures)).list }

  /// Says what the logs of the scripts held back.
  func finishLogs() {
    for policy in policies { policy.finishLog() }
  }
}

/// Loads mirrors file by file and gathers what is wrong with all of them.
struct MirrorLoader {
  let inventory: Inventory
  let arguments: [String: String]
  let isCaching: Bool
  let libraries: [String]
  let shared: SharedTables
  let isReload: Bool
  /// For another worker than the first.
  let isSecondary: Bool
  let compiler = PcapFilterCompiler()
  var drafts: [MirrorDraft] = []
  var mirrors: [TrafficMirror] = []
  var owners: [Configuration.Owner?] = []
  var policies: [Policy] = []
  var origins: [PolicyOrigin] = []
  var errors: [Problem] = []
  var warnings: [Problem] = []

  init(
    inventory: Inventory, arguments: [String: String], libraries: [String], isCaching: Bool,
    isSecondary: Bool, reload: Configuration.Reload?
  ) {
    self.isSecondary = isSecondary
    self.inventory = inventory
    self.arguments = arguments
    self.libraries = libraries
    self.isCaching = isCaching
    isReload = reload != nil
    shared = reload?.shared ?? SharedTables()
  }

  mutating func load(mirrors file: String) {
    do {
      let text = try TextFile.read(file, what: "mirrors file", mustBeFile: isReload)
      let document = try MirrorsFile(json: text, file: file)
      add(document.violations)
      drafts += document.drafts
    } catch let error as JSONError {
      errors.append(Problem(error))
    } catch let problem as Problem {
      errors.append(problem)
    } catch {
      errors.append(Problem(place: file, code: "file.unreadable", sentence: "\(error)"))
    }
  }

  /// All JSON files together: names and limits count across them.
  mutating func validateDrafts() {
    let found = MirrorValidator(inventory: inventory, bpf: compiler).validate(drafts)
    mirrors = found.mirrors
    owners = mirrors.map { _ in nil }
    add(found.violations)
  }

  /// - Parameter index: of the policy among those of the command line.
  mutating func load(policy file: String, _ index: Int, _ stored: StoredMirrors?, _ desk: StoreDesk?) {
    var options = PolicyOptions()
    options.arguments = arguments
    options.remembersVerdicts = isCaching
    options.libraries = libraries
    options.shared = shared[.commandLine(index)]
    options.store = stored.map { RunStore($0, .commandLine(index), desk, isSilent: isSecondary) }
    options.isSecondary = isSecondary
    let voice = PolicyVoice(isHeard: !isSecondary)
    options.log = { line in
      voice.say("\(line.place.cleanLine()): \(line.level.rawValue): \(line.text)\n")
    }
    options.print = { line in voice.say(line + "\n") }
    defer { voice.isHeard = true }
    do throws(PolicyError) {
      let policy = try Policy(
        path: file, host: policies.count, inventory: inventory, bpf: compiler, earlier: mirrors, options: options)
      // One that tends to stored mirrors needs none of its own.
      if policy.mirrors.isEmpty, stored == nil {
        warnings.append(Problem(place: file, code: "mirrors.none", sentence: "declares no mirror", isWarning: true))
      }
      owners += policy.mirrorNumbers.map { Configuration.Owner(policy: policies.count, mirror: $0) }
      mirrors += policy.mirrors
      policies.append(policy)
      origins.append(.commandLine(index))
      add(policy.warnings)
    } catch {
      errors += error.violations.isEmpty ? [Problem(error)] : error.violations.map { Problem($0) }
    }
  }

  mutating func add(_ violations: [MirrorViolation]) {
    for violation in violations {
      let problem = Problem(violation)
      if violation.isWarning { warnings.append(problem) } else { errors.append(problem) }
    }
  }
}

extension MirrorStatistics {
  init(_ report: PipelineReport.Mirror) {
    func tally(_ counted: DataPath.Tally) -> Tally { Tally(packets: counted.packets, bytes: counted.bytes) }
    self.init(
      observed: tally(report.observed), collected: tally(report.collected),
      reasons: Dictionary(uniqueKeysWithValues: report.reasons.map { ($0.reason.name, tally($0.tally)) }))
  }
}

extension Problem {
  init(_ violation: MirrorViolation) {
    let mirror = violation.mirror.isEmpty ? "" : "mirror \(violation.mirror.quotedForMessage): "
    let path = violation.path.isEmpty ? "" : violation.path + ": "
    self.init(
      place: violation.location?.description, code: violation.code, sentence: mirror + path + violation.message,
      hint: violation.hint, isWarning: violation.isWarning)
  }

  init(_ error: PolicyError) {
    self.init(
      place: error.line > 0 ? "\(error.file):\(error.line)" : error.file, code: "policy.\(error.kind.rawValue)",
      sentence: error.message)
  }
}
