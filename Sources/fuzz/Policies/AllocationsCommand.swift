import ArgumentParser
import Foundation
import Inventory
import LuaRuntime
import Policy

/// Loads and runs scripts with the n-th allocation of the interpreter failing, for every n: each ends in a clean error,
/// and what is loaded works afterwards.
struct AllocationsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "allocations", abstract: "Run policies with the n-th allocation failing.")

  @Option(help: "The largest n.")
  var most = 2000
  @Option(help: "Of 1 to the largest n every so-maniest, beginning elsewhere for each script.")
  var every = 1
  @Option(help: ArgumentHelp("Inventory of scripts 001 to 199.", valueName: "file"))
  var inventory: String
  @Option(help: ArgumentHelp("Inventory of all others.", valueName: "file"))
  var ours: String
  @Option(help: ArgumentHelp("Capture to judge.", valueName: "capture"))
  var capture: String
  @Argument(help: ArgumentHelp("Policies.", valueName: "policy"))
  var policies: [String]

  func run() throws {
    let first = PolicyBench(inventory: try read(inventory))
    let second = PolicyBench(inventory: try read(ours))
    try withLuaStack { () throws in
      var counts = AllocationTrial.Counts()
      try AllocationTrial.open(second, most: most, every: every, &counts)
      for path in policies {
        let name = URL(filePath: path).lastPathComponent
        guard let data = FileManager.default.contents(atPath: path) else { throw Fault(description: "no \(path)") }
        let trial = AllocationTrial(
          bench: name < "2" ? first : second, source: String(decoding: data, as: UTF8.self), file: path,
          capture: capture)
        do { try trial.run(most: most, every: every, &counts) } catch { throw Fault(description: "\(name): \(error)") }
      }
      Fuzz.await(seconds: 0)
      print(
        "\(policies.count) scripts: \(counts.runs) runs, \(counts.refused) refused, \(counts.failing) failing later, \(counts.whole) whole"
      )
    }
  }

  private func read(_ path: String) throws -> Inventory {
    guard let data = FileManager.default.contents(atPath: path) else { throw Fault(description: "no \(path)") }
    return try Inventory(json: Array(data), file: path)
  }
}
