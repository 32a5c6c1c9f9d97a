import Foundation
import JSONText
import Policy

/// The tests of all files, as people and programs read them.
struct TestReport {
  var files: [TestedFile]
  /// nil: not asked for.
  var coverage: Coverage?

  var passed: Int { files.reduce(0) { $0 + $1.tests.count - $1.failed.count } }
  var failed: Int { files.reduce(0) { $0 + $1.failed.count } }
  /// Files whose tests could not be run, or not all of them.
  var errors: Int { files.count { !$0.problems.isEmpty } }

  /// The gravest of what happened.
  var ending: Ending {
    let endings = files.flatMap(\.problems).map(\.exit) + (failed > 0 ? [.findings] : [])
    return endings.max { $0.rawValue < $1.rawValue } ?? .ok
  }

  // MARK: Text

  /// The failed tests of one file.
  static func text(_ file: TestedFile) -> String { file.failed.map { text($0) }.joined() }

  private static func text(_ test: TestedFile.Test) -> String {
    guard let failure = test.failure else { return "" }
    let head = "\(failure.file):\(failure.line): failed: \(test.name): \(failure.message)\n"
    let more = failure.details + test.log.map { "log: " + $0 }
    return Terminal.bold(head) + more.map { "    \($0)\n" }.joined()
  }

  var summary: String {
    let count = files.count == 1 ? "1 file" : "\(files.count) files"
    return "\(passed) passed, \(failed) failed, \(errors) errors in \(count)\n"
  }

  var list: String {
    files.map { file in file.tests.map { "\(file.path):\($0.line): \($0.name)\n" }.joined() }.joined()
  }

  // MARK: JSON

  var json: JSONValue {
    var members: [JSONMember] = [
      JSONMember("format", "moontap.tests/1"), JSONMember("passed", .integer(passed)),
      JSONMember("failed", .integer(failed)), JSONMember("errors", .integer(errors)),
      JSONMember("files", .array(files.map { Self.json($0) })),
    ]
    if let coverage { members.append(JSONMember("coverage", coverage.json)) }
    return .object(members)
  }

  /// `--list --json`
  var listJSON: JSONValue {
    let tests = files.flatMap { file in
      file.tests.map { test -> JSONValue in
        ["file": .string(file.path), "line": .integer(test.line), "name": .string(test.name)]
      }
    }
    return ["format": "moontap.test-list/1", "tests": .array(tests)]
  }

  private static func json(_ file: TestedFile) -> JSONValue {
    [
      "file": .string(file.path), "policy": file.policy.map { .string($0) } ?? .null,
      "tests": .array(file.tests.map { json($0) }), "problems": .array(file.problems.map(\.json)),
    ]
  }

  private static func json(_ test: TestedFile.Test) -> JSONValue {
    guard let failure = test.failure else {
      return ["name": .string(test.name), "line": .integer(test.line), "result": "passed"]
    }
    return [
      "name": .string(test.name), "line": .integer(test.line), "result": "failed",
      "kind": .string(failure.kind.rawValue), "place": .string("\(failure.file):\(failure.line)"),
      "message": .string(failure.message), "details": .array(failure.details.map { .string($0) }),
      "log": .array(test.log.map { .string($0) }),
    ]
  }

  // MARK: JUnit

  /// As continuous integration reads it: one suite a file; what could not be run is an error of a case `load`.
  var junit: String {
    let tests = passed + failed + errors
    let seconds = files.flatMap(\.tests).reduce(0) { $0 + $1.seconds }
    var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    text +=
      "<testsuites name=\"moontap\" tests=\"\(tests)\" failures=\"\(failed)\" errors=\"\(errors)\" "
      + "time=\"\(Words.fixed(seconds, 3))\">\n"
    for file in files { text += Self.junit(file) }
    return text + "</testsuites>\n"
  }

  private static func junit(_ file: TestedFile) -> String {
    let errors = file.problems.isEmpty ? 0 : 1
    let seconds = file.tests.reduce(0) { $0 + $1.seconds }
    var text =
      "  <testsuite name=\(attribute(file.path)) tests=\"\(file.tests.count + errors)\" "
      + "failures=\"\(file.failed.count)\" errors=\"\(errors)\" time=\"\(Words.fixed(seconds, 3))\">\n"
    let owner = attribute(file.policy ?? file.path)
    for test in file.tests { text += junit(test, of: file, owner) }
    if errors > 0 {
      let said = file.problems.map(\.text).joined()
      text += "    <testcase classname=\(owner) name=\"load\">\n      <error message="
      text += attribute(file.problems[0].sentence) + ">\(escaped(said))</error>\n    </testcase>\n"
    }
    return text + "  </testsuite>\n"
  }

  private static func junit(_ test: TestedFile.Test, of file: TestedFile, _ owner: String) -> String {
    let head =
      "    <testcase classname=\(owner) name=\(attribute(test.name)) file=\(attribute(file.path)) "
      + "line=\"\(test.line)\" time=\"\(Words.fixed(test.seconds, 3))\""
    guard let failure = test.failure else { return head + "/>\n" }
    let said = ["\(failure.file):\(failure.line): \(failure.message)"] + failure.details
    return head + ">\n      <failure type=\"\(failure.kind.rawValue)\" message=\(attribute(failure.message))>"
      + escaped(said.joined(separator: "\n")) + "</failure>\n    </testcase>\n"
  }

  private static func attribute(_ text: String) -> String { "\"" + escaped(text) + "\"" }

  /// XML 1.0 has no way to write control characters and U+FFFE, U+FFFF.
  private static func escaped(_ text: String) -> String {
    text.unicodeScalars.map { scalar in
      switch scalar {
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case "\"": "&quot;"
      case "\n", "\t": String(scalar)
      default: scalar.value < 0x20 || scalar.value & 0xfffe == 0xfffe ? "?" : String(scalar)
      }
    }.joined()
  }
}
