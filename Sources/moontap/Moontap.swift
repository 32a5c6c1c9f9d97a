import ArgumentParser
import Foundation
import JSONText

@main
struct Moontap: ParsableCommand {
  static let number = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "moontap",
    abstract: "Copies selected traffic of network interfaces to receivers; scripted in Lua.",
    discussion: """
      A policy declares mirrors: whose traffic, which direction, what filter, to which receivers. Offline, captures stand \
      for the traffic.

      EXAMPLES:
        moontap check web-to-ids.lua --inventory shop.json
        moontap test policies
        moontap run web-to-ids.lua --inventory shop.json \\
            --read hour.pcapng --write out
        moontap explain web-to-ids.lua --inventory shop.json \\
            --read hour.pcapng --frame 12

      EXIT CODES:
        0 ok · 1 findings or failed tests · 2 something could not be evaluated (a script failed, a capture is damaged) ·
        3 unreadable or invalid file · 64 wrong usage · 130 interrupted · 143 terminated
      """,
    version: "moontap \(number)",
    subcommands: [
      RunCommand.self, CheckCommand.self, TestCommand.self, ExplainCommand.self, AuditCommand.self, ReplCommand.self,
      StatusCommand.self, TopCommand.self, ReloadCommand.self, StopCommand.self, InitCommand.self, MirrorCommand.self,
      InventoryCommand.self, StoreCommand.self,
    ])
}

extension Moontap {
  static func main() {
    Terminal.prepare()
    let words = Array(CommandLine.arguments.dropFirst())
    if let refusal = emptyWord(words) ?? unknownCommand(words) { end(refusal) }
    var command: any ParsableCommand
    do {
      command = try parseAsRoot()
    } catch {
      if exitCode(for: error).rawValue == Ending.usage.rawValue, let refusal = unknownOption(words) { end(refusal) }
      end(error)
    }
    do { try command.run() } catch { end(error) }
  }

  /// Words of the command line that cannot be meant so.
  struct Refusal {
    var sentence: String
    /// Whose help tells more: `mirror create`.
    var command: [String] = []
  }

  private static func end(_ refusal: Refusal) -> Never {
    let command = (["moontap"] + refusal.command).joined(separator: " ")
    Terminal.complain("Error: \(refusal.sentence)\nSee '\(command) --help' for more information.\n")
    Foundation.exit(Ending.usage.rawValue)
  }

  /// As the parser ends a process, but what is printed passes the terminal's gate: it may repeat the command line.
  private static func end(_ error: any Error) -> Never {
    let code = exitCode(for: error)
    let message = fullMessage(for: error)
    guard !message.isEmpty else { Foundation.exit(code.rawValue) }
    if code.isSuccess {
      do { try Terminal.write(message + "\n") } catch { Foundation.exit(Ending.failed.rawValue) }
    } else {
      Terminal.complain(message + "\n")
    }
    Foundation.exit(code.rawValue)
  }

  /// Nothing has an empty name; as a folder it would be the root. Of a mirror's definition the rules say what may be empty.
  static func emptyWord(_ words: [String]) -> Refusal? {
    guard words.first != "mirror" else { return nil }
    return words.firstIndex(of: "").map {
      Refusal(sentence: "argument \($0 + 1) is empty: is a variable of the shell not set?")
    }
  }

  /// What to say of words that should name a command and do not: the parser knows no near ones.
  static func unknownCommand(_ words: [String]) -> Refusal? {
    var command: any ParsableCommand.Type = Moontap.self
    var path: [String] = []
    for word in words.prefix(while: { !$0.hasPrefix("-") }) where word != "help" {
      let known = command.configuration.subcommands
      if known.isEmpty { return nil }
      if let next = known.first(where: { $0._commandName == word }) {
        command = next
        path.append(word)
        continue
      }
      // A command of its own that words may follow.
      if command.configuration.defaultSubcommand != nil { return nil }
      let names = known.map { $0._commandName }
      let near = Spelling.nearest(to: word, among: names).map { "did you mean '\($0)'?" }
      let hint = near ?? "one of " + names.joined(separator: ", ")
      return Refusal(sentence: "there is no command '\(word.cleanLine(limit: 80))': \(hint)", command: path)
    }
    return nil
  }

  /// What to say of an option that the command has not: the parser says so only when nothing else is wrong, and what is wrong
  /// may come of it.
  static func unknownOption(_ words: [String]) -> Refusal? {
    let words = words.prefix { $0 != "--" }
    var command = (try? JSONValue(json: _dumpHelp(), file: "help"))?["command"]
    var path: [String] = []
    func below(_ name: String?) -> JSONValue? {
      command?["subcommands"]?.array?.first { $0["commandName"]?.string == name }
    }
    for word in words {
      guard let next = below(word) else { break }
      command = next
      path.append(word)
    }
    if let name = command?["defaultSubcommand"]?.string { command = below(name) }
    let names = (command?["arguments"]?.array ?? []).flatMap { $0["names"]?.array ?? [] }
    let known = names.filter { $0["kind"]?.string == "long" }.compactMap(\.["name"]?.string)
    for word in words where word.hasPrefix("--") {
      let name = String(word.dropFirst(2).prefix { $0 != "=" })
      guard !known.isEmpty, !known.contains(name) else { continue }
      let near = Spelling.nearest(to: name, among: known).map { ": did you mean '--\($0)'?" } ?? ""
      return Refusal(sentence: "there is no option '--\(name.cleanLine(limit: 80))'\(near)", command: path)
    }
    return nil
  }
}

extension ParsableCommand {
  /// Runs a command's body and ends the process as product.md says: problems on standard error, the gravest decides.
  func finish(_ body: () throws -> Ending) throws {
    let ending: Ending
    Interrupt.takeDefaults()
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
