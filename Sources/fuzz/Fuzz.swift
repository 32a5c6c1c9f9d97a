import ArgumentParser

/// What `scripts/fuzz` and `scripts/hostile` run, built with AddressSanitizer.
@main
struct Fuzz: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fuzz", abstract: "Attack reader, decoder, pipeline and Lua host.",
    subcommands: [CapturesCommand.self, PoliciesCommand.self, AllocationsCommand.self],
    defaultSubcommand: CapturesCommand.self)

  /// Seconds for one input; a longer one ends the process by SIGALRM.
  static let patience: UInt32 = 20
}

/// A promise that was broken; its input is worth keeping.
struct Fault: Error, CustomStringConvertible {
  var description: String
}
