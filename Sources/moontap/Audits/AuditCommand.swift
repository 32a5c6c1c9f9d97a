import ArgumentParser

struct AuditCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit",
    abstract: "Run audit scripts over captures and configurations, and report.",
    discussion: """
      EXAMPLES:
        moontap audit examples/audits --inventory shop.json \\
            --read day.pcapng --report report.html
        moontap audit examples/audits --inventory shop.json --mirrors mirrors.json
        moontap audit audits --read *.pcap --json > monday.json
        moontap audit merge part1.json part2.json --report all.html

      All options: moontap audit run --help

      The exit code is 0 without findings, 1 with findings, 2 if something was not evaluated: a script that failed or took too
      long, a damaged capture. See docs/audits.md.
      """,
    subcommands: [AuditRunCommand.self, AuditMergeCommand.self], defaultSubcommand: AuditRunCommand.self)
}
