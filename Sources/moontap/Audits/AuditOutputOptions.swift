public import ArgumentParser
import Audit
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

  /// What is read besides captures, before anything runs.
  func load() throws -> AuditFilters {
    var filters = AuditFilters()
    for path in waivers { filters.waivers.append(try AuditWaivers(path: path)) }
    filters.baseline = try baseline.map { try AuditReport(path: $0) }
    // The one place where the wall clock counts, and only for who has waivers that expire.
    filters.today = today.flatMap { AuditDay($0) }?.number ?? Int64(Date().timeIntervalSince1970 / 86_400)
    if let evidence {
      try FileManager.default.createFolder(evidence)
    }
    return filters
  }

  func write(_ result: AuditReport) throws {
    for path in report {
      if let format = ReportFormat(path: path) { try WholeFile.write(format.text(of: result), to: path) }
    }
    if let evidence { try writeEvidence(result, to: evidence) }
    let style = AuditReport.Style(bold: { Terminal.bold($0) }, dim: { Terminal.dim($0) })
    try Terminal.write(json ? result.json.text(.pretty) + "\n" : result.text(style))
  }

  /// `TLS-001-0001.pcapng`, numbered in the order of the report.
  private func writeEvidence(_ report: AuditReport, to folder: String) throws {
    var numbers: [String: Int] = [:]
    for (audit, finding) in report.findings where finding.waiver == nil {
      guard let bytes = EvidenceFile.bytes(of: finding, audit: audit) else { continue }
      numbers[audit.id, default: 0] += 1
      let digits = String(numbers[audit.id] ?? 0)
      let number = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
      try WholeFile.write(bytes, to: "\(folder)/\(audit.id)-\(number).pcapng")
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

  func apply(to report: inout AuditReport) {
    if let baseline { report.subtract(baseline) }
    for waivers in waivers { waivers.apply(to: &report, today: today) }
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
