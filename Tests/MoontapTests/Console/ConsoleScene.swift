import Foundation
import JSONText
import Testing

/// A store in a folder of its own, and `moontap` over it.
/// Safe to share: nothing in it changes after `init`.
final class ConsoleScene: @unchecked Sendable {
  let folder: TemporaryFolder
  var store: String { folder.path("moontap.db") }

  /// - Parameter inventory: nil: the store is not made.
  init(inventory: String? = ConsoleScene.inventory) throws {
    folder = try TemporaryFolder()
    guard let inventory else { return }
    let file = try folder.write(inventory, to: "inventory.json")
    let finished = try run("inventory", "import", file)
    try #require(finished.status == 0, "\(finished.errors)")
  }

  func run(_ arguments: String..., input: String? = nil) throws -> Finished { try run(arguments, input: input) }

  /// The store is named by the environment, as for a user.
  func run(_ arguments: [String], input: String? = nil) throws -> Finished {
    try Shell.run(
      Shell.moontap, arguments + ["--store", store], input: input.map { Data($0.utf8) }, environment: ["NO_COLOR": "1"])
  }

  /// Makes a mirror that is right but for `more`; a repeated option is refused by the parser, so each is given once.
  func create(_ name: String, _ more: [String: String] = [:], flags: [String] = ["--whole-vpc"]) throws -> Finished {
    var options = ["--name": name, "--vpc": "vpc-a", "--receivers": "10.0.9.10"]
    options.merge(more) { $1 }
    return try run(["mirror", "create"] + flags + options.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] })
  }

  /// The definitions that `list --json` prints.
  func definitions() throws -> [JSONValue] {
    let finished = try run("mirror", "list", "--json")
    try #require(finished.status == 0, "\(finished.errors)")
    return try finished.json()["mirrors"]?.array?.compactMap { $0["definition"] } ?? []
  }

  /// `vpc-a`: web (its table sends 10.0.8.0/24 to the gateway), tools; `vpc-b`: another gateway. Both in one region.
  static let inventory = """
    {"format": "moontap.inventory/1", "regions": [{"id": "r1", "vpcs": [
      {"id": "vpc-a", "cidrs": ["10.0.0.0/16"],
       "routeTables": [{"id": "rtb-web", "routes": [
         {"destination": "0.0.0.0/0", "nextHop": {"type": "nat", "id": "nat-a"}},
         {"destination": "10.0.8.0/24", "nextHop": {"type": "nat", "id": "nat-a"}}]},
         {"id": "rtb-tools", "routes": []}],
       "natGateways": [{"id": "nat-a", "addresses": ["203.0.113.1"]}],
       "subnets": [{"id": "subnet-web", "cidrs": ["10.0.1.0/24"], "routeTable": "rtb-web"},
         {"id": "subnet-tools", "cidrs": ["10.0.8.0/23"], "routeTable": "rtb-tools"}],
       "enis": [{"id": "eni-web1", "subnet": "subnet-web", "addresses": ["10.0.1.11"]},
         {"id": "eni-web2", "subnet": "subnet-web", "addresses": ["10.0.1.12"]},
         {"id": "eni-ids1", "subnet": "subnet-tools", "addresses": ["10.0.9.10"]},
         {"id": "eni-ids2", "subnet": "subnet-tools", "addresses": ["10.0.9.11"]}]},
      {"id": "vpc-b", "cidrs": ["10.0.0.0/16"],
       "routeTables": [{"id": "rtb-b", "routes": []}],
       "natGateways": [{"id": "nat-b", "addresses": ["203.0.113.2"]}],
       "subnets": [{"id": "subnet-b", "cidrs": ["10.0.9.0/24"], "routeTable": "rtb-b"}],
       "enis": [{"id": "eni-b1", "subnet": "subnet-b", "addresses": ["10.0.9.10"]}]}]}]}
    """
}
