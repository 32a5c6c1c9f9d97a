import Foundation
import JSONText
import Testing

/// The console's page, from the first mirror to its deletion, on the command line.
struct WalkThroughTests {
  @Test func theWholeLifeOfAMirror() throws {
    let scene = try ConsoleScene()

    // Create: a source range, a filter, a target.
    let created = try scene.run(
      "mirror", "create", "--name", "web-to-ids", "--description", "TLS of the shop", "--vpc", "vpc-a", "--subnet",
      "subnet-web", "--direction", "all", "--protocol", "tcp", "--destination-port", "443", "--bidirectional",
      "--receivers", "10.0.9.10, 10.0.9.11", "--balance", "even")
    #expect(created.status == 0, "\(created.errors)")
    #expect(created.text.hasPrefix("created web-to-ids in vpc-a: subnet-web · all · tcp, destination port 443"))

    // It stands in the list, and collects.
    #expect(try Self.row(scene) == ["web-to-ids", "vpc-a", "subnet-web", "all", "on"])
    let vni = try #require(try scene.definitions()[0]["encapsulation"]?["vni"])

    let disabled = try scene.run("mirror", "disable", "web-to-ids")
    #expect(disabled.status == 0, "\(disabled.errors)")
    #expect(try Self.row(scene).last == "off")
    #expect(try scene.run("mirror", "enable", "web-to-ids").status == 0)
    #expect(try Self.row(scene).last == "on")

    // Modify: name, description, range, direction, filter, receivers, balance.
    let modified = try scene.run(
      "mirror", "modify", "web-to-ids", "--name", "egress", "--description", "to the internet", "--eni",
      "eni-web1,eni-web2", "--direction", "out", "--nat", "nat-a", "--receivers", "10.0.9.11", "--balance", "eni-hash")
    #expect(modified.status == 0, "\(modified.errors)")
    let definition = try scene.definitions()[0]
    #expect(definition["name"] == "egress" && definition["description"] == "to the internet")
    #expect(definition["range"] == ["eni": ["eni-web1", "eni-web2"]])
    #expect(definition["direction"] == "out" && definition["filter"] == ["nat": "nat-a"])
    #expect(definition["receivers"] == ["10.0.9.11"] && definition["balance"] == "eni-hash")
    #expect(definition["encapsulation"]?["vni"] == vni)

    #expect(try scene.run("mirror", "tag", "egress", "team=sec", "ticket=7").status == 0)
    #expect(try scene.run("mirror", "untag", "egress", "ticket").status == 0)
    #expect(try scene.definitions()[0]["tags"] == ["team": "sec"])
    #expect(try scene.run("mirror", "list", "--tag", "team=sec").text.contains("egress"))
    #expect(try scene.run("mirror", "list", "--tag", "ticket").text == "no mirror\n")

    #expect(try scene.run("mirror", "delete", "egress", "--yes").status == 0)
    #expect(try scene.definitions().isEmpty)

    // Who did what stays, in order.
    let history = try scene.run("mirror", "history", "web-to-ids", "--json").json()["entries"]?.array ?? []
    #expect(
      history.compactMap { $0["action"]?.string } == [
        "create", "disable", "enable", "modify", "tag", "untag", "delete",
      ])
    #expect(try scene.run("store", "check").status == 0)
  }

  /// Name, VPC, range, direction and *Collect traffic* of the only row.
  private static func row(_ scene: ConsoleScene) throws -> [String] {
    let lines = try scene.run("mirror", "list").text.split(separator: "\n").map(String.init)
    try #require(lines.count == 2)
    #expect(lines[0].contains("COLLECT TRAFFIC"))
    let column = try #require(lines[0].range(of: "COLLECT TRAFFIC")).lowerBound
    let cells = lines[1].split(separator: " ").map(String.init)
    let state = lines[1][column...].split(separator: " ").first.map(String.init) ?? ""
    return Array(cells.prefix(4)) + [state]
  }

  @Test func eightProcessesThatCreateAtOnceEndWithExactlyFive() async throws {
    let scene = try ConsoleScene()
    let statuses = try await withThrowingTaskGroup(of: Finished.self) { group in
      for number in 1...8 {
        let (store, name) = (scene.store, "m\(number)")
        group.addTask {
          try Shell.run(
            Shell.moontap,
            [
              "mirror", "create", "--name", name, "--vpc", "vpc-a", "--whole-vpc", "--receivers", "10.0.9.10",
              "--store",
            ]
              + [store])
        }
      }
      var finished: [Finished] = []
      for try await one in group { finished.append(one) }
      return finished
    }
    #expect(statuses.count { $0.status == 0 } == 5)
    for refused in statuses where refused.status != 0 {
      #expect(refused.status == 3)
      #expect(refused.errors.contains("vpc.mirror-limit"), "\(refused.errors)")
    }
    let definitions = try scene.definitions()
    #expect(definitions.count == 5)
    #expect(Set(definitions.compactMap { $0["encapsulation"]?["vni"]?.integer }).count == 5)
    #expect(try scene.run("store", "check").status == 0)
  }

  @Test func eightProcessesThatMakeOneNameEndWithOne() async throws {
    let scene = try ConsoleScene()
    let statuses = try await withThrowingTaskGroup(of: Finished.self) { group in
      for _ in 1...8 {
        let store = scene.store
        group.addTask {
          try Shell.run(
            Shell.moontap,
            ["mirror", "create", "--name", "m", "--vpc", "vpc-a", "--whole-vpc", "--receivers", "10.0.9.10", "--store"]
              + [store])
        }
      }
      var finished: [Finished] = []
      for try await one in group { finished.append(one) }
      return finished
    }
    #expect(statuses.count { $0.status == 0 } == 1)
    #expect(statuses.filter { $0.status != 0 }.allSatisfy { $0.errors.contains("name.duplicate") })
  }

  @Test func processesThatMakeOneStoreAtOnceMakeOneStore() async throws {
    let scene = try ConsoleScene(inventory: nil)
    let file = try scene.folder.write(ConsoleScene.inventory, to: "inventory.json")
    let statuses = try await withThrowingTaskGroup(of: Finished.self) { group in
      for _ in 1...8 {
        let store = scene.store
        group.addTask { try Shell.run(Shell.moontap, ["inventory", "import", file, "--store", store]) }
      }
      var finished: [Finished] = []
      for try await one in group { finished.append(one) }
      return finished
    }
    #expect(statuses.allSatisfy { $0.status == 0 }, "\(statuses.map(\.errors))")
    #expect(statuses.count { $0.text.contains("nothing changes") } == 7)
  }
}
