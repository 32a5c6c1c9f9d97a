import Foundation
import JSONText
import Testing

/// A `moontap run --read -` at work: its traffic comes through a pipe, what it says on standard error can be waited for.
final class RunningMoontap {
  private let process = Process()
  private let traffic = Pipe()
  private let folder: TemporaryFolder
  private var heard = 0

  init(_ arguments: [String]) throws {
    folder = try TemporaryFolder()
    // Another test's program that is started meanwhile would hold the traffic open.
    _ = fcntl(traffic.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
    for name in ["out", "err"] { try folder.write("", to: name) }
    process.executableURL = URL(filePath: Shell.moontap)
    process.arguments = ["run"] + arguments + ["--read", "-", "--json"]
    process.currentDirectoryURL = Shell.root
    process.standardInput = traffic
    process.standardOutput = try FileHandle(forWritingTo: URL(filePath: folder.path("out")))
    process.standardError = try FileHandle(forWritingTo: URL(filePath: folder.path("err")))
    try process.run()
  }

  deinit { if process.isRunning { process.terminate() } }

  var identifier: Int32 { process.processIdentifier }

  func send(_ bytes: Data) throws { try traffic.fileHandleForWriting.write(contentsOf: bytes) }

  func hangUp() { kill(process.processIdentifier, SIGHUP) }

  /// Waits until another line with the text has been said. The limit is against hanging, it measures nothing.
  func hear(_ text: String, _ location: SourceLocation = #_sourceLocation) throws {
    for _ in 0..<6000 {
      let errors = try errors
      let count = errors.components(separatedBy: text).count - 1
      if count > heard || !process.isRunning {
        try #require(count > heard, "ended without \(text): \(errors)", sourceLocation: location)
        heard = count
        return
      }
      usleep(10_000)
    }
    let errors = try errors
    Issue.record("nothing said of \(text): \(errors)", sourceLocation: location)
  }

  /// Begins to count lines for `hear` anew.
  func forget(_ text: String) throws { heard = try errors.components(separatedBy: text).count - 1 }

  var errors: String {
    get throws { String(decoding: try Data(contentsOf: URL(filePath: folder.path("err"))), as: UTF8.self) }
  }

  /// Kilobytes of memory that the process has now.
  var residentSize: Int {
    get throws {
      let status = try String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8)
      let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
      return try #require(Int(line.split(separator: " ").dropFirst().first ?? ""))
    }
  }

  /// The end of the traffic, and of the run.
  ///
  /// - Parameter closing: false: the run ends before the traffic does.
  func finish(closing: Bool = true) throws -> Finished {
    if closing { try traffic.fileHandleForWriting.close() }
    process.waitUntilExit()
    return Finished(
      status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
      output: try Data(contentsOf: URL(filePath: folder.path("out"))), errors: try errors)
  }
}
