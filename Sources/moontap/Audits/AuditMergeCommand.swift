import ArgumentParser
import Audit
import JSONText

struct AuditMergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Put the JSON reports of runs over parts of an archive together.",
    discussion: """
      EXAMPLES:
        moontap audit merge part1.json part2.json --report all.html

      What comes of it is what one run over all captures would have said. Audits that look at all captures together cannot be
      merged from parts: they count as not evaluated.
      """)

  @Argument(help: ArgumentHelp("Reports that moontap audit --json wrote.", valueName: "report"), completion: .file())
  var reports: [String]

  @OptionGroup var output: AuditOutputOptions

  func run() throws {
    try finish {
      let files = try output.load(inputs: reports)
      var merged = try merge()
      try files.apply(to: &merged)
      try output.write(merged, sparing: files.inputs)
      return output.ending(of: merged)
    }
  }

  private func merge() throws -> AuditReport {
    var read: [AuditReport] = []
    var problems: [Problem] = []
    for path in reports {
      do {
        read.append(try AuditReport(path: path))
      } catch let problem as Problem {
        problems.append(problem)
      }
    }
    guard problems.isEmpty else { throw Problems(list: problems) }
    do {
      return try AuditReport.merging(read)
    } catch {
      throw Problem(code: "audit.merge", sentence: error.message)
    }
  }
}

extension AuditReport {
  /// Reads a report from a file.
  init(path: String) throws {
    do {
      try self.init(JSONValue(json: try TextFile.read(path, what: "report"), file: path))
    } catch let error as JSONError {
      throw Problem(error)
    } catch let error as AuditReportError {
      throw Problem(place: path, code: "audit.report", sentence: error.message)
    }
  }
}
