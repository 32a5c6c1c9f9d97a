import ArgumentParser
import Capture
import Interactive
import Inventory
import Mirroring

struct ReplCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repl",
    abstract: "Explore traffic and mirrors at a prompt, in Lua.",
    discussion: """
      EXAMPLES:
        moontap repl --inventory shop.json --read hour.pcapng
        echo 'packets:top("source", 5)' | moontap repl --inventory shop.json --read hour.pcapng

      Piped input is evaluated without a prompt and ends at the first error, with exit code 2, unless --keep-going is given.
      At the prompt :help tells more. See docs/repl.md for a guided session.
      """)

  @Option(help: ArgumentHelp("Inventory (moontap.inventory/1): what exists.", valueName: "file"))
  var inventory: String

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Captures for the global `packets`: pcap or pcapng, plain or gzip'ed.", valueName: "capture"))
  var read: [String] = []

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp("An argument for scripts: policy.args.KEY is VALUE.", valueName: "key=value"))
  var set: [String] = []

  @Argument(help: ArgumentHelp("Lua files to load first, as :load does.", valueName: "policy"), completion: .file())
  var policies: [String] = []

  @Flag(help: "Piped input: go on after an error.")
  var keepGoing = false

  func validate() throws {
    if read.contains("-") { throw ValidationError("A session reads captures again and again: - cannot be read twice.") }
    _ = try InputOptions.arguments(set)
  }

  func run() throws {
    try finish {
      try onScriptStack {
        var options = Session.Options()
        options.arguments = try InputOptions.arguments(set)
        options.output = { line in try? Terminal.write(line + "\n") }
        let session = try Session(
          inventory: Inventory.read(inventory), bpf: PcapFilterCompiler(), options: options)
        if !read.isEmpty { try session.read(read) }
        let prompt = PipedPrompt(
          session, keepsGoing: keepGoing, output: { line in try? Terminal.write(line + "\n") },
          errors: { line in Terminal.complain(line + "\n") })
        return switch prompt.run({ readLine() }) {
        case .done: Ending.ok
        case .failed: .failed
        case .interrupted: .interrupted
        }
      }
    }
  }
}
