import ArgumentParser
import Inventory
import JSONText

struct InventoryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inventory",
    abstract: "Check, show, import and discover inventories (moontap.inventory/1).",
    discussion: """
      EXAMPLES:
        moontap inventory check shop.json
        moontap inventory show shop.json
        moontap inventory show shop.json --json
        moontap inventory import shop.json
        moontap inventory discover --write host.json
      """,
    subcommands: [Check.self, Show.self, Import.self, Discover.self])

  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Report everything that is wrong in inventory files, with line and path.")

    @Argument(help: ArgumentHelp("Inventory files.", valueName: "file"), completion: .file())
    var files: [String]

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() throws {
      try finish {
        var problems: [Problem] = []
        var results: [JSONValue] = []
        for file in files {
          do {
            let inventory = try Inventory.read(file)
            if !json { try Terminal.write("\(file): \(inventory.sizeInWords)\n") }
            results.append(["file": .string(file), "ok": true, "counts": inventory.counts])
          } catch let error as Problems {
            problems += error.list
            results.append(.object([JSONMember("file", .string(file)), JSONMember("ok", false)] + error.list.json))
          }
        }
        if json {
          try Terminal.write(
            (["format": "moontap.check/1", "inventories": .array(results)] as JSONValue).text(.pretty) + "\n")
        }
        problems.complain()
        return problems.isEmpty ? .ok : .badInput
      }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print what an inventory holds, references resolved, implicit local routes included.")

    @Argument(help: ArgumentHelp("Inventory file.", valueName: "file"), completion: .file())
    var file: String

    @Option(help: ArgumentHelp("Only this VPC.", valueName: "id"))
    var vpc: String?

    @Flag(help: "Print as JSON (moontap.inventory/1, in canonical order).")
    var json = false

    func run() throws {
      try finish {
        let inventory = try Inventory.read(file)
        if let vpc, !inventory.vpcs.contains(where: { $0.id == vpc }) {
          let known = inventory.vpcs.map(\.id).joined(separator: ", ")
          throw Problem(
            place: file, code: "network.unknown", sentence: "there is no VPC \(vpc.quotedForMessage)",
            hint: "the file has \(known.isEmpty ? "none" : known)")
        }
        let text = InventoryText(inventory: inventory, vpc: vpc)
        try Terminal.write(json ? text.json.text(.pretty) + "\n" : text.text)
        return .ok
      }
    }
  }
}

extension Inventory {
  /// Reads a file.
  ///
  /// - Throws: `Problems`: everything wrong with it.
  /// - Parameter isReload: only a regular file will do: nothing else can be read twice.
  static func read(_ path: String, isReload: Bool = false) throws(Problems) -> Inventory {
    do {
      return try Inventory(json: TextFile.read(path, what: "inventory", mustBeFile: isReload), file: path)
    } catch let error as InventoryError {
      throw Problems(list: error.problems)
    } catch let problem as Problem {
      throw Problems(list: [problem])
    } catch {
      throw Problems(list: [Problem(place: path, code: "file.unreadable", sentence: "\(error)")])
    }
  }

  var counts: JSONValue {
    [
      "regions": .integer(regions.count), "vpcs": .integer(vpcs.count), "subnets": .integer(subnets.count),
      "enis": .integer(enis.count), "routeTables": .integer(routeTables.count),
      "natGateways": .integer(natGateways.count),
    ]
  }

  /// `1 region, 2 VPCs, 5 subnets, 12 ENIs`
  var sizeInWords: String {
    func count(_ number: Int, _ one: String, _ many: String) -> String { "\(number) \(number == 1 ? one : many)" }
    return [
      count(regions.count, "region", "regions"), count(vpcs.count, "VPC", "VPCs"),
      count(subnets.count, "subnet", "subnets"), count(enis.count, "ENI", "ENIs"),
      count(routeTables.count, "route table", "route tables"),
      count(natGateways.count, "NAT gateway", "NAT gateways"),
    ].joined(separator: ", ")
  }
}

extension InventoryError {
  var problems: [Problem] {
    switch self {
    case .json(let error): [Problem(error)]
    case .invalid(let list):
      list.map { problem in
        Problem(
          place: "\(problem.file):\(problem.position.line)", code: problem.code.rawValue,
          sentence: (problem.path.isEmpty ? "" : problem.path + ": ") + problem.message, hint: problem.hint)
      }
    }
  }
}

extension Problem {
  init(_ error: JSONError) {
    self.init(
      place: "\(error.file):\(error.position.line):\(error.position.column)", code: error.code, sentence: error.message)
  }

  var json: JSONValue {
    .object(
      [
        place.map { JSONMember("place", .string($0)) }, JSONMember("code", .string(code)),
        JSONMember("severity", isWarning ? "warning" : "error"), JSONMember("sentence", .string(sentence)),
        hint.map { JSONMember("hint", .string($0)) },
      ].compactMap { $0 })
  }
}
