import ArgumentParser
import JSONText
import Store

struct StoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "store",
    abstract: "Check, back up and restore the store of inventory, mirrors and history.",
    discussion: """
      EXAMPLES:
        moontap store check
        moontap store backup /var/backups/moontap.db
        moontap store restore /var/backups/moontap.db
      """,
    subcommands: [Check.self, Backup.self, Restore.self])

  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Look through the whole store: damage, and mirrors that break a rule.",
      discussion: "The exit code is 3 if the store is damaged, 1 if a mirror breaks a rule, 0 if all is well.")

    @OptionGroup var options: StoreOptions

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() throws {
      try finish {
        try onScriptStack {
          let store = try options.open(.read)
          let report = try asking { () throws(StoreError) in try store.check() }
          try Terminal.write(json ? text(report, store.path) : words(report, store.path))
          problems(report, store.path).complain()
          return report.troubles.isEmpty ? report.invalid.isEmpty ? .ok : .findings : .badInput
        }
      }
    }

    private func words(_ report: StoreReport, _ path: String) -> String {
      "\(path): schema \(report.schemaVersion), VPCs \(report.vpcs), mirrors \(report.mirrors),"
        + " lines of history \(report.historyEntries)\n"
    }

    private func problems(_ report: StoreReport, _ path: String) -> [Problem] {
      var list = report.troubles.map { Problem(place: path, code: $0.code, sentence: $0.sentence, hint: $0.hint) }
      list += report.invalid.flatMap(\.problems).map { Problem($0) }
      if report.isOpenToOthers {
        list.append(
          Problem(
            place: path, code: "store.open", sentence: "other users may read or write it",
            hint: "chmod 600 \(path)", isWarning: true))
      }
      return list
    }

    private func text(_ report: StoreReport, _ path: String) -> String {
      let result: JSONValue = [
        "format": "moontap.store-check/1", "store": .string(path),
        "ok": .bool(report.troubles.isEmpty && report.invalid.isEmpty), "schema": .integer(report.schemaVersion),
        "vpcs": .integer(report.vpcs), "mirrors": .integer(report.mirrors), "history": .integer(report.historyEntries),
        "problems": .array(problems(report, path).map(\.json)),
      ]
      return result.text(.pretty) + "\n"
    }
  }

  struct Backup: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write a whole copy of the store, also while others use it.")

    @Argument(help: ArgumentHelp("The copy.", valueName: "file"), completion: .file())
    var target: String

    @OptionGroup var options: StoreOptions

    @Flag(help: "Replace the file if it exists.")
    var force = false

    func run() throws {
      try finish {
        let store = try options.open(.read)
        try asking { () throws(StoreError) in try store.backup(to: target, replacing: force) }
        try Terminal.write("\(store.path) → \(target)\n")
        return .ok
      }
    }
  }

  struct Restore: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Put a backup in the place of what the store holds.",
      discussion: """
        Mirrors, inventory and history are those of the backup from then on; the history gets one more line. Asks first when \
        the store holds something.
        """)

    @Argument(help: ArgumentHelp("A copy made by moontap store backup.", valueName: "file"), completion: .file())
    var source: String

    @OptionGroup var options: StoreOptions

    @Flag(help: "Do not ask.")
    var yes = false

    func run() throws {
      try finish {
        let store = try options.open(.create)
        let mirrors = try asking { () throws(StoreError) in try store.mirrors() }
        let inventory = try asking { () throws(StoreError) in try store.inventory() }
        if !mirrors.isEmpty || inventory != nil {
          let question = "Replace \(store.path) (\(mirrors.count) mirrors) by \(source)?"
          guard try Question.confirms(question, yes: yes) else { return .findings }
        }
        try asking { () throws(StoreError) in try store.restore(from: source) }
        try Terminal.write("\(source) → \(store.path)\n")
        return .ok
      }
    }
  }
}
