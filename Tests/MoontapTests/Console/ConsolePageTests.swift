import Foundation
import Testing

/// `docs/console.md`: every command of it is run, and prints what the page says.
///
/// `MOONTAP_WRITE_DOCS=1` writes the output into the page.
struct ConsolePageTests {
  private static let page = Shell.root.appending(path: "docs/console.md")

  @Test func thePageShowsWhatTheCommandsPrint() throws {
    let written = try String(contentsOf: Self.page, encoding: .utf8)
    let folder = try TemporaryFolder()
    var (lines, isConsole): ([Substring], Bool) = ([], false)
    for line in written.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") { isConsole = line == "```console" }
      if isConsole, line.hasPrefix("$ ") {
        lines.append(line)
        lines += try Self.output(of: String(line.dropFirst(2)), folder).split(separator: "\n").map { $0 }
      } else if !isConsole || line.hasPrefix("```") {
        lines.append(line)
      }
    }
    let actual = lines.joined(separator: "\n")
    if ProcessInfo.processInfo.environment["MOONTAP_WRITE_DOCS"] == "1" {
      try actual.write(to: Self.page, atomically: true, encoding: .utf8)
    } else {
      let pairs = zip(actual.split(separator: "\n"), written.split(separator: "\n"))
      for (printed, says) in pairs where printed != says { #expect(printed == says) }
      #expect(actual.count == written.count)
    }
  }

  /// What a user with a fresh home would see on the terminal; times and names as on the page.
  private static func output(of command: String, _ folder: TemporaryFolder) throws -> String {
    let command = command.replacingOccurrences(of: "/tmp/", with: folder.url.path + "/")
    let programs = URL(filePath: Shell.moontap).deletingLastPathComponent().path
    let finished = try Shell.run(
      "bash", ["-c", "exec 2>&1; PATH=\(programs):$PATH; " + command],
      environment: ["XDG_STATE_HOME": folder.path("home/.local/state"), "NO_COLOR": "1"])
    return try finished.text.replacingOccurrences(of: folder.path("home/.local/state"), with: "~/.local/state")
      .replacingOccurrences(of: folder.url.path + "/", with: "/tmp/")
      .replacing(Regex(#"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"#), with: "2026-11-25T20:00:00.000Z")
      .replacing(Regex(#"Z  \S+(?=  [a-z-]+  | by )"#), with: "Z  alice")
      .replacing(Regex(#"in [\d.]+ s · .* packets/s"#), with: "in 0.01 s · 153.3 k packets/s")
  }
}
