import ArgumentParser
import DataPath
import JSONText
import Mirroring
import Policy
import Wire

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Load and validate policies and mirrors; judge nothing.",
    discussion: """
      EXAMPLES:
        moontap check web-to-ids.lua --inventory shop.json
        moontap check --mirrors mirrors.json --inventory shop.json --json

      Prints every error and warning with its place and code. The exit code is 3 if there is an error, 0 with warnings only.
      """)

  @OptionGroup var input: InputOptions

  @Flag(help: "Print the result as JSON.")
  var json = false

  func run() throws {
    try finish {
      try onScriptStack {
        do {
          return try report(Configuration(input))
        } catch let problems as Problems where json {
          let head: [JSONMember] = [JSONMember("format", "moontap.check/1"), JSONMember("ok", false)]
          let result = JSONValue.object(head + problems.list.json)
          try Terminal.write(result.text(.pretty) + "\n")
          throw problems
        }
      }
    }
  }

  private func report(_ configuration: Configuration) throws -> Ending {
    let plan = configuration.plan
    if json {
      let mirrors = plan.mirrors.map { mirror -> JSONValue in
        [
          "name": .string(mirror.name), "origin": .string(mirror.origin), "enabled": .bool(mirror.isEnabled),
          "definition": .string(plan.describe(mirror)),
          "receivers": .array(mirror.receivers.map { .string($0.description) }),
          "balance": .string(mirror.balance.inWords), "vni": .integer(mirror.encapsulation.vni),
          "functions": .array(
            configuration.caching(mirror).map { report in
              [
                "name": .string(report.function), "kind": .string(report.isBalancer ? "balancer" : "filter"),
                "cached": .bool(report.obstacle == nil), "caching": .string(report.text),
              ]
            }),
        ]
      }
      let head: [JSONMember] = [
        JSONMember("format", "moontap.check/1"), JSONMember("ok", true), JSONMember("mirrors", .array(mirrors)),
      ]
      let result = JSONValue.object(head + configuration.warnings.json)
      try Terminal.write(result.text(.pretty) + "\n")
    } else {
      for mirror in plan.mirrors { try Terminal.write(line(mirror, configuration)) }
    }
    configuration.warnings.complain()
    return .ok
  }

  private func line(_ mirror: TrafficMirror, _ configuration: Configuration) -> String {
    let receivers = mirror.receivers.map(\.description).joined(separator: ", ")
    let state = mirror.isEnabled ? "" : "  disabled"
    return Terminal.bold(mirror.name) + "  " + configuration.plan.describe(mirror) + "  \(mirror.balance.inWords) → "
      + (receivers.isEmpty ? "no receiver" : receivers) + state + Terminal.dim("  (\(mirror.origin))") + "\n"
      + configuration.caching(mirror).map { "  lua:\($0.function)  \($0.text)\n" }.joined()
  }
}
