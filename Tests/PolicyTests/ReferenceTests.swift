import Foundation
import LuaRuntime
import Mirroring
import Policy
import Testing

/// Texts printed from the table of entries stand in the repository; `MOONTAP_WRITE_DOCS=1` writes them anew.
@Suite struct ReferenceTests {
  private func expect(_ text: String, isFile path: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let file = repository.appending(path: path)
    if ProcessInfo.processInfo.environment["MOONTAP_WRITE_DOCS"] != nil {
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    let found = (try? Data(contentsOf: file)).map { String(decoding: $0, as: UTF8.self) }
    #expect(
      found == text, "\(path) is not what the table says: run the tests with MOONTAP_WRITE_DOCS=1",
      sourceLocation: sourceLocation)
  }

  private func reachable(isTested: Bool = false) throws -> [String] {
    try withLuaStack { try Bench("", isTested: isTested).policy.reachableNames() }
  }

  @Test func thePageIsWhatTheTableSays() throws {
    try expect(PolicyReference.page(names: try reachable()), isFile: "docs/policy-language.md")
  }

  @Test func theKeysOfAMirrorAreThoseThatAreAccepted() {
    let refused = loadError(mirror("zzzzzzzzzzzzzzzzzzzz = 1"))?.violations.first
    #expect(refused?.code == "key.unknown")
    let known = refused?.hint?.dropFirst("one of ".count).split(separator: ", ").map(String.init) ?? []
    #expect(known.sorted() == PolicyReference.mirrorKeys.sorted())
  }

  @Test func theDefinitionsAreWhatTheTableSays() throws {
    try expect(PolicyReference.definitions, isFile: "share/lua/moontap.d.lua")
  }

  @Test func theLuacheckStandardIsWhatScriptsReach() throws {
    try expect(
      PolicyReference.luacheck(names: try reachable(), testNames: try reachable(isTested: true)),
      isFile: "share/lua/moontap.luacheckrc")
  }

  @Test func everyGlobalOfTheTableIsReachableAndNoOther() throws {
    let standard: Set<String> = [
      "_G", "_VERSION", "assert", "error", "ipairs", "math", "next", "pairs", "pcall", "print", "rawequal", "rawlen",
      "select", "string", "table", "tonumber", "tostring", "type", "utf8",
    ]
    for isTested in [false, true] {
      let reachable = try reachable(isTested: isTested)
      let globals = Set(
        reachable.compactMap { $0.split(separator: ".").first.map(String.init) }.filter { !$0.hasPrefix("(") })
      let ofTests: Set<String> = isTested ? [] : ["expect", "test"]
      #expect(globals.subtracting(standard) == Set(PolicyReference.globals).subtracting(ofTests))
      for name in PolicyReference.globalPaths where isTested || !PolicyReference.testPaths.contains(name) {
        #expect(reachable.contains(name), "\(name)")
      }
      #expect(PolicyReference.testPaths.allSatisfy { reachable.contains($0) == isTested })
    }
  }

  @Test func theDefinitionsDeclareEveryEntry() {
    let lines = PolicyReference.definitions.split(separator: "\n").map(String.init)
    for declared in PolicyReference.declarations {
      #expect(lines.contains { $0.hasPrefix(declared) }, "\(declared)")
    }
    #expect(PolicyReference.declarations.count == PolicyReference.names.count)
    for type in PolicyReference.typeNames { #expect(lines.contains("---@class \(type)"), "\(type)") }
  }

  @Test func definitionsAndStandardAreLua() throws {
    for name in ["share/lua/moontap.d.lua", "share/lua/moontap.luacheckrc"] {
      #expect(try run("luac5.4", "-p", repository.appending(path: name).path) == 0, "\(name)")
    }
  }

  @Test func luacheckAcceptsWhatTheLanguageHasAndNothingElse() throws {
    #expect(try luacheck("mirror { name = policy.args.name, filter = filter.any(), s = string.rep('x', 2) }\n") == 0)
    #expect(try luacheck("mirror { filter = filter.anny() }\n") != 0)
    #expect(try luacheck("miror { filter = filter.any() }\n") != 0)
    #expect(try luacheck("os.exit(1)\n") != 0)
  }

  @Test func luacheckKnowsTheNamesOfTestsInTestFilesOnly() throws {
    let test = "test('x', function() expect(packet.from_capture('a.pcap', 1).ttl):equals(64) end)\n"
    #expect(try luacheck(test, name: "x_test.lua") == 0)
    #expect(try luacheck(test, name: "x.lua") != 0)
    #expect(try luacheck("test('x', function() packet.from_captur('a.pcap', 1) end)\n", name: "x_test.lua") != 0)
  }

  private func luacheck(_ source: String, name: String = "policy.lua") throws -> Int32 {
    let folder = FileManager.default.temporaryDirectory.appending(path: "moontap-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: name)
    try Data(source.utf8).write(to: file)
    return try run(
      "luacheck", "-qqq", "--config", repository.appending(path: "share/lua/moontap.luacheckrc").path, file.path)
  }

  private func run(_ program: String, _ arguments: String...) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [program] + arguments
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }
}
