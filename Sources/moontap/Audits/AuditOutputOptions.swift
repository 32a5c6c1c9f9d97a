public import ArgumentParser
import Audit
import Capture
import Foundation
import JSONText
public import Policy

/// What becomes of a report: where it goes, what of it counts.
struct AuditOutputOptions: ParsableArguments {
  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "Write a report; its name says what: .html, .json, .jsonl, .xml (JUnit), .sarif, .txt. May be given several times.",
      valueName: "file"))
  var report: [String] = []

  @Flag(help: "Print the report as JSON.")
  var json = false

  @Option(
    help: ArgumentHelp("Write the packets of each finding as a capture (pcapng) into this folder.", valueName: "folder")
  )
  var evidence: String?

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "Findings that are let pass (moontap.waivers/1): audit, key with * for any text, reason, day of expiry.",
      valueName: "file"))
  var waivers: [String] = []

  @Option(
    help: ArgumentHelp("The day on which waivers expire or not, as 2027-03-31. (default: today)", valueName: "day"))
  var today: String?

  @Option(help: ArgumentHelp("An earlier report in JSON: only what it does not know is reported.", valueName: "file"))
  var baseline: String?

  @Option(
    help: ArgumentHelp(
      "The exit code is 1 only with a finding at least as grave: info, low, medium, high, critical. (default: info)",
      valueName: "severity"))
  var failOn: FindingSeverity = .info

  func validate() throws {
    if let today, AuditDay(today) == nil {
      throw ValidationError("--today '\(today)': a day as 2027-03-31 is needed.")
    }
    for path in report where ReportFormat(path: path) == nil {
      throw ValidationError("--report '\(path)': its name should end in \(ReportFormat.endings).")
    }
  }

  /// What is read besides what is looked at, before anything runs.
  ///
  /// - Parameter inputs: files that the command reads: nothing that it writes may be one of them.
  func load(inputs: [String]) throws -> AuditFilters {
    var filters = AuditFilters()
    for path in waivers { filters.waivers.append(try AuditWaivers(path: path)) }
    filters.baseline = try baseline.map { try AuditReport(path: $0) }
    // The one place where the wall clock counts, and only for who has waivers that expire.
    filters.today = today.flatMap { AuditDay($0) }?.number ?? Int64(Date().timeIntervalSince1970 / 86_400)
    filters.inputs = Set((inputs + waivers + [baseline].compactMap(\.self)).compactMap(FileIdentity.init(capture:)))
    for path in report { try WholeFile.refuse(path, among: filters.inputs) }
    if let evidence {
      try FileManager.default.createFolder(evidence)
      let names = (try? FileManager.default.contentsOfDirectory(atPath: evidence)) ?? []
      for name in names.sorted() where EvidenceName.isOne(name) {
        try WholeFile.refuse("\(evidence)/\(name)", among: filters.inputs)
      }
    }
    return filters
  }

  /// Writes all that can be written.
  ///
  /// - Throws: `Problems` about what could not.
  func write(_ result: AuditReport, sparing inputs: Set<FileIdentity>) throws {
    var problems: [Problem] = []
    func attempt(_ body: () throws -> Void) throws {
      do { try body() } catch let problem as Problem { problems.append(problem) }
    }
    for path in report {
      guard let format = ReportFormat(path: path) else { continue }
      try attempt { try WholeFile.write(format.text(of: result), to: path, sparing: inputs) }
    }
    if let evidence { try attempt { try writeEvidence(result, to: evidence, sparing: inputs) } }
    let style = AuditReport.Style(bold: { Terminal.bold($0) }, dim: { Terminal.dim($0) })
    try attempt { try Terminal.write(json ? result.json.text(.pretty) + "\n" : result.text(style)) }
    guard problems.isEmpty else { throw Problems(list: problems) }
  }

  private func writeEvidence(_ report: AuditReport, to folder: String, sparing inputs: Set<FileIdentity>) throws {
    var numbers: [String: Int] = [:]
    for (audit, finding) in report.findings where finding.waiver == nil {
      guard let bytes = EvidenceFile.bytes(of: finding, audit: audit) else { continue }
      numbers[audit.id, default: 0] += 1
      let name = EvidenceName.text(audit.id, numbers[audit.id] ?? 0)
      try WholeFile.write(bytes, to: "\(folder)/\(name)", sparing: inputs)
    }
  }

  func ending(of report: AuditReport) -> Ending {
    if report.isIncomplete { return .failed }
    return report.hasFinding(from: failOn) || !report.expiredWaivers.isEmpty ? .findings : .ok
  }
}

