import ArgumentParser
import JSONText

struct InventoryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inventory", abstract: "Print an inventory (moontap.inventory/1).")

  @Option(help: "Network interfaces of each VPC that are hosts.")
  var enis = 100
  @Option(help: "Network interfaces of each VPC that are receivers.")
  var receivers = 4
  @Option(help: "VPCs, all with the same addresses; the traffic is the first one's.")
  var vpcs = 1

  func validate() throws {
    try require(enis, in: 2...Network.maximumENIs, "--enis")
    try require(receivers, in: 1...Network.maximumReceivers, "--receivers")
    try require(vpcs, in: 1...Network.maximumVPCs, "--vpcs")
  }

  func run() {
    print(Network.inventory(vpcs: vpcs, enis: enis, receivers: receivers).text(.compact))
  }
}

struct MirrorsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mirrors",
    abstract: "Print mirrors (moontap.mirrors/1) for an inventory of `trafficgen inventory`.",
    discussion: "The first mirror collects TCP over IPv4; the others collect nothing. A VPC has at most five.")

  @Option(help: "Mirrors; for more than five the inventory needs a VPC for every five.")
  var count = 1
  @Option(help: "Receivers of each mirror.")
  var receivers = 4
  @Flag(help: "Print what the first mirror collects as a pcap-filter expression instead.")
  var asTcpdumpFilter = false

  func validate() throws {
    try require(count, in: 1...Network.maximumVPCs * Network.mirrorsPerVPC, "--count")
    try require(receivers, in: 1...Network.maximumReceivers, "--receivers")
  }

  func run() {
    print(
      asTcpdumpFilter
        ? Network.tcpdumpFilter(receivers: receivers)
        : Network.mirrors(count: count, receivers: receivers).text(.compact))
  }
}

/// Usage error for a number out of bounds.
func require(_ value: Int, in bounds: ClosedRange<Int>, _ option: String) throws {
  guard bounds.contains(value) else {
    throw ValidationError("\(option) is from \(bounds.lowerBound) to \(bounds.upperBound), not \(value).")
  }
}
