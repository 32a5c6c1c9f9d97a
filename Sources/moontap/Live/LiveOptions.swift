import ArgumentParser
import Live
import Mirroring

/// What a live run takes besides.
struct LiveOptions: ParsableArguments {
  @Flag(help: "Capture on the ENIs' interfaces and send the copies, until SIGTERM or Ctrl-C.")
  var live = false

  @Option(help: ArgumentHelp("Live: bytes of a frame that are kept. (default: all)", valueName: "bytes"))
  var snapLength: Int?

  @Option(help: ArgumentHelp("Live: memory in which an interface's frames wait. (default: 16)", valueName: "MiB"))
  var ring: Int?

  @Option(
    help: ArgumentHelp(
      "Live: how long a frame may wait for others, 1 is immediate. (default: 10)", valueName: "milliseconds"))
  var captureWait: Int?

  @Option(
    help: ArgumentHelp(
      "Live: threads that share the packets, each with a state of its own of every policy. (default: 1)",
      valueName: "number"))
  var workers: Int?

  @Option(help: ArgumentHelp("Live: DSCP of the outer packets. (default: 8, CS1)", valueName: "0-63"))
  var dscp: Int?

  @Option(help: "Live: copies too long for the path are sent in fragments, cut short, or dropped. (default: fragment)")
  var oversize: Oversize?

  @Option(help: ArgumentHelp("Live: the interface that copies without encapsulation leave by.", valueName: "name"))
  var inject: String?

  @Option(help: ArgumentHelp("Live: bits of copies in a second at most. (default: any)", valueName: "bit/s"))
  var budgetBits: Int?

  @Option(help: ArgumentHelp("Live: copies in a second at most. (default: any)", valueName: "packet/s"))
  var budgetPackets: Int?

  @Option(
    help: ArgumentHelp("Live: share of one processor that the engine may take. (default: any)", valueName: "percent"))
  var budgetCpu: Int?

  @Option(help: ArgumentHelp("Live: memory in which copies to one receiver wait. (default: 4096)", valueName: "KiB"))
  var queue: Int?

  @Option(
    help: ArgumentHelp(
      "Live: what receivers are asked each second, icmp or tcp:PORT. (default: nothing)", valueName: "what"))
  var probe: String?

  @Option(
    help: ArgumentHelp(
      "Live: how long a receiver that was down must be well before it gets copies again. (default: 5)",
      valueName: "seconds"))
  var recovery: Int?

  @Option(
    help: ArgumentHelp(
      "Live: the user to become once all is open. (default: stays, without its rights)", valueName: "name"))
  var user: String?

  enum Oversize: String, ExpressibleByArgument, CaseIterable { case fragment, truncate, drop }

  private static let limits = 10...1_000_000_000_000

  func validate() throws {
    guard live else {
      if let given = given.first(where: \.isGiven) {
        throw ValidationError("\(given.name) is for live runs: add --live, or leave it out.")
      }
      return
    }
    try check("--snap-length", snapLength, 64...262_144)
    try check("--ring", ring, 1...4096)
    try check("--capture-wait", captureWait, 1...1000)
    try check("--workers", workers, 1...64)
    try check("--dscp", dscp, 0...63)
    try check("--queue", queue, 4...1 << 20)
    try check("--recovery", recovery, 1...3600)
    try check("--budget-bits", budgetBits, Self.limits)
    try check("--budget-packets", budgetPackets, Self.limits)
    try check("--budget-cpu", budgetCpu, 1...100)
    if let probe, Self.probe(probe) == nil {
      throw ValidationError("--probe is icmp or tcp:PORT, as in tcp:443, not '\(probe)'.")
    }
  }

  private var given: [(name: String, isGiven: Bool)] {
    [
      ("--snap-length", snapLength != nil), ("--ring", ring != nil), ("--capture-wait", captureWait != nil),
      ("--workers", workers != nil), ("--dscp", dscp != nil), ("--oversize", oversize != nil),
      ("--queue", queue != nil), ("--user", user != nil),
      ("--probe", probe != nil), ("--recovery", recovery != nil), ("--budget-bits", budgetBits != nil),
      ("--inject", inject != nil), ("--budget-packets", budgetPackets != nil), ("--budget-cpu", budgetCpu != nil),
    ]
  }

  /// An option that has a meaning only when copies are sent.
  var givenForSending: String? {
    let others: Set = ["--snap-length", "--ring", "--capture-wait", "--workers", "--user"]
    return given.first { $0.isGiven && !others.contains($0.name) }?.name
  }

  private func check(_ name: String, _ value: Int?, _ range: ClosedRange<Int>) throws {
    guard let value, !range.contains(value) else { return }
    throw ValidationError("\(name) is from \(range.lowerBound) to \(range.upperBound), not \(value).")
  }

  private static func probe(_ text: String) -> HealthOptions.Probe? {
    if text == "icmp" { return .icmp }
    guard text.hasPrefix("tcp:"), let port = UInt16(text.dropFirst(4)), port > 0 else { return nil }
    return .tcp(port: port)
  }

  var workerCount: Int { workers ?? 1 }

  var health: HealthOptions {
    var options = HealthOptions()
    options.probe = probe.flatMap(Self.probe)
    if let recovery { options.recovery = Int64(recovery) * 1_000_000_000 }
    return options
  }

  var capture: CaptureOptions {
    var options = CaptureOptions()
    if let snapLength { options.snapLength = snapLength }
    if let ring { options.ringByteCount = ring << 20 }
    if let captureWait { options.blockMilliseconds = captureWait }
    return options
  }

  var send: SendOptions {
    var options = SendOptions()
    if let dscp { options.dscp = UInt8(dscp) }
    if let oversize { options.oversize = OversizePolicy(rawValue: oversize.rawValue)! }
    if let queue { options.queueByteCount = queue << 10 }
    options.queueByteCount = max(4096, options.queueByteCount / workerCount)
    options.budget.limits = MirrorBudget(bits: budgetBits.map(UInt64.init), packets: budgetPackets.map(UInt64.init))
    options.injection = inject
    options.budget.cpuShare = budgetCpu.map { Double($0) / 100 }
    return options
  }
}
