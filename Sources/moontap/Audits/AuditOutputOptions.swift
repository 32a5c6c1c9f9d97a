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
    help: ArgumentHelp(
      "The exit code is 1 only with a finding at least as grave: info, low, medium, high, critical. (default: info)",
      valueName: "severity"))
  var failOn: FindingSeverity = .info

  func validate() throws {
    for path in report where ReportFormat(path: path) == nil {
      throw ValidationError("--report '\(path)': its name should end in \(ReportFormat.endings).")
    }
  }

  /// What is read besides captures, before anything runs.
  func load() throws -> AuditFilters { AuditFilters() }

  func write(_ result: AuditReport) throws {
    for path in report {
      if let format = ReportFormat(path: path) { try WholeFile.write(format.text(of: result), to: path) }
    }
    let style = AuditReport.Style(bold: { Terminal.bold($0) }, dim: { Terminal.dim($0) })
    try Terminal.write(json ? result.json.text(.pretty) + "\n" : result.text(style))
  }

  func ending(of report: AuditReport) -> Ending {
    if report.isIncomplete { return .failed }
    return report.hasFinding(from: failOn) || !report.expiredWaivers.isEmpty ? .findings : .ok
  }
}

extension FindingSeverity: ExpressibleByArgument {}

/// Waivers and baselines, loaded.
struct AuditFilters {
  func apply(to report: inout AuditReport) {}
}

/// The formats of reports, by the endings of their names.
enum ReportFormat: String, CaseIterable {
  case json, jsonl, txt

  static var endings: String { allCases.map { "." + $0.rawValue }.joined(separator: ", ") }

  init?(path: String) {
    let ending = path.split(separator: ".").last.map { $0.lowercased() } ?? ""
    guard path.contains("."), let format = ReportFormat(rawValue: ending) else { return nil }
    self = format
  }

  func text(of report: AuditReport) -> String {
    switch self {
    case .json: report.json.text(.pretty) + "\n"
    case .jsonl: report.jsonLines
    case .txt: report.text()
    }
  }
}
