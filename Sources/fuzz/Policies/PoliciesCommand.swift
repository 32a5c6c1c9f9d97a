import ArgumentParser
import Foundation
import Inventory
import LuaRuntime
import Policy

/// Generates policies from a grammar, loads and runs them, also with allocations that fail, until the time is over.
struct PoliciesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "policies", abstract: "Run generated policies, with and without memory.")

  @Option(help: "How long.")
  var seconds = 600
  @Option(help: "The first policy's seed; the next one has the next.")
  var seed: UInt64 = 1
  @Option(help: "How many policies at most; 0: as many as there is time for.")
  var count = 0
  @Option(help: ArgumentHelp("Folder for the policy at hand.", valueName: "folder"))
  var folder: String
  @Flag(help: "Print the policy of the seed and end.")
  var show = false
  @Argument(help: ArgumentHelp("Captures to judge.", valueName: "capture"))
  var captures: [String]

  func run() throws {
    if show {
      var generator = PolicyGenerator(seed: seed)
      print(generator.policy())
      return
    }
    try withLuaStack { () throws in
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try runAll()
    }
  }

  private func runAll() throws {
    let inventory = try Inventory(json: Array(FuzzPlan.inventory.utf8), file: "inventory")
    let trial = PolicyTrial(bench: PolicyBench(inventory: inventory, limits: PolicyTrial.limits), captures: captures)
    let end = ContinuousClock.now + .seconds(seconds)
    var answers: [String: Int] = [:]
    var number = 0
    while ContinuousClock.now < end, count == 0 || number < count {
      let seed = seed &+ UInt64(number)
      var generator = PolicyGenerator(seed: seed)
      let source = "-- seed \(seed)\n" + generator.policy()
      try Data(source.utf8).write(to: URL(filePath: folder + "/input"))
      Fuzz.await()
      answers[try trial.run(source, seed: seed), default: 0] += 1
      number += 1
    }
    Fuzz.await(seconds: 0)
    let list = answers.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    print("\(number) policies from seed \(seed): \(list)")
  }
}
