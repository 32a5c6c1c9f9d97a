import ArgumentParser
import Glibc

/// What `scripts/fuzz` and `scripts/hostile` run, built with AddressSanitizer.
@main
struct Fuzz: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fuzz", abstract: "Attack reader, decoder, pipeline and Lua host.",
    subcommands: [CapturesCommand.self, PoliciesCommand.self, AllocationsCommand.self],
    defaultSubcommand: CapturesCommand.self)

  /// Seconds of work for one input; a longer one ends the process by SIGPROF. Waiting for a busy machine is no work.
  static let patience = 60

  /// Called before each input; 0: no more inputs.
  static func await(seconds: Int = patience) {
    var timer = itimerval(it_interval: timeval(), it_value: timeval(tv_sec: seconds, tv_usec: 0))
    unsafe setitimer(__itimer_which_t(ITIMER_PROF.rawValue), &timer, nil)
  }
}

/// A promise that was broken; its input is worth keeping.
struct Fault: Error, CustomStringConvertible {
  var description: String
}