extension FindingSeverity: ExpressibleByArgument {}

/// Waivers and baselines, loaded.
struct AuditFilters {
  var waivers: [AuditWaivers] = []
  var baseline: AuditReport?
  /// Days since 1970.
  var today: Int64 = 0
  /// Everything that the command reads.
  var inputs: Set<FileIdentity> = []

  /// - Throws: `Problem` when Ctrl-C or SIGTERM ended it: which findings count is not known then.
  func apply(to report: inout AuditReport) throws {
    if let baseline { report.subtract(baseline) }
    // Who interrupted the run wants what it found so far; the next signal ends at once.
    let wasInterrupted = Interrupt.isRequested
    for waivers in waivers {
      guard waivers.apply(to: &report, today: today, isCancelled: { Interrupt.isRequested && !wasInterrupted }) else {
        throw Problem(
          code: "interrupted", sentence: "ended while waivers were looked up; no report is written",
          exit: Interrupt.ending)
      }
    }
  }
}

/// `TLS-001-0001.pcapng`: captures of evidence, numbered in the order of the report.
enum EvidenceName {
  private static let ending = ".pcapng"

  static func text(_ audit: String, _ number: Int) -> String {
    let digits = String(number)
    return "\(audit)-" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits + ending
  }

  static func isOne(_ name: String) -> Bool {
    guard name.hasSuffix(ending), let dash = name.lastIndex(of: "-") else { return false }
    let digits = name[name.index(after: dash)...].dropLast(ending.count)
    return digits.count >= 4 && digits.allSatisfy { $0.isASCII && $0.isNumber }
  }
}

/// The formats of reports, by the endings of their names.
enum ReportFormat: String, CaseIterable {
  case html, json, jsonl, xml, sarif, txt

  static var endings: String { allCases.map { "." + $0.rawValue }.joined(separator: ", ") }

  init?(path: String) {
    let ending = path.split(separator: ".").last.map { $0.lowercased() } ?? ""
    guard path.contains("."), let format = ReportFormat(rawValue: ending) else { return nil }
    self = format
  }

  func text(of report: AuditReport) -> String {
    switch self {
    case .html: HTMLReport(report).text
    case .json: report.json.text(.pretty) + "\n"
    case .jsonl: report.jsonLines
    case .xml: report.junit
    case .sarif: report.sarif(version: Moontap.number).text(.pretty) + "\n"
    case .txt: report.text()
    }
  }
}

extension AuditWaivers {
  /// Reads waivers from a file.
  init(path: String) throws {
    do {
      try self.init(JSONValue(json: try TextFile.read(path, what: "waivers file"), file: path))
    } catch let error as JSONError {
      throw Problem(error)
    } catch let error as AuditReportError {
      throw Problem(place: path, code: "audit.waivers", sentence: error.message)
    }
  }
}

extension FileManager {
  /// Makes a folder, if it is not there; the one above it must be.
  func createFolder(_ path: String) throws {
    var isFolder = ObjCBool(false)
    if unsafe fileExists(atPath: path, isDirectory: &isFolder) {
      guard !isFolder.boolValue else { return }
      throw Problem(place: path, code: "output", sentence: "is no folder")
    }
    do {
      try createDirectory(atPath: path, withIntermediateDirectories: false)
    } catch {
      throw Problem(place: path, code: "output", sentence: "cannot be made: \(WholeFile.reason(error))")
    }
  }
}
