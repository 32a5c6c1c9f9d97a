import Foundation
import JSONText
import Testing

/// One finished process.
struct Finished {
  var status: Int32
  var output: Data
  var errors: String
  var text: String { String(decoding: output, as: UTF8.self) }

  /// The output as JSON.
  func json(_ location: SourceLocation = #_sourceLocation) throws -> JSONValue {
    try JSONValue(json: Array(output), file: "output")
  }
}

enum Shell {
  /// The root of the project.
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The program, built beside the test bundle.
  static let moontap = beside("moontap")

  /// A program of the package.
  static func beside(_ name: String) -> String {
    URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: name).path
  }

  /// Runs a program to its end; output goes to files, so that no pipe can fill up.
  static func run(
    _ program: String, _ arguments: [String], input: Data? = nil, environment: [String: String] = [:],
    folder: URL = root
  ) throws -> Finished {
    let scratch = try TemporaryFolder()
    let process = Process()
    process.executableURL = URL(filePath: program.hasPrefix("/") ? program : "/usr/bin/env")
    process.arguments = program.hasPrefix("/") ? arguments : [program] + arguments
    process.currentDirectoryURL = folder
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let (out, err) = (scratch.url.appending(path: "out"), scratch.url.appending(path: "err"))
    for file in [out, err] { try Data().write(to: file) }
    process.standardOutput = try FileHandle(forWritingTo: out)
    process.standardError = try FileHandle(forWritingTo: err)
    if let input {
      let file = scratch.url.appending(path: "in")
      try input.write(to: file)
      process.standardInput = try FileHandle(forReadingFrom: file)
    } else {
      process.standardInput = FileHandle.nullDevice
    }
    try process.run()
    process.waitUntilExit()
    return Finished(
      status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
      output: try Data(contentsOf: out), errors: String(decoding: try Data(contentsOf: err), as: UTF8.self))
  }

  static func moontap(_ arguments: String..., input: Data? = nil) throws -> Finished {
    try run(moontap, arguments, input: input)
  }

  static func moontap(_ arguments: [String]) throws -> Finished { try run(moontap, arguments) }

  /// The numbers of the frames that a tshark display filter selects, from 1.
  static func frames(_ capture: String, tshark filter: String) throws -> [Int] {
    try lines("tshark", ["-n", "-r", capture, "-Y", filter, "-T", "fields", "-e", "frame.number"]).compactMap {
      Int($0)
    }
  }

  static func lines(_ program: String, _ arguments: [String]) throws -> [String] {
    let finished = try run(program, arguments)
    try #require(finished.status == 0, "\(program) \(arguments): \(finished.errors)")
    return finished.text.split(separator: "\n").map(String.init)
  }

  static func capture(_ name: String) -> String { root.appending(path: "Tests/Fixtures/captures/" + name).path }
}

/// A folder that goes away with its last reference.
final class TemporaryFolder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "moontap-test-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { url.appending(path: name).path }

  @discardableResult
  func write(_ text: String, to name: String) throws -> String {
    try text.write(toFile: path(name), atomically: false, encoding: .utf8)
    return path(name)
  }

  var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []).sorted() }
}

extension JSONValue {
  /// `packets` of a tally.
  var packets: Int? { self["packets"]?.integer }

  func mirror(_ name: String) -> JSONValue? { self["mirrors"]?.array?.first { $0["name"]?.string == name } }
}
