import ArgumentParser
import JSONText
import Policy
import Store

extension MirrorCommand {
  struct Enable: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Collect traffic: on. The rules are checked again.")

    @OptionGroup var selection: SelectorOptions
    @OptionGroup var options: StoreOptions
    @OptionGroup var engine: EngineMirrorOptions

    @Flag(help: "Print the mirror as JSON.")
    var json = false

    func validate() throws { try engine.validate(options) }

    func run() throws {
      try finish {
        if engine.isWanted {
          try engine.set(selection, isEnabled: true, json: json)
          return .ok
        }
        return try onScriptStack {
          let store = try options.open(.change)
          let outcome = try asking { () throws(StoreError) in
            try store.modify(selection.selector, as: .enable, file: commandLine) { StoreChange.Action.enable.edit(&$0) }
          }
          try Report(json: json).say("enabled", [outcome])
          return .ok
        }
      }
    }
  }

  struct Disable: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Collect traffic: off. Always possible, also for a mirror that breaks a rule.")

    @OptionGroup var selection: SelectorOptions
    @OptionGroup var options: StoreOptions
    @OptionGroup var engine: EngineMirrorOptions

    @Flag(help: "Print the mirror as JSON.")
    var json = false

    func validate() throws { try engine.validate(options) }

    func run() throws {
      try finish {
        if engine.isWanted {
          try engine.set(selection, isEnabled: false, json: json)
          return .ok
        }
        return try onScriptStack {
          let store = try options.open(.change)
          let outcome = try asking { () throws(StoreError) in try store.disable(selection.selector) }
          try Report(json: json).say("disabled", [outcome])
          return .ok
        }
      }
    }
  }

  struct Tag: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Give a mirror tags; a key that it has gets the new value.",
      discussion: """
        EXAMPLES:
          moontap mirror tag web-to-ids team=sec ticket=4711
        """)

    @OptionGroup var selection: SelectorOptions

    @Argument(help: ArgumentHelp("Tags.", valueName: "key=value"))
    var tags: [String]

    @OptionGroup var options: StoreOptions

    @Flag(help: "Print the mirror as JSON.")
    var json = false

    func validate() throws { _ = try Self.members(tags) }

    static func members(_ texts: [String]) throws -> [JSONMember] {
      try texts.map { text in
        // An empty key is the rules' to refuse.
        if text.hasPrefix("=") { return JSONMember("", .string(String(text.dropFirst()))) }
        let (key, value) = try DefinitionOptions.pair(text, "tag", example: "team=sec")
        return JSONMember(key, .string(value))
      }
    }

    func run() throws {
      try finish {
        try onScriptStack {
          let store = try options.open(.change)
          let wanted = try Self.members(tags)
          let outcome = try asking { () throws(StoreError) in
            try store.modify(selection.selector, as: .tag, file: commandLine) {
              StoreChange.Action.tag(wanted).edit(&$0)
            }
          }
          try Report(json: json).say("tagged", [outcome])
          return .ok
        }
      }
    }
  }

  struct Untag: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Take tags away from a mirror.")

    @OptionGroup var selection: SelectorOptions

    @Argument(help: ArgumentHelp("Keys of tags.", valueName: "key"))
    var keys: [String]

    @OptionGroup var options: StoreOptions

    @Flag(help: "Print the mirror as JSON.")
    var json = false

    func run() throws {
      try finish {
        try onScriptStack {
          let store = try options.open(.change)
          var missing: [String] = []
          let outcome = try asking { () throws(StoreError) in
            try store.modify(selection.selector, as: .untag, file: commandLine) { members in
              let old = members.value("tags")?.members ?? []
              missing = keys.filter { key in !old.contains { $0.name == key } }
              StoreChange.Action.untag(keys).edit(&members)
            }
          }
          try Report(json: json).say("untagged", [outcome])
          for key in missing {
            [Problem(code: "tags.unknown", sentence: "it had no tag \(key.quotedForMessage)", isWarning: true)]
              .complain()
          }
          return .ok
        }
      }
    }
  }

  struct Delete: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Delete a mirror for good; its history stays. Asks first.")

    @OptionGroup var selection: SelectorOptions
    @OptionGroup var options: StoreOptions

    @Flag(name: .shortAndLong, help: "Do not ask.")
    var yes = false

    @Flag(help: "Print the mirror as JSON.")
    var json = false

    func run() throws {
      try finish {
        let store = try options.open(.change)
        let mirror = try asking { () throws(StoreError) in try store.mirror(selection.selector) }
        guard try Question.confirms("Delete \(mirror.line)?", yes: yes) else { return .findings }
        // Exactly the one that was shown, should another of the name have come meanwhile elsewhere.
        let selector = MirrorSelector(name: mirror.name, vpc: mirror.vpc, region: mirror.region)
        let deleted = try asking { () throws(StoreError) in try store.delete(selector) }
        try Report(json: json).say("deleted", [MirrorOutcome(deleted: deleted)])
        return .ok
      }
    }
  }
}
