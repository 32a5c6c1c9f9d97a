import ArgumentParser
import JSONText
import Mirroring
import Policy
import Store

struct MirrorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mirror",
    abstract: "The console: stored mirrors, their whole life.",
    discussion: """
      EXAMPLES:
        moontap mirror create --name web-to-ids --vpc vpc-shop \\
            --subnet subnet-web --protocol tcp --destination-port 443 \\
            --receivers "10.20.9.10, 10.20.9.11" --balance even
        moontap mirror create --interactive
        moontap mirror list
        moontap mirror modify web-to-ids --receivers @receivers.txt
        moontap mirror disable web-to-ids
        moontap mirror tag web-to-ids team=sec
        moontap mirror history web-to-ids
        moontap mirror delete web-to-ids
        sudo moontap mirror disable web-to-ids --engine

      A running engine follows its store. list, show, enable and disable take --engine: a running engine's mirrors, wherever
      they come from.

      Every change is judged by the rules of docs/mirror-rules.md against the store's inventory (moontap inventory import) and
      written to the history.
      """,
    subcommands: [
      Create.self, List.self, Show.self, Modify.self, Enable.self, Disable.self, Tag.self, Untag.self, Delete.self,
      History.self, Export.self, Import.self,
    ])
}

/// One mirror of the store.
struct SelectorOptions: ParsableArguments {
  @Argument(help: ArgumentHelp("The mirror's name.", valueName: "name"))
  var mirror: String

  @Option(help: ArgumentHelp("Its VPC, where several have a mirror of the name.", valueName: "id"))
  var vpc: String?

  @Option(help: ArgumentHelp("Its region, where several have a VPC of the id.", valueName: "id"))
  var region: String?

  var selector: MirrorSelector { MirrorSelector(name: mirror, vpc: vpc, region: region) }
}

/// Where a definition of the command line stands, for messages.
let commandLine = "command line"

