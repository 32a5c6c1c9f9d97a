import Audit
import Capture
import Inventory
import Policy

/// What became of the tests of one file.
struct TestedFile {
  struct Test {
    var name: String
    var line: Int
    /// nil: it passed, or only a list was asked for.
    var failure: TestFailure?
    /// What the policy and the test logged and printed.
    var log: [String] = []
    var seconds = 0.0
  }

  var path: String
  var policy: String?
  var tests: [Test] = []
  /// Why its tests, or some of them, could not be run.
  var problems: [Problem] = []

  var failed: [Test] { tests.filter { $0.failure != nil } }
}

/// Runs test files, each test with a policy and a pipeline of its own.
struct TestRunner {
  struct Settings {
    var inventory: String?
    var arguments: [String: String] = [:]
    var libraries: [String] = []
    /// Only tests whose name contains it.
    var filter: String?
    var onlyLists = false
    var coversLines = false
  }

  let settings: Settings
  private let compiler = PcapFilterCompiler()
  private var inventories: [String: Inventory] = [:]
  /// How often each line with code began, by file.
  private(set) var coverage: [String: [Int: Int]] = [:]

  init(_ settings: Settings) { self.settings = settings }

  mutating func run(_ path: String) -> TestedFile {
    var result = TestedFile(path: path)
    do {
      let file = try TestFile(path)
      result.policy = file.policy
      let subject = try subject(of: file)
      let declared = try load(file, subject, Log()).tests
      if declared.isEmpty {
        throw Problem(
          place: path, code: "tests.none", sentence: "declares no test",
          hint: "test(\"name\", function() ... end) declares one", exit: .failed)
      }
      for (index, test) in declared.enumerated() where settings.filter.map({ test.name.contains($0) }) ?? true {
        if Interrupt.isRequested { break }
        result.tests.append(
          settings.onlyLists
            ? TestedFile.Test(name: test.name, line: test.line) : try run(index, test, of: file, subject))
      }
    } catch let problem as Problem {
      result.problems.append(problem)
    } catch let problems as Problems {
      result.problems += problems.list
    } catch {
      result.problems.append(Problem(place: path, code: "test.error", sentence: "\(error)", exit: .failed))
    }
    return result
  }

  /// What a policy says while a test runs.
  private final class Log {
    static let limit = 20
    private(set) var lines: [String] = []
    private var more = 0

    func add(_ line: String) { if lines.count < Self.limit { lines.append(line) } else { more += 1 } }

    var shown: [String] { more == 0 ? lines : lines + ["\(more) more lines"] }
  }

  private mutating func run(
    _ index: Int, _ test: PolicyTest, of file: TestFile, _ subject: Subject
  ) throws -> TestedFile.Test {
    let log = Log()
    let start = ContinuousClock.now
    let policy = try load(file, subject, log)
    guard policy.tests.indices.contains(index), policy.tests[index] == test else {
      throw Problem(
        place: "\(file.path):\(test.line)", code: "test.order",
        sentence: "declares other tests when it is loaded again",
        exit: .failed)
    }
    var result = TestedFile.Test(name: test.name, line: test.line)
    let pipeline =
      if case .policy(let inventory) = subject { try TestPipeline(policy, inventory, compiler) } else {
        TestPipeline?.none
      }
    do throws(TestFailure) {
      switch subject {
      case .policy:
        try policy.run(
          test: index,
          judge: { (mirror: Int, frame: MadeFrame) throws(TestRefusal) -> TestVerdict in
            guard let pipeline else { throw TestRefusal("nothing is running") }
            return try pipeline.judge(mirror, frame)
          }, audit: nil)
      case .audit(let setup):
        let audit = TestedAudit(file, setup, coversLines: settings.coversLines, log: log.add)
        try policy.run(
          test: index, judge: nil,
          audit: { (traffic: AuditedTraffic) throws(TestRefusal) -> [TestedFinding] in try audit.findings(traffic) })
        add(audit.coverage)
      }
    } catch {
      result.failure = error
    }
    policy.finishLog()
    result.log = log.shown
    result.seconds = (ContinuousClock.now - start) / .seconds(1)
    if settings.coversLines { add(policy.coverage) }
    return result
  }

  private mutating func add(_ counted: [String: [Int: Int]]) {
    for (file, lines) in counted { coverage[file, default: [:]].merge(lines) { $0 + $1 } }
  }

  /// What a test file tests, and with what.
  private enum Subject {
    case policy(Inventory)
    case audit(AuditSetup)

    var inventory: Inventory {
      switch self {
      case .policy(let inventory): inventory
      case .audit(let setup): setup.inventory ?? Inventory()
      }
    }
  }

  private mutating func subject(of file: TestFile) throws -> Subject {
    guard file.isOfAudit else { return .policy(try inventory(of: file)) }
    let inventory = file.inventory ?? settings.inventory ?? file.inventoryBeside
    guard inventory != nil || file.mirrors.isEmpty else { throw Self.noInventory(file) }
    return .audit(
      try AuditLoader.setup(
        inventory: inventory, mirrors: file.mirrors, policies: [],
        arguments: settings.arguments.merging(file.arguments) { $1 }, libraries: settings.libraries,
        timeout: AuditRunCommand.defaultTimeout))
  }

  private func load(_ file: TestFile, _ subject: Subject, _ log: Log) throws -> Policy {
    var options = PolicyOptions()
    options.arguments = settings.arguments.merging(file.arguments) { $1 }
    options.libraries = settings.libraries
    options.isTested = true
    if case .audit(let setup) = subject { options.audited = setup.configuration }
    // What runs is what coverage counts.
    options.remembersVerdicts = false
    options.coversLines = settings.coversLines
    options.log = { line in log.add("\(line.place): \(line.level.rawValue): \(line.text)") }
    options.print = { line in log.add(line) }
    options.readFrame = { (descriptor, path, number) throws(CaptureRefusal) in
      try TestPipeline.frame(descriptor, path, number)
    }
    do throws(PolicyError) {
      let policy = try Policy(
        path: file.policy, host: 0, inventory: subject.inventory, bpf: compiler, options: options)
      try policy.loadTests(path: file.path)
      return policy
    } catch {
      let isUnreadable = error.kind == .unreadable
      let problems = error.violations.isEmpty ? [Problem(error)] : error.violations.map { Problem($0) }
      throw Problems(
        list: problems.map { problem in
          var problem = problem
          problem.exit = isUnreadable ? .badInput : .failed
          if isUnreadable, error.file == file.policy {
            problem.hint = "\(file.path) tests it; another policy is named by a line -- policy: FILE at its head"
          }
          return problem
        })
    }
  }

  private mutating func inventory(of file: TestFile) throws -> Inventory {
    guard let path = file.inventory ?? settings.inventory ?? file.inventoryBeside else {
      throw Self.noInventory(file)
    }
    if let known = inventories[path] { return known }
    let inventory = try Inventory.read(path)
    inventories[path] = inventory
    return inventory
  }

  private static func noInventory(_ file: TestFile) -> Problem {
    Problem(
      place: file.path, code: "test.inventory", sentence: "no inventory is named",
      hint: "a line -- inventory: FILE at its head, inventory.json beside it, or --inventory FILE")
  }
}
