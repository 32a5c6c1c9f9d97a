import ArgumentParser

@main
struct Moontap: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "moontap",
    abstract: "Copies selected traffic of network interfaces to receivers; scripted in Lua.",
    discussion: """
      A policy declares mirrors: whose traffic, which direction, what filter, to which receivers. Offline, captures stand \
      for the traffic.

      EXAMPLES:
        moontap check web-to-ids.lua --inventory shop.json
        moontap test policies
        moontap run web-to-ids.lua --inventory shop.json --read hour.pcapng --write out
        moontap explain web-to-ids.lua --inventory shop.json --read hour.pcapng --frame 12

      EXIT CODES:
        0 ok · 1 findings or failed tests · 2 something could not be evaluated (a script failed, a capture is damaged) ·
        3 unreadable or invalid file · 64 wrong usage · 130 interrupted
      """,
    version: "moontap 0.1.0",
    subcommands: [
      RunCommand.self, CheckCommand.self, TestCommand.self, ExplainCommand.self, InitCommand.self,
      InventoryCommand.self,
    ])
}

extension ParsableCommand {
  /// Runs a command's body and ends the process as product.md says: problems on standard error, the gravest decides.
  func finish(_ body: () throws -> Ending) throws {
    let ending: Ending
    do {
      ending = try body()
    } catch let problem as Problem {
      [problem].complain()
      ending = problem.exit
    } catch let problems as Problems {
      problems.list.complain()
      ending = problems.list.filter { !$0.isWarning }.map(\.exit).max { $0.rawValue < $1.rawValue } ?? .badInput
    }
    if ending != .ok { throw ExitCode(ending.rawValue) }
  }
}
