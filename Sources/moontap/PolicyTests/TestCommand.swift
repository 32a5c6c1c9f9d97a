import ArgumentParser
import JSONText

struct TestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "test",
    abstract: "Run the tests of policies and audits.",
    discussion: """
      EXAMPLES:
        moontap test
        moontap test policies/web-to-ids_test.lua --coverage
        moontap test policies --filter handshake --junit tests.xml

      NAME_test.lua tests the policy NAME.lua beside it. Comments at its head may say otherwise, and name the inventory:
        -- policy: other.lua
        -- inventory: ../inventories/campus.json
        -- set: limit=10
      Tests of an audit name it instead, and may name mirrors files:
        -- audit: weak-tls.lua
        -- mirrors: mirrors.json
      Without a line the inventory is that of --inventory, else inventory.json in the test file's folder.

      Each test runs with the policy freshly loaded and a fresh pipeline. The exit code is 1 if a test failed, 2 if a policy or
      a test file could not be loaded, 3 if there is nothing to run or a file cannot be read.
      """)

  @Argument(
    help: ArgumentHelp("Test files, or folders with NAME_test.lua below them. (default: .)", valueName: "path"),
    completion: .file())
  var paths: [String] = []

  @Option(help: ArgumentHelp("Inventory of the test files that name none.", valueName: "file"))
  var inventory: String?

  @OptionGroup var scripts: ScriptOptions

  @Option(help: ArgumentHelp("Only tests whose name contains this.", valueName: "text"))
  var filter: String?

  @Flag(help: "List the tests and run none.")
  var list = false

  @Flag(help: "Print the result as JSON.")
  var json = false

  @Option(help: ArgumentHelp("Write the result as JUnit XML.", valueName: "file"))
  var junit: String?

  @Flag(help: "Tell which lines of the policies ran.")
  var coverage = false

  @Option(help: ArgumentHelp("Write which lines ran as a tracefile of lcov.", valueName: "file"))
  var lcov: String?

  func validate() throws {
    if list, junit != nil || coverage || lcov != nil {
      throw ValidationError("--list runs nothing: --junit, --coverage and --lcov have no part in it.")
    }
    if let filter, filter.isEmpty { throw ValidationError("--filter needs a text.") }
  }

  func run() throws {
    try finish {
      Interrupt.catchSignals()
      return try onScriptStack { try carryOut() }
    }
  }

  private func carryOut() throws -> Ending {
    try scripts.checkLibraries()
    let files = try TestFile.find(paths.isEmpty ? ["."] : paths)
    var runner = TestRunner(
      TestRunner.Settings(
        inventory: inventory, arguments: try scripts.arguments(), libraries: scripts.lib, filter: filter,
        onlyLists: list, coversLines: coverage || lcov != nil))
    var report = TestReport(files: [])
    for path in files where !Interrupt.isRequested {
      let file = runner.run(path)
      report.files.append(file)
      if !json, !list { try Terminal.write(TestReport.text(file)) }
      file.problems.complain()
    }
    report.coverage = coverage || lcov != nil ? Coverage(counted: runner.coverage) : nil
    try write(report)
    if Interrupt.isRequested { return Interrupt.ending }
    if report.files.allSatisfy({ $0.tests.isEmpty && $0.problems.isEmpty }) {
      throw Problem(
        code: "tests.none", sentence: "no test has \((filter ?? "").quotedForMessage) in its name",
        hint: "moontap test --list shows their names")
    }
    return report.ending
  }

  private func write(_ report: TestReport) throws {
    if let junit { try WholeFile.write(report.junit, to: junit) }
    if let lcov, let coverage = report.coverage { try WholeFile.write(coverage.lcov, to: lcov) }
    if list {
      try Terminal.write(json ? report.listJSON.text(.pretty) + "\n" : report.list)
    } else if json {
      try Terminal.write(report.json.text(.pretty) + "\n")
    } else {
      if coverage, let counted = report.coverage { try Terminal.write(counted.text) }
      try Terminal.write(report.summary)
    }
  }
}
