import Foundation
import Inventory
import JSONText
import Mirroring
import Testing

@testable import Store

/// A store of its own in a folder that goes away with it.
final class Scene {
  let folder: URL
  let path: String

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "moontap-store-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    path = folder.appending(path: "moontap.db").path
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func open(_ access: MirrorStore.Access = .create) throws -> MirrorStore {
    try MirrorStore(path: path, access: access, actor: "tester")
  }

  /// With the inventory of `shop`.
  func stocked() throws -> MirrorStore {
    let store = try open()
    _ = try store.importInventory(try shop())
    return store
  }
}

/// Two VPCs: `vpc-a` with two subnets, four ENIs and a NAT gateway; `vpc-b` with the same addresses.
func shop(
  gateway: String? = "nat-a", enis: [String] = ["10.0.1.1", "10.0.1.2", "10.0.2.1"], region: String = "r1",
  vpcs: [String] = ["vpc-a", "vpc-b"]
) throws -> Inventory {
  let list = vpcs.map { vpc -> JSONValue in
    let letter = vpc.last.map(String.init) ?? ""
    let isFirst = vpc == "vpc-a"
    let gateways: [JSONValue] =
      isFirst ? gateway.map { [["id": .string($0), "addresses": ["203.0.113.1"]]] } ?? [] : []
    let routes: [JSONValue] =
      isFirst
      ? gateway.map {
        [["destination": "0.0.0.0/0", "nextHop": ["type": "nat", "id": .string($0)]]]
      } ?? [] : []
    return [
      "id": .string(vpc), "cidrs": ["10.0.0.0/16"],
      "routeTables": [["id": .string("rtb-\(letter)"), "routes": .array(routes)]],
      "natGateways": .array(gateways),
      "subnets": [
        ["id": .string("web-\(letter)"), "cidrs": ["10.0.1.0/24"], "routeTable": .string("rtb-\(letter)")],
        ["id": .string("ids-\(letter)"), "cidrs": ["10.0.2.0/24"], "routeTable": .string("rtb-\(letter)")],
      ],
      "enis": .array(
        enis.map { address in
          [
            "id": .string("eni-\(letter)-\(address)"),
            "subnet": .string((address.hasPrefix("10.0.1.") ? "web-" : "ids-") + letter),
            "addresses": [.string(address)],
          ]
        }),
    ]
  }
  let document: JSONValue = [
    "format": "moontap.inventory/1", "regions": [["id": .string(region), "vpcs": .array(list)]],
  ]
  return try Inventory(document, file: "shop")
}

func wanted(
  _ name: String, vpc: String = "vpc-a", _ more: [String: JSONValue] = [:]
) -> WantedMirror {
  var members: [JSONMember] = [
    JSONMember("name", .string(name)), JSONMember("vpc", .string(vpc)), JSONMember("range", ["vpc": true]),
    JSONMember("receivers", "10.0.2.1"),
  ]
  for (key, value) in more { members.set(key, value) }
  return WantedMirror(members, file: "test")
}

/// The codes with which a call is refused.
func codes(_ body: () throws -> Void) -> [String] {
  do {
    try body()
    return []
  } catch StoreError.invalid(let violations) {
    return violations.filter { !$0.isWarning }.map(\.code)
  } catch let error as StoreError {
    return [error.code]
  } catch {
    return ["\(error)"]
  }
}
