import ArgumentParser
import Foundation
import Inventory
import LuaRuntime
import Policy

struct InitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init",
    abstract: "Write a starter policy, its test, an inventory, and what editors need.",
    discussion: """
      EXAMPLES:
        moontap init shop

      The folder is made if need be. Nothing that is there is overwritten: if one of the files is, none is written.
      """)

  @Argument(help: ArgumentHelp("The folder.", valueName: "folder"), completion: .directory)
  var folder: String

  func run() throws {
    try finish {
      let files = try onScriptStack { try StarterFiles.all() }
      try refuse(files.filter { Self.exists(path($0.name)) }.map { path($0.name) })
      for file in files { try write(file) }
      try Terminal.write(next(files))
      return .ok
    }
  }

  private func path(_ name: String) -> String { folder.hasSuffix("/") ? folder + name : folder + "/" + name }

  /// Links that lead nowhere are there, too.
  private static func exists(_ path: String) -> Bool {
    (try? FileManager.default.attributesOfItem(atPath: path)) != nil
  }

  private func refuse(_ present: [String]) throws {
    let problems = present.map {
      Problem(place: $0, code: "init.exists", sentence: "is there already; nothing is written")
    }
    if !problems.isEmpty { throw Problems(list: problems) }
  }

  private func write(_ file: StarterFiles.File) throws {
    let path = path(file.name)
    do {
      let parent = URL(filePath: path).deletingLastPathComponent()
      try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
      // Another program may have made it meanwhile.
      try Data(file.text.utf8).write(to: URL(filePath: path), options: .withoutOverwriting)
    } catch {
      throw Problem(
        place: path, code: "output", sentence: "cannot be written: \(WholeFile.reason(error))", exit: .failed)
    }
  }

  private func next(_ files: [StarterFiles.File]) -> String {
    let policy = path(StarterFiles.policy)
    let inventory = "--inventory " + path("inventory.json")
    let width = files.map { path($0.name).count }.max() ?? 0
    return files.map { "\(Words.pad(path($0.name), width))  \($0.what)\n" }.joined() + """

      Next:
        moontap check \(policy) \(inventory)
        moontap test \(folder)
        moontap run \(policy) \(inventory) --read CAPTURE --write out

      """
  }
}

/// What `moontap init` writes. The files for editors are printed from the table that binds the language.
enum StarterFiles {
  struct File {
    var name: String
    var what: String
    var text: String
  }

  static let policy = "web-to-ids.lua"

  static func all() throws -> [File] {
    let inventory = try Inventory(json: Array(inventoryText.utf8), file: "inventory.json")
    func names(isTested: Bool) throws -> [String] {
      var options = PolicyOptions()
      options.isTested = isTested
      return try Policy(source: "", file: "none.lua", host: 0, inventory: inventory, options: options).reachableNames()
    }
    let luacheck = PolicyReference.luacheck(names: try names(isTested: false), testNames: try names(isTested: true))
    return [
      File(name: policy, what: "the policy: what is copied, to whom", text: policyText),
      File(name: "web-to-ids_test.lua", what: "its tests", text: testText),
      File(name: "inventory.json", what: "what exists: networks and interfaces; put yours here", text: inventoryText),
      File(name: ".luarc.json", what: "settings of the Lua language server", text: editorText),
      File(name: ".moontap/moontap.d.lua", what: "the language, for its completion", text: PolicyReference.definitions),
      File(name: ".luacheckrc", what: "the language, for luacheck", text: luacheck),
    ]
  }

  private static let policyText = """
    -- Web traffic of the servers to two intrusion detection systems, without what the monitoring asks.

    local web = filter.quintuple { protocol = "tcp", destination_port = 443, bidirectional = true }
    local monitoring = set.cidrs { "10.20.9.5/32" }

    mirror {
      name = "web-to-ids", vpc = "vpc-shop",
      source = source.subnet("subnet-web"), direction = "all",
      filter = web & filter.when("not-monitoring", function(packet)
        return not (packet:source_in(monitoring) or packet:destination_in(monitoring))
      end),
      target = target.receivers "10.20.9.10, 10.20.9.11", balance = balance.even(),
    }

    """

  private static let testText = """
    -- inventory: inventory.json

    local ids = mirrors["web-to-ids"]
    local server, customer, monitor = "10.20.1.11", "192.0.2.7", "10.20.9.5"

    local function request(source, port)
      return packet.tcp { source = source, source_port = 5000, destination = server, destination_port = port or 443 }
    end

    test("requests and answers are copied, to one receiver", function()
      local answer = packet.tcp { source = server, source_port = 443, destination = customer, destination_port = 5000 }
      local there, back = ids:judge(request(customer)), ids:judge(answer)
      expect(there).reason:equals("collected")
      expect(there).direction:equals("in")
      expect(back).reason:equals("collected")
      expect(back).receiver:equals(there.receiver)
    end)

    test("monitoring is left out, in both directions", function()
      local answer = packet.tcp { source = server, source_port = 443, destination = monitor, destination_port = 5000 }
      expect(ids:judge(request(monitor))).reason:equals("filtered")
      expect(ids:judge(answer)).reason:equals("filtered")
    end)

    test("other ports and other subnets are left out", function()
      expect(ids:judge(request(customer, 22))).reason:equals("filtered")
      expect(ids:judge(packet.tcp { source = monitor, destination = customer, destination_port = 443 })).reason
        :equals("out-of-range")
    end)

    test("both detection systems share it", function()
      expect(ids.receivers):equals { "10.20.9.10", "10.20.9.11" }
    end)

    """

  private static let inventoryText = """
    {
      "format": "moontap.inventory/1",
      "regions": [
        {
          "id": "home",
          "vpcs": [
            {
              "id": "vpc-shop",
              "name": "shop",
              "cidrs": ["10.20.0.0/16"],
              "routeTables": [{"id": "rtb-main", "routes": []}],
              "subnets": [
                {"id": "subnet-web", "name": "web", "cidrs": ["10.20.1.0/24"], "routeTable": "rtb-main"},
                {"id": "subnet-tools", "name": "tools", "cidrs": ["10.20.9.0/24"], "routeTable": "rtb-main"}
              ],
              "enis": [
                {"id": "eni-web1", "subnet": "subnet-web", "mac": "02:00:0a:14:01:0b", "addresses": ["10.20.1.11"]},
                {"id": "eni-web2", "subnet": "subnet-web", "mac": "02:00:0a:14:01:0c", "addresses": ["10.20.1.12"]},
                {"id": "eni-monitor", "subnet": "subnet-tools", "addresses": ["10.20.9.5"]},
                {"id": "eni-ids1", "subnet": "subnet-tools", "addresses": ["10.20.9.10"]},
                {"id": "eni-ids2", "subnet": "subnet-tools", "addresses": ["10.20.9.11"]}
              ]
            }
          ]
        }
      ]
    }

    """

  private static let editorText = """
    {
      "$schema": "https://raw.githubusercontent.com/LuaLS/vscode-lua/master/setting/schema.json",
      "runtime.version": "Lua 5.4",
      "runtime.builtin": {
        "coroutine": "disable", "debug": "disable", "io": "disable", "os": "disable", "package": "disable"
      },
      "workspace.library": [".moontap"]
    }

    """
}
