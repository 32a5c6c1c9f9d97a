import Foundation
import Inventory
import LuaRuntime
import Mirroring
import Policy
import Testing
import Wire

/// Every example is a policy that loads with its inventory; what they collect is tested with the command.
@Test(arguments: [
  "accept-drop", "balance-methods", "bpf", "by-customer", "first-packets", "http-host", "next-hop-nat", "no-filter",
  "quintuple", "sample", "sets", "staff-only", "web-to-ids",
])
func theExampleLoads(name: String) throws {
  let path = repository.appending(path: "examples/policies/\(name).lua").path
  let text = try String(contentsOfFile: path, encoding: .utf8)
  let inventories = try FileManager.default.contentsOfDirectory(
    atPath: repository.appending(path: "examples/inventories").path)
  let fits = inventories.contains { file in
    guard
      let bytes = FileManager.default.contents(
        atPath: repository.appending(path: "examples/inventories/\(file)").path),
      let inventory = try? Inventory(json: Array(bytes), file: file)
    else { return false }
    return withLuaStack { (try? Policy(path: path, host: 0, inventory: inventory)) != nil }
  }
  #expect(fits, "\(text.prefix(200))")
}
