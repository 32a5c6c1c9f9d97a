import Foundation
import Testing

/// `docs/repl.md` is one session: every input of it is typed, and what comes out is what the page says.
struct ReplPageTests {
  private struct Exchange {
    var input: String
    var output: String
  }

  private static let first = "moontap> "
  private static let more = "     ... "

  private func page() throws -> [Exchange] {
    let text = try String(contentsOf: Shell.root.appending(path: "docs/repl.md"), encoding: .utf8)
    var exchanges: [Exchange] = []
    for block in text.components(separatedBy: "```console\n").dropFirst() {
      for line in block.components(separatedBy: "```")[0].split(separator: "\n", omittingEmptySubsequences: false) {
        if line.hasPrefix(Self.first) {
          exchanges.append(Exchange(input: String(line.dropFirst(Self.first.count)), output: ""))
        } else if line.hasPrefix(Self.more) {
          exchanges[exchanges.count - 1].input += "\n" + line.dropFirst(Self.more.count)
        } else if !line.isEmpty {
          exchanges[exchanges.count - 1].output += line + "\n"
        }
      }
    }
    return exchanges
  }

  /// Times and figures that differ from run to run, in the answers that have them.
  private func settled(_ text: String, of input: String) -> String {
    guard [":cost(", ":dry_run(https", ":time"].contains(where: input.contains) else { return text }
    return text.replacing(/[0-9]+\.[0-9]+/, with: "#").replacing(/[ ]+/, with: " ")
  }

  @Test func thePageIsASessionAsItIs() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createSymbolicLink(
      at: folder.url.appending(path: "examples"), withDestinationURL: Shell.root.appending(path: "examples"))
    let exchanges = try page()
    #expect(exchanges.count > 35)
    // A command that is none marks the end of each answer, and counts as no input.
    let typed = exchanges.map { $0.input + "\n:@@\n" }.joined()
    let finished = try Shell.run(
      "/bin/sh",
      [
        "-c",
        "'\(Shell.moontap)' repl --keep-going --inventory examples/inventories/campus.json --read examples/captures/campus.pcap 2>&1",
      ], input: Data(typed.utf8), folder: folder.url)
    let answers = finished.text.components(separatedBy: ":@@: no such command; :help lists them\n")
    #expect(answers.count == exchanges.count + 1)
    for (exchange, answer) in zip(exchanges, answers) {
      #expect(
        settled(answer, of: exchange.input) == settled(exchange.output, of: exchange.input), "\(exchange.input)")
    }
  }

  @Test func thePageListsEveryCommand() throws {
    let text = try String(contentsOf: Shell.root.appending(path: "docs/repl.md"), encoding: .utf8)
    let help = try Shell.run(
      Shell.moontap, ["repl", "--inventory", "examples/inventories/campus.json"], input: Data(":help\n".utf8))
    let commands = help.text.split(separator: "\n").filter { $0.hasPrefix(":") }.map { $0.split(separator: " ")[0] }
    #expect(commands.count > 10)
    for command in commands { #expect(text.contains("| `\(command)"), "\(command)") }
  }
}
