import ArgumentParser
import Foundation
import Inventory
import JSONText
import Store

extension InventoryCommand {
  struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "import",
      abstract: "Bring an inventory into the store; say what changes, and which mirrors break a rule then.",
      discussion: """
        EXAMPLES:
          moontap inventory import shop.json
          moontap inventory import vpcs.json subnets.json \\
              enis-1.json enis-2.json routes.json nats.json
          moontap inventory import answers/*.json --write shop.json
          moontap inventory import shop.json --dry-run

        Files are moontap.inventory/1, or answers of a cloud's API, all of them together: of Tencent Cloud (DescribeVpcs, \
        DescribeSubnets, DescribeNetworkInterfaces, DescribeRouteTables, DescribeNatGateways) or of AWS (describe-vpcs and \
        its sisters), whole, only what stands inside, or the bare lists, in any number of pages.

        The regions of the file take the place of those of the same id; other regions stay. Mirrors that break a rule \
        afterwards are listed and stay as they are (exit code 1). An import that takes away a NAT gateway which a mirror \
        filters by is refused without --force.
        """)

    @Argument(help: ArgumentHelp("Files; - is standard input.", valueName: "file"), completion: .file())
    var files: [String]

    @Option(help: ArgumentHelp("Region of a cloud's answers; without it the zones tell.", valueName: "id"))
    var region: String?

    @Option(
      help: ArgumentHelp("Write a moontap.inventory/1 file instead; no store is touched.", valueName: "file"),
      completion: .file())
    var write: String?

    @Flag(help: "Only say what would change.")
    var dryRun = false

    @Flag(help: "Also if a NAT gateway vanishes that a mirror filters by.")
    var force = false

    @OptionGroup var options: StoreOptions

    @Flag(help: "Print the changes as JSON.")
    var json = false

    func run() throws {
      try finish {
        try onScriptStack {
          let inventory = try CloudFiles(region: region).inventory(files)
          if let write { return try self.write(inventory, to: write) }
          let store = try options.open(.create)
          let result = try asking { () throws(StoreError) in
            try store.importInventory(inventory, force: force, isRehearsal: dryRun)
          }
          try Terminal.write(json ? result.json.text(.pretty) + "\n" : result.text(isRehearsal: dryRun))
          result.complaints.complain()
          return result.invalid.isEmpty ? .ok : .findings
        }
      }
    }

    private func write(_ inventory: Inventory, to path: String) throws -> Ending {
      try Data((inventory.json().text(.pretty) + "\n").utf8).write(to: URL(filePath: path), options: .atomic)
      try Terminal.write("\(path): \(inventory.sizeInWords)\n")
      return .ok
    }

    func validate() throws {
      if files.count(where: { $0 == "-" }) > 1 { throw ValidationError("Standard input (-) can be read once.") }
      if write != nil, dryRun || force || json {
        throw ValidationError(
          "--write makes a file and touches no store: --dry-run, --force and --json say nothing there.")
      }
    }
  }
}

extension InventoryImport {
  /// `+ ENI eni-web3 (vpc-shop)`, a line a change, and how many there are.
  func text(isRehearsal: Bool) -> String {
    let marks: [InventoryDiff.Change.Sort: String] = [.added: "+", .removed: "-", .changed: "~"]
    var text = ""
    for change in diff.changes {
      text += "\(marks[change.sort] ?? "?") \(change.kind == .vpc ? "VPC" : change.kind.rawValue) \(change.id)"
      if let vpc = change.vpc, change.kind != .vpc { text += " (\(vpc))" }
      text += (change.members.isEmpty ? "" : ": \(change.members.joined(separator: ", "))") + "\n"
    }
    func count(_ sort: InventoryDiff.Change.Sort) -> Int { diff.changes.count { $0.sort == sort } }
    if diff.isEmpty {
      text += "nothing changes\n"
    } else {
      text += "\(count(.added)) added, \(count(.removed)) removed, \(count(.changed)) changed"
      text += isRehearsal ? " (only said, not done)\n" : "\n"
    }
    for mirror in mended { text += "valid again: \(mirror.name) in \(mirror.vpc)\n" }
    return text
  }

  var complaints: [Problem] {
    invalid.flatMap { mirror in
      mirror.problems.map { violation in
        var problem = Problem(violation)
        problem.sentence += " (the stored mirror stays as it is)"
        problem.exit = .findings
        return problem
      }
    }
      + lostGateways.map { lost in
        var problem = Problem(lost, code: "inventory.nat-in-use")
        problem.isWarning = true
        return problem
      }
  }

  var json: JSONValue {
    let changes = diff.changes.map { change -> JSONValue in
      [
        "change": .string(change.sort.rawValue), "kind": .string(change.kind.rawValue), "id": .string(change.id),
        "region": .string(change.region), "vpc": change.vpc.map { .string($0) } ?? .null,
        "members": .array(change.members.map { .string($0) }),
      ]
    }
    return [
      "format": "moontap.inventory-import/1", "changes": .array(changes), "invalid": .array(invalid.map(\.json)),
      "mended": .array(mended.map(\.json)), "problems": .array(complaints.map(\.json)),
    ]
  }
}
