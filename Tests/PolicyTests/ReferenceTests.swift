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

  private func reachable() throws -> [String] { try withLuaStack { try Bench("").policy.reachableNames() } }

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
    try expect(PolicyReference.luacheck(names: try reachable()), isFile: "share/lua/moontap.luacheckrc")
  }

  @Test func everyGlobalOfTheTableIsReachableAndNoOther() throws {
    let reachable = try reachable()
    let standard: Set<String> = [
      "_G", "_VERSION", "assert", "error", "ipairs", "math", "next", "pairs", "pcall", "print", "rawequal", "rawlen",
      "select", "string", "table", "tonumber", "tostring", "type", "utf8",
    ]
    let globals = Set(
      reachable.compactMap { $0.split(separator: ".").first.map(String.init) }.filter { !$0.hasPrefix("(") })
    let own = Set(PolicyReference.globals)
    #expect(globals.subtracting(standard) == own)
    for name in PolicyReference.globalPaths { #expect(reachable.contains(name), "\(name)") }
  }

  @Test func everyExampleIsLua() {
    for (path, example) in PolicyReference.examples {
      let error = loadError("local function f()\n\(example)\nend")
      let asExpression = loadError("local function f() return\n\(example)\nend")
      #expect(error == nil || asExpression == nil, "\(path): \(example)")
    }
  }

  @Test func definitionsAndStandardAreLua() {
    for name in ["share/lua/moontap.d.lua", "share/lua/moontap.luacheckrc"] {
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = ["luac5.4", "-p", repository.appending(path: name).path]
      try? process.run()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0, "\(name)")
    }
  }

  @Test func luacheckAcceptsWhatTheLanguageHasAndNothingElse() throws {
    func check(_ source: String) throws -> Int32 {
      let file = FileManager.default.temporaryDirectory.appending(path: "moontap-\(UUID().uuidString).lua")
      try Data(source.utf8).write(to: file)
      defer { try? FileManager.default.removeItem(at: file) }
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = [
        "luacheck", "-qqq", "--config", repository.appending(path: "share/lua/moontap.luacheckrc").path, file.path,
      ]
      process.standardOutput = FileHandle.nullDevice
      try process.run()
      process.waitUntilExit()
      return process.terminationStatus
    }
    #expect(try check("mirror { name = policy.args.name, filter = filter.any(), s = string.rep('x', 2) }\n") == 0)
    #expect(try check("mirror { filter = filter.anny() }\n") != 0)
    #expect(try check("os.exit(1)\n") != 0)
  }
}
