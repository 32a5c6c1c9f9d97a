import ArgumentParser
import JSONText
import Store

extension MirrorCommand {
  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the mirrors.",
      discussion: """
        EXAMPLES:
          moontap mirror list
          moontap mirror list --vpc vpc-shop --tag team=sec --json
          sudo moontap mirror list --engine
        """)

    @Option(help: ArgumentHelp("Only this VPC.", valueName: "id"))
    var vpc: String?

    @Option(parsing: .singleValue, help: ArgumentHelp("Only with this tag; may be repeated.", valueName: "key[=value]"))
    var tag: [String] = []

    @Flag(help: "Only those that break a rule since the inventory changed.")
    var invalid = false

    @OptionGroup var options: StoreOptions
    @OptionGroup var engine: EngineMirrorOptions

    @Flag(help: "Print as JSON.")
    var json = false

    func validate() throws {
      try engine.validate(options)
      if engine.isWanted, !tag.isEmpty || invalid {
        throw ValidationError("--tag and --invalid are for mirrors of the store, not of an engine.")
      }
    }

    func run() throws {
      try finish {
        if engine.isWanted {
          let mirrors = try engine.mirrors().filter { vpc == nil || $0.text("vpc") == vpc }
          let list: JSONValue = ["mirrors": .array(mirrors.map(\.json))]
          try Terminal.write(json ? list.text(.pretty) + "\n" : EngineMirror.table(mirrors))
          return .ok
        }
        let store = try options.open(.read)
        let mirrors = try asking { () throws(StoreError) in try store.mirrors() }.filter(isWanted)
        try Terminal.write(json ? mirrors.json.text(.pretty) + "\n" : mirrors.table)
        mirrors.complaints.complain()
        return .ok
      }
    }

    private func isWanted(_ mirror: StoredMirror) -> Bool {
      (vpc == nil || mirror.vpc == vpc) && (!invalid || !mirror.problems.isEmpty)
        && tag.allSatisfy { wanted in
          mirror.tags.contains { $0.key == wanted || "\($0.key)=\($0.value)" == wanted }
        }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show everything about a mirror.")

    @OptionGroup var selection: SelectorOptions
    @OptionGroup var options: StoreOptions
    @OptionGroup var engine: EngineMirrorOptions

    @Flag(help: "Print as JSON.")
    var json = false

    func validate() throws { try engine.validate(options) }

    func run() throws {
      try finish {
        if engine.isWanted {
          let mirror = try engine.mirror(selection)
          try Terminal.write(json ? mirror.json.text(.pretty) + "\n" : mirror.shown)
          return .ok
        }
        let store = try options.open(.read)
        let mirror = try asking { () throws(StoreError) in try store.mirror(selection.selector) }
        try Terminal.write(json ? [mirror].json.text(.pretty) + "\n" : mirror.text)
        return .ok
      }
    }
  }

  struct History: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Who changed what and when, also of mirrors that are deleted.",
      discussion: """
        EXAMPLES:
          moontap mirror history
          moontap mirror history web-to-ids --json
        """)

    @Argument(help: ArgumentHelp("A name that the mirror has or had; without it everything.", valueName: "name"))
    var mirror: String?

    @Option(help: ArgumentHelp("Only this VPC.", valueName: "id"))
    var vpc: String?

    @OptionGroup var options: StoreOptions

    @Flag(help: "Print as JSON.")
    var json = false

    func run() throws {
      try finish {
        let store = try options.open(.read)
        let selector = mirror.map { MirrorSelector(name: $0, vpc: vpc) }
        let entries = try asking { () throws(StoreError) in try store.history(of: selector) }
          .filter { vpc == nil || $0.vpc == vpc }
        if let mirror, entries.isEmpty {
          throw Problem(code: "mirror.unknown", sentence: "no mirror was ever called \(mirror.quotedForMessage)")
        }
        try Terminal.write(json ? entries.json.text(.pretty) + "\n" : entries.map(\.text).joined())
        return .ok
      }
    }
  }
}

extension HistoryEntry {
  /// A line, and one for each member that changed.
  var text: String {
    let subject = name.map { "\($0) in \(vpc)" } ?? (vpc.isEmpty ? "the store" : "inventory of \(vpc)")
    var text = "\(time)  \(TextTable.plain(actor))  \(action)  \(subject)\n"
    for line in changeLines { text += "  \(line)\n" }
    return text
  }

  /// `enabled: true → false`; of a mirror that was there before and after.
  var changeLines: [String] {
    guard mirror != nil, before != nil, after != nil else { return [] }
    return changes.map { name, old, new in "\(name): \(Self.shown(old)) → \(Self.shown(new))" }
  }

  private static func shown(_ value: JSONValue?) -> String { value?.text() ?? "nothing" }
}

extension [HistoryEntry] {
  var json: JSONValue {
    let entries = map { entry -> JSONValue in
      [
        "id": .integer(entry.id), "time": .string(entry.time), "actor": .string(entry.actor),
        "action": .string(entry.action), "mirror": entry.mirror.map { .integer($0) } ?? .null,
        "region": .string(entry.region), "vpc": .string(entry.vpc), "name": entry.name.map { .string($0) } ?? .null,
        "before": entry.before ?? .null, "after": entry.after ?? .null,
      ]
    }
    return ["format": "moontap.history/1", "entries": .array(entries)]
  }
}
