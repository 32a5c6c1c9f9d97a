import ArgumentParser
import Capture
import DataPath
import JSONText
import Mirroring

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Judge every packet of captures or interfaces, give each receiver its copies, print a summary.",
    discussion: """
      EXAMPLES:
        moontap run web-to-ids.lua --inventory shop.json \\
            --read hour.pcapng --write out
        moontap run --mirrors mirrors.json --inventory shop.json \\
            --read a.pcap b.pcap.gz --json
        tcpdump -w - | moontap run policy.lua --inventory shop.json \\
            --read - --write out --as encapsulated
        moontap run policy.lua --inventory shop.json \\
            --eni eni-web1=web1.pcap --eni eni-db1=db1.pcap
        sudo moontap run policy.lua --inventory shop.json --live
        sudo moontap run policy.lua --inventory shop.json --live \\
            --write /var/captures --rotate-time 5m --keep 288

      SIGHUP has inventory, mirrors and policies read again while the run goes on; what is wrong is refused, and nothing
      changes. A mirror that stays, by VPC and name, keeps its counters and its conversations their receivers.

      Captures that name their interface (pcapng) after an ENI, or that --eni binds, are that ENI's; all others are taps of
      the whole VPC.
      """)

  @OptionGroup var input: InputOptions
  @OptionGroup var traffic: TrafficOptions
  @OptionGroup var live: LiveOptions
  @OptionGroup var record: RecordOptions
  @OptionGroup var control: ControlOptions

  @Option(
    help: ArgumentHelp(
      "Write one capture per receiver into this folder; live: record the copies in it, see --rotate-size.",
      valueName: "folder"))
  var write: String?

  @Option(
    name: .customLong("as"),
    help: "What the captures hold: the packets, or the copies as they would travel. (default: inner)")
  var content: Content?

  @Option(help: "Format of the captures written. (default: pcapng)")
  var format: Format?

  @Flag(help: "Print the summary as JSON.")
  var json = false

  enum Content: String, ExpressibleByArgument, CaseIterable { case inner, encapsulated }
  enum Format: String, ExpressibleByArgument, CaseIterable { case pcapng, pcap }

  func validate() throws {
    if live.live {
      guard try traffic.recorded.captures().isEmpty else {
        throw ValidationError("--live takes its traffic from interfaces: no --read, no --eni.")
      }
      guard content == nil, format == nil else {
        throw ValidationError("Live, packets are recorded as they were captured, as pcapng: no --as, no --format.")
      }
    } else if try traffic.recorded.captures().isEmpty {
      throw ValidationError("No traffic: --read CAPTURE names what to judge, --live takes that of the interfaces.")
    }
    try record.check(live, folder: write)
    if write == nil, content != nil || format != nil {
      throw ValidationError("--as and --format say how captures are written: --write FOLDER says where.")
    }
  }

  func run() throws {
    try finish {
      let hangup = try Hangup.catchSignal()
      // Not yet on another thread: rights are given up thread by thread.
      let liveRun = live.live ? try LiveRun(input, traffic, live, control, record: try recorded) : nil
      return try onScriptStack {
        let outcome = try liveRun?.carryOut(hangup: hangup) ?? offline(hangup)
        let summary = outcome.summary
        try Terminal.write(json ? summary.json.text(.pretty) + "\n" : summary.text)
        outcome.problems.complain()
        return outcome.ending
      }
    }
  }

  private func offline(_ hangup: Int32) throws -> OfflineRun.Outcome {
    try OfflineRun(input, traffic, output: output, control: control, hangup: hangup).carryOut()
  }

  private var recorded: Record? {
    get throws { try write.map { Record(folder: $0, options: try record.options(), isAlone: record.noSend) } }
  }

  private var output: OfflineRun.Output? {
    write.map { folder in
      OfflineRun.Output(
        folder: folder, format: format == .pcap ? .pcap : .pcapng,
        content: content == .encapsulated ? .encapsulated : .inner)
    }
  }
}
