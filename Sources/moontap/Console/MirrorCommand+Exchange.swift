import ArgumentParser
import Cloud
import JSONText
import Mirroring
import Store

enum MirrorFormat: String, ExpressibleByArgument, CaseIterable { case moontap, tencent }

extension MirrorCommand {
  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print stored mirrors as a moontap.mirrors/1 file.",
      discussion: """
        EXAMPLES:
          moontap mirror export > mirrors.json
          moontap mirror export web-to-ids --vpc vpc-shop
          moontap mirror export --format tencent
        """)

    @Argument(help: ArgumentHelp("Names; without them all mirrors.", valueName: "name"))
    var names: [String] = []

    @Option(help: ArgumentHelp("Only this VPC.", valueName: "id"))
    var vpc: String?

    @Option(help: "moontap, or tencent: the answer of DescribeTrafficMirrors; what it cannot say is listed.")
    var format: MirrorFormat = .moontap

    @OptionGroup var options: StoreOptions

    func run() throws {
      try finish {
        let store = try options.open(.read)
        let all = try asking { () throws(StoreError) in try store.mirrors() }.filter { vpc == nil || $0.vpc == vpc }
        for name in names where !all.contains(where: { $0.name == name }) {
          throw Problem(
            code: "mirror.unknown", sentence: "there is no mirror \(name.quotedForMessage)",
            hint: Spelling.nearest(to: name, among: all.map(\.name)).map { "did you mean \($0.quotedForMessage)?" })
        }
        let mirrors = all.filter { names.isEmpty || names.contains($0.name) }.map(\.definition)
        return try format == .tencent ? writeTencent(mirrors) : write(mirrors)
      }
    }

    private func write(_ mirrors: [JSONValue]) throws -> Ending {
      let document: JSONValue = ["format": .string(MirrorsFile.format), "mirrors": .array(mirrors)]
      try Terminal.write(document.text(.pretty) + "\n")
      return .ok
    }

    private func writeTencent(_ mirrors: [JSONValue]) throws -> Ending {
      let (document, notes) = TencentMirrors.answer(for: mirrors)
      try Terminal.write(document.text(.pretty) + "\n")
      notes.map { Problem($0, exit: .findings) }.complain()
      return notes.allSatisfy(\.isWarning) ? .ok : .findings
    }
  }

  struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "import",
      abstract: "Store the mirrors of a file, all or none.",
      discussion: """
        EXAMPLES:
          moontap mirror import mirrors.json
          moontap mirror import --replace mirrors.json
          moontap mirror import --format tencent DescribeTrafficMirrors.json
        """)

    @Argument(help: ArgumentHelp("moontap.mirrors/1; - is standard input.", valueName: "file"), completion: .file())
    var file: String

    @Option(help: "moontap, or tencent: an answer of DescribeTrafficMirrors; what is not carried over is listed.")
    var format: MirrorFormat = .moontap

    @Flag(help: "A mirror whose VPC has one of the name becomes what the file says, instead of being refused.")
    var replace = false

    @OptionGroup var options: StoreOptions

    @Flag(help: "Print the mirrors as JSON.")
    var json = false

    func run() throws {
      try finish {
        try onScriptStack {
          let store = try options.open(.create)
          let wanted = try format == .tencent ? WantedMirror.readTencent(file, store) : WantedMirror.read(file)
          let outcomes = try asking { () throws(StoreError) in try store.create(wanted, replacing: replace) }
          try Report(json: json).say("imported", outcomes)
          return .ok
        }
      }
    }
  }
}
