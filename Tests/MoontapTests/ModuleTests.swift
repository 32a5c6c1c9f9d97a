import Foundation
import Testing

/// `require`, `--lib` and `--set`, as a user meets them: modules of the policy's folder and of libraries, nothing else.
@Suite struct ModuleTests {
  private static let mirror = """
    mirror { name = "m", vpc = "vpc-campus", source = source.vpc(), target = target.receivers "10.50.9.10" }

    """

  /// A folder `own` with the policy, a folder `lib`, and a file outside of both.
  private static func folder(_ policy: String) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for name in ["own/sub", "lib/sub", "other"] {
      try FileManager.default.createDirectory(atPath: folder.path(name), withIntermediateDirectories: true)
    }
    try folder.write("return \"own\"", to: "own/both.lua")
    try folder.write("return \"lib\"", to: "lib/both.lua")
    try folder.write("return { where = \"lib\", text = \"\\xff\" }", to: "lib/sub/more.lua")
    try folder.write("return \"outside\"", to: "outside.lua")
    try folder.write(policy + mirror, to: "own/p.lua")
    return folder
  }

  private static func check(_ policy: String, _ arguments: String...) throws -> Finished {
    try check(folder(policy), arguments)
  }

  private static func check(_ folder: TemporaryFolder, _ arguments: [String]) throws -> Finished {
    let inventory = Shell.root.appending(path: "examples/inventories/campus.json").path
    return try Shell.run(
      Shell.moontap, ["check", "own/p.lua", "--inventory", inventory] + arguments, folder: folder.url)
  }

  @Test func thePolicysOwnFolderGoesBeforeLibraries() throws {
    let policy = "assert(require 'both' == 'own') assert(require('sub.more').where == 'lib')\n"
    let found = try Self.check(policy, "--lib", "other", "--lib", "lib")
    #expect(found.status == 0, "\(found.errors)")
    let missing = try Self.check(policy)
    #expect(missing.status == 3)
    #expect(missing.errors.contains("own/p.lua:1: policy.runtime: module sub.more: sub/more.lua cannot be read"))
  }

  @Test func stringsOfModulesMayBeAnyBytes() throws {
    let folder = try Self.folder("assert(#require 'raw' == 2 and (require 'raw'):byte(1) == 255)\n")
    try Data(Array("return \"".utf8) + [0xff, 0xfe] + Array("\"".utf8)).write(
      to: URL(filePath: folder.path("own/raw.lua")))
    let finished = try Self.check(folder, [])
    #expect(finished.status == 0, "\(finished.errors)")
  }

  @Test func nothingLeadsOut() throws {
    for name in ["..outside", "../outside", "/etc/passwd", "sub/more", "", "a..b", ".a", "a\\0b"] {
      let finished = try Self.check("require \"\(name)\"\n", "--lib", "lib")
      #expect(finished.status == 3 && finished.errors.contains("is no module"), "\(name): \(finished.errors)")
    }
    let folder = try Self.folder("local file = ... require(policy.args.module)\n")
    let manager = FileManager.default
    try manager.createSymbolicLink(atPath: folder.path("own/link.lua"), withDestinationPath: "../outside.lua")
    try manager.createSymbolicLink(atPath: folder.path("own/up"), withDestinationPath: "..")
    try manager.createSymbolicLink(atPath: folder.path("lib/link2.lua"), withDestinationPath: "../outside.lua")
    for module in ["link", "up.outside", "link2"] {
      let finished = try Self.check(folder, ["--lib", "lib", "--set", "module=\(module)"])
      #expect(finished.status == 3, "\(module): \(finished.errors)")
    }
  }

  @Test func aMistakeInALibraryIsToldWithItsFile() throws {
    let folder = try Self.folder("require 'bad'\n")
    try folder.write("local x = 1\nx.y.z = 1", to: "lib/bad.lua")
    let finished = try Self.check(folder, ["--lib", "lib"])
    #expect(finished.errors.hasPrefix("lib/bad.lua:2: policy.runtime"), "\(finished.errors)")
  }

  @Test func aLibraryThatIsNoFolderIsRefused() throws {
    let finished = try Self.check("", "--lib", "nowhere")
    #expect(finished.status == 3 && finished.errors.contains("nowhere: lib.unreadable"))
    #expect(try Self.check("", "--lib", "outside.lua").status == 3)
  }

  @Test func argumentsAreTextAfterTheFirstEqualsSign() throws {
    let policy = """
      assert(policy.args.a == "b=c" and policy.args.empty == "" and policy.args.none == nil)
      assert(policy.args["two words"] == "x y")
      assert(not pcall(function() policy.args.a = 1 end))

      """
    let finished = try Self.check(policy, "--set", "a=b=c", "--set", "empty=", "--set", "two words=x y")
    #expect(finished.status == 0, "\(finished.errors)")
    #expect(try Self.check("", "--set", "a=1", "--set", "a=2").status == 64)
    #expect(try Self.check("", "--set", "=1").status == 64)
  }
}
