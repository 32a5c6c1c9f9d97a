import ArgumentParser

/// Makes the data of tests and measurements: a network, its mirrors, and captures of its traffic; the same for the same
/// arguments, on every machine.
@main
struct TrafficGen: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trafficgen",
    abstract: "Makes inventories, mirrors and captures for tests and measurements.",
    discussion: """
      EXAMPLES:
        trafficgen inventory --enis 100 --receivers 4 > network.json
        trafficgen mirrors --receivers 4 > mirrors.json
        trafficgen capture small.pcap --inventory network.json --kind small --packets 8000000
        trafficgen scenes examples/audits/captures
      """,
    subcommands: [InventoryCommand.self, MirrorsCommand.self, CaptureCommand.self, ScenesCommand.self])
}
