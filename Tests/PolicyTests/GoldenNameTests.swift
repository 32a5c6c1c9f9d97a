import Foundation
import LuaRuntime
import Policy
import Testing

/// Everything that a policy can reach, name by name, stands in a file of its own, so that a new name is seen by whoever
/// reads the change; `MOONTAP_WRITE_DOCS=1` writes it anew. Types' members are written with their type's name.
@Test func reachesTheNamesOfTheGoldenListAndNoOther() throws {
  let reachable = try withLuaStack { try Bench("").policy.reachableNames() }
  let ofTests = Set(PolicyReference.testPaths)
  #expect(ofTests.isDisjoint(with: reachable), "what only tests reach is out of a policy's reach")
  let members = PolicyReference.names.filter { !reachable.contains($0) }
  let marked = members.map { $0 + (ofTests.contains($0) ? " (tests)" : "") }
  let text = (reachable + marked).sorted().joined(separator: "\n") + "\n"
  let file = tests.appending(path: "Fixtures/reachable-names.txt")
  if ProcessInfo.processInfo.environment["MOONTAP_WRITE_DOCS"] != nil { try Data(text.utf8).write(to: file) }
  let golden = try String(contentsOf: file, encoding: .utf8)
  let difference = Set(golden.split(separator: "\n")).symmetricDifference(text.split(separator: "\n")).sorted()
  #expect(difference.isEmpty, "other names than in \(file.lastPathComponent): \(difference)")
}
