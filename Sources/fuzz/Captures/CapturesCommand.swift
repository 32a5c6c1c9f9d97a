import ArgumentParser
import Foundation
import LuaRuntime
import Policy

/// Runs damaged captures through reader, decoder, pipeline and writer until the time is over. Built with
/// AddressSanitizer by `scripts/fuzz`; the input of a crash is in the folder, under `input`.
struct CapturesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "captures", abstract: "Run damaged captures through reader, decoder, pipeline and writer.")

  @Option(help: "How long.")
  var seconds = 600
  @Option(help: "Equal seeds give equal inputs.")
  var seed: UInt64 = 1
  @Option(help: ArgumentHelp("Folder for the input at hand and what is written.", valueName: "folder"))
  var folder: String
  @Flag(help: "Run the files as they are, once each.")
  var replay = false
  @Argument(help: ArgumentHelp("Captures to start from.", valueName: "capture"))
  var captures: [String]

  func run() throws {
    try withLuaStack { () throws in
      let output = folder + "/out"
      try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
      let trial = CaptureTrial(plan: try FuzzPlan(), folder: output)
      if replay { try runAsTheyAre(trial) } else { try runDamaged(trial) }
    }
  }

  private func runAsTheyAre(_ trial: CaptureTrial) throws {
    for path in captures {
      for number in 0..<48 {
        Fuzz.await()
        let result = try trial.run(path: path, number: number)
        if number == 0 { print("\(path): \(result.answer), \(result.packets) packets") }
      }
    }
    Fuzz.await(seconds: 0)
  }

  private func runDamaged(_ trial: CaptureTrial) throws {
    var mutator = Mutator(seeds: try loadSeeds(), seed: seed)
    let input = folder + "/input"
    let end = ContinuousClock.now + .seconds(seconds)
    var counts: [CaptureTrial.Answer: Int] = [:]
    var packets: UInt64 = 0
    var number = 0
    while ContinuousClock.now < end {
      try Data(mutator.next()).write(to: URL(filePath: input))
      Fuzz.await()
      let result = try trial.run(path: input, number: number)
      counts[result.answer, default: 0] += 1
      packets += result.packets
      number += 1
    }
    Fuzz.await(seconds: 0)
    let answers = CaptureTrial.Answer.allCases.map { "\(counts[$0] ?? 0) \($0)" }.joined(separator: ", ")
    print("\(number) inputs in \(seconds) s: \(answers); \(packets) packets")
    for failure in trial.plan.policy.failures {
      print("\(failure.count) × \(failure.function): \(failure.kind.rawValue): \(failure.firstMessage)")
    }
  }

  /// The first 64 KiB of each: short inputs, many of them.
  private func loadSeeds() throws -> [[UInt8]] {
    try captures.map { path in
      guard let data = FileManager.default.contents(atPath: path), !data.isEmpty else {
        throw ValidationError("\(path): cannot be read, or is empty.")
      }
      return Array(data.prefix(1 << 16))
    }
  }
}
