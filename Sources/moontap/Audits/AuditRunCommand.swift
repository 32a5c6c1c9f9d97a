import ArgumentParser
import Audit
import Capture
import Foundation
import JSONText
import Policy

struct AuditRunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run audit scripts; the word may be left out.")

  @Argument(
    help: ArgumentHelp(
      "Audit scripts, or folders with scripts below them; names that begin with _ or end in _test.lua are left out.",
      valueName: "script"),
    completion: .file())
  var scripts: [String]

  @OptionGroup var recorded: RecordedOptions

  @Option(help: ArgumentHelp("Inventory (moontap.inventory/1): what exists.", valueName: "file"))
  var inventory: String?

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp("Mirrors in JSON (moontap.mirrors/1); may be given several times.", valueName: "file"))
  var mirrors: [String] = []

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp("A Lua policy whose mirrors are looked at; may be given several times.", valueName: "file"))
  var policy: [String] = []

  @Option(parsing: .singleValue, help: ArgumentHelp("Only the audit with this id.", valueName: "id"))
  var only: [String] = []

  @Option(parsing: .singleValue, help: ArgumentHelp("Not the audit with this id.", valueName: "id"))
  var skip: [String] = []

  @Option(parsing: .singleValue, help: ArgumentHelp("Only audits with this tag.", valueName: "tag"))
  var tag: [String] = []

  @Flag(help: "List the audits and run none.")
  var list = false

  @OptionGroup var given: ScriptOptions

  @Option(help: ArgumentHelp("Seconds that one script may take for one capture.", valueName: "seconds"))
  var timeout = Self.defaultTimeout
  static let defaultTimeout = 60

  @Option(help: ArgumentHelp("Workers; what comes of a run is the same with any number. (default: processors)"))
  var jobs: Int?

  @OptionGroup var output: AuditOutputOptions

  func validate() throws {
    if !mirrors.isEmpty || !policy.isEmpty, inventory == nil {
      throw ValidationError("Mirrors need --inventory FILE, which tells what they speak of.")
    }
    if !recorded.eni.isEmpty, inventory == nil {
      throw ValidationError("--eni needs --inventory FILE, which tells which ENIs exist.")
    }
    guard 1...86_400 ~= timeout else { throw ValidationError("--timeout is from 1 to 86400 seconds, not \(timeout).") }
    if let jobs, !(1...256 ~= jobs) { throw ValidationError("--jobs is from 1 to 256, not \(jobs).") }
  }

  func run() throws {
    try finish {
      Interrupt.catchSignals()
      return try onScriptStack { try carryOut() }
    }
  }

  private func carryOut() throws -> Ending {
    try given.checkLibraries()
    let setup = try AuditLoader.setup(
      inventory: inventory, mirrors: mirrors, policies: policy, arguments: try given.arguments(),
      libraries: given.lib, timeout: timeout)
    if let network = setup.inventory { try recorded.checkBindings(network) }
    let paths = try recorded.captures()
    let found = try AuditLoader.scripts(scripts).map { AuditScript(path: $0, setup: setup) }
    let chosen = try AuditLoader.choose(found, only: only, skip: skip, tags: tag)
    if list { return try listAudits(chosen) }
    let files = try output.load(
      inputs: found.map(\.path) + paths + [inventory].compactMap(\.self) + mirrors + policy)
    let captures = try AuditLoader.captures(paths, of: try recorded.bindings())
    defer { for capture in captures where capture.file != capture.name { AuditLoader.close(capture) } }
    var run = AuditRun(setup, scripts: chosen, captures: captures, jobs: jobs ?? ProcessInfo.processInfo.processorCount)
    run.isCancelled = { Interrupt.isRequested }
    var report = AuditProgressLine.show(run) { run.carryOut() }
    try files.apply(to: &report)
    try output.write(report, sparing: files.inputs)
    if Interrupt.isRequested { return Interrupt.ending }
    if report.audits.allSatisfy({ $0.state == .skipped }) {
      throw Problem(
        code: "audit.none", sentence: "no audit was run: all of them need what was not given",
        hint: "--read CAPTURE, --inventory FILE and --mirrors FILE say what is looked at", exit: .failed)
    }
    return output.ending(of: report)
  }

  private func listAudits(_ scripts: [AuditScript]) throws -> Ending {
    let listed = scripts.sorted { ($0.declaration?.id ?? "", $0.path) < ($1.declaration?.id ?? "", $1.path) }
    if output.json {
      try Terminal.write(JSONValue.array(listed.compactMap(AuditLoader.json)).text(.pretty) + "\n")
    } else {
      let width = listed.map { $0.declaration?.id.count ?? 0 }.max() ?? 0
      for script in listed {
        guard let audit = script.declaration else { continue }
        let tags = audit.tags.isEmpty ? "" : Terminal.dim("  [\(audit.tags.joined(separator: ", "))]")
        try Terminal.write(
          "\(Words.pad(audit.id, width))  \(Words.pad(audit.severity.rawValue, 8))  \(audit.title)\(tags)\n")
      }
    }
    let failed = scripts.compactMap(\.failure)
    for failure in failed {
      Terminal.complain(Problem(place: failure.place, code: "audit.load", sentence: failure.message).text)
    }
    return failed.isEmpty ? .ok : .failed
  }
}