extension MirrorCommand {
  struct Create: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a mirror; it collects at once unless --disabled.",
      discussion: """
        EXAMPLES:
          moontap mirror create --name web-to-ids --vpc vpc-shop \\
              --subnet subnet-web --protocol tcp --destination-port 443 \\
              --receivers "10.20.9.10, 10.20.9.11"
          moontap mirror create --name all-egress --vpc vpc-shop \\
              --whole-vpc --nat nat-egress --receivers @receivers.txt
          moontap mirror create --from mirrors.json
          moontap mirror create --interactive
        """)

    @Option(help: ArgumentHelp("The VPC; a mirror stays in it for life.", valueName: "id"))
    var vpc: String?

    @Option(help: ArgumentHelp("The region, where several have a VPC of the id.", valueName: "id"))
    var region: String?

    @OptionGroup var definition: DefinitionOptions

    @Option(parsing: .singleValue, help: ArgumentHelp("A tag; may be repeated.", valueName: "key=value"))
    var tag: [String] = []

    @Flag(help: "Do not collect yet; an empty list of receivers is allowed then.")
    var disabled = false

    @Option(
      help: ArgumentHelp(
        "All mirrors of a moontap.mirrors/1 file, all or none; - is standard input.", valueName: "file"),
      completion: .file())
    var from: String?

    @Flag(help: "Ask for everything, with choices from the inventory.")
    var interactive = false

    @OptionGroup var options: StoreOptions

    @Flag(help: "Print the mirrors made as JSON.")
    var json = false

    func run() throws {
      try finish {
        try onScriptStack {
          let store = try options.open(.create)
          let wanted = try wantedMirrors(store)
          let outcomes = try asking { () throws(StoreError) in try store.create(wanted) }
          try Report(json: json).say("created", outcomes)
          return .ok
        }
      }
    }

    private func wantedMirrors(_ store: MirrorStore) throws -> [WantedMirror] {
      let members = try members()
      let isGiven = !members.isEmpty
      if from != nil || interactive, isGiven || (from != nil && interactive) {
        throw ValidationError("--from, --interactive and the options of a definition exclude each other.")
      }
      if let from { return try WantedMirror.read(from) }
      if interactive { return [try Wizard(store: store).ask()] }
      return [WantedMirror(members, file: commandLine)]
    }

    private func members() throws -> [JSONMember] {
      var members = try definition.members()
      if let vpc { members.append(JSONMember("vpc", .string(vpc))) }
      if let region { members.append(JSONMember("region", .string(region))) }
      if disabled { members.append(JSONMember("enabled", false)) }
      if !tag.isEmpty { members.append(JSONMember("tags", .object(try Tag.members(tag)))) }
      return members
    }
  }

  struct Modify: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Change what is given; all else stays, the VNI too.",
      discussion: """
        EXAMPLES:
          moontap mirror modify web-to-ids --name web-to-zeek --direction in
          moontap mirror modify web-to-ids \\
              --receivers @receivers.txt --balance eni-hash
          moontap mirror modify web-to-ids --no-filter
          moontap mirror modify web-to-ids --budget-bits 100000000 --priority 20
          moontap mirror modify web-to-ids --from changes.json

        A file holds one mirror; its members replace those of the stored one, null brings the default back.
        """)

    @OptionGroup var selection: SelectorOptions
    @OptionGroup var definition: DefinitionOptions

    @Flag(help: "No filter: everything in range and direction.")
    var noFilter = false

    @Flag(help: "No budget: as many copies as there are.")
    var noBudget = false

    @Option(help: ArgumentHelp("A moontap.mirrors/1 file with one mirror.", valueName: "file"), completion: .file())
    var from: String?

    @OptionGroup var options: StoreOptions

    @Flag(help: "Print the mirror as JSON.")
    var json = false

    func run() throws {
      try finish {
        try onScriptStack {
          let edit = try edit()
          let store = try options.open(.change)
          let outcome = try asking { () throws(StoreError) in
            try store.modify(selection.selector, file: edit.file) {
              let changes = from == nil ? edit.members.withRest(of: $0.value("budget")) : edit.members
              StoreChange.Action.modify(changes).edit(&$0)
            }
          }
          try Report(json: json).say("modified", [outcome])
          return .ok
        }
      }
    }

    private func edit() throws -> WantedMirror {
      var members = try definition.members()
      if noFilter {
        if members.value("filter") != nil { throw ValidationError("--no-filter excludes the options of a filter.") }
        members.append(JSONMember("filter", .null))
      }
      if noBudget {
        if members.value("budget") != nil { throw ValidationError("--no-budget excludes the options of a budget.") }
        members.append(JSONMember("budget", .null))
      }
      guard let from else {
        guard !members.isEmpty else { throw ValidationError("Nothing to change: name a field, or --from FILE.") }
        return WantedMirror(members, file: commandLine)
      }
      guard members.isEmpty else { throw ValidationError("--from and the options of a definition exclude each other.") }
      let mirrors = try WantedMirror.read(from)
      guard mirrors.count == 1 else {
        throw Problem(place: from, code: "mirrors.several", sentence: "holds \(mirrors.count) mirrors, one is wanted")
      }
      return mirrors[0]
    }
  }
}

extension [JSONMember] {
  /// A budget that is changed keeps the limits that are not named.
  func withRest(of budget: JSONValue?) -> [JSONMember] {
    guard let old = budget?.members, let new = value("budget")?.members else { return self }
    var changes = self
    changes.set("budget", .object(new + old.filter { new.value($0.name) == nil }))
    return changes
  }

  /// Replaces the members of a definition; an encapsulation is completed from the old one, so that its VNI stays.
  mutating func apply(_ edit: [JSONMember]) {
    for member in edit {
      let old = value(member.name)
      if member.name == "encapsulation", let old = old?.members, let new = member.value.members {
        set("encapsulation", .object(Self.completed(new, from: old)))
      } else {
        set(member.name, member.value)
      }
    }
  }

  private static func completed(_ new: [JSONMember], from old: [JSONMember]) -> [JSONMember] {
    let type = new.value("type")?.string ?? old.value("type")?.string
    var result = new
    if new.value("type") == nil, let kept = old.value("type") { result.append(JSONMember("type", kept)) }
    let vni = old.value("vni")?.integer ?? 0
    if new.value("vni") == nil, type != "none", type != "erspan2" || vni < 1024, let kept = old.value("vni") {
      result.append(JSONMember("vni", kept))
    }
    if new.value("port") == nil, type == "vxlan", let kept = old.value("port") {
      result.append(JSONMember("port", kept))
    }
    return result
  }
}
