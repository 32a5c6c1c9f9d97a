import Foundation
import Testing

/// `moontap test` of audits: `findings(...)` runs them as `moontap audit` does.
@Suite struct TestedAuditTests {
  private static func run(_ folder: TemporaryFolder, _ arguments: String...) throws -> Finished {
    try Shell.run(Shell.moontap, ["test"] + arguments, folder: folder.url)
  }

  private static func test(_ body: String, _ name: String = "it") -> String {
    "test('\(name)', function() \(body) end)\n"
  }

  /// A folder with an audit and the tests of it.
  private static func auditFolder(_ tests: String, head: String = "-- audit: a.lua\n") throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write(
      """
      audit {
        id = "A-1", title = "Telnet", severity = "high",
        where = filter.quintuple { protocol = "tcp", destination_port = tonumber(policy.args.port or "23") },
        packet = function(p)
          if p.payload:starts("fail") then error("no such luck") end
          log.info("seen " .. p.destination)
          finding { message = "telnet", key = p.destination, details = { port = p.destination_port } }
        end,
        finish = function() end,
      }

      """, to: "a.lua")
    try folder.write(head + tests, to: "a_test.lua")
    return folder
  }

  private static let telnet =
    #"packet.tcp { source = "10.20.1.11", destination = "192.0.2.7", destination_port = 23, payload = PAYLOAD }"#

  @Test func auditsAreTestedWithPacketsAndCaptures() throws {
    let telnet = Self.telnet.replacingOccurrences(of: "PAYLOAD", with: #""x""#)
    let tests =
      Self.test(
        "local f = findings(\(telnet), \(telnet)) expect(#f):equals(1) expect(f[1].count):equals(2) "
          + "expect(f[1].details.port):equals(23) expect(f[1].severity):equals('high') expect(f[1].packets):equals(2)",
        "packets")
      + Self.test("expect(findings 'c.pcap'[1].key):equals('192.0.2.7')", "capture")
      + Self.test("expect(findings(\(telnet))):equals {}", "wrong")
      + Self.test(
        "expect(function() findings(\(telnet), 'c.pcap') end):raises('packet') "
          + "expect(function() findings 'none.pcap' end):raises('none.pcap')", "misuse")
    let folder = try Self.auditFolder(
      tests.replacingOccurrences(of: "findings 'c.pcap'[1]", with: "findings('c.pcap')[1]"))
    try FileManager.default.copyItem(
      atPath: Shell.root.appending(path: "examples/audits/captures/cleartext-credentials-bad.pcap").path,
      toPath: folder.path("c.pcap"))
    let finished = try Self.run(folder, "--coverage")
    #expect(finished.status == 1, "\(finished.errors)")
    #expect(finished.text.contains("a_test.lua:4: failed: wrong"), "\(finished.text)")
    #expect(finished.text.contains("log: a.lua:6: info: seen 192.0.2.7"))
    #expect(finished.text.contains("3 passed, 1 failed"))
    // What ran inside the audit's own states counts; its function finish runs each time.
    #expect(finished.text.contains("a.lua   88 %") || finished.text.contains("a.lua  100 %"), "\(finished.text)")
  }

  @Test func anAuditThatFailsFailsItsTest() throws {
    let fails = Self.telnet.replacingOccurrences(of: "PAYLOAD", with: #""fail""#)
    let folder = try Self.auditFolder(Self.test("expect(findings(\(fails))):equals {}"))
    let finished = try Self.run(folder)
    #expect(finished.status == 1)
    #expect(finished.text.contains("the audit failed: a.lua:5: no such luck"), "\(finished.text)")
    // Nothing to look at: skipped, which is no pass either.
    let idle = try Self.auditFolder(Self.test("expect(findings()):equals {}"))
    #expect(try Self.run(idle).text.contains("the audit is skipped: it needs captures"))
  }

  @Test func theHeadOfTestsOfAuditsIsChecked() throws {
    let passes = Self.test("expect(1):equals(1)")
    let noAudit = try Self.run(try Self.auditFolder(passes, head: "-- policy: a.lua\n-- inventory: none.json\n"))
    #expect(noAudit.status == 3)
    let mirrors = try Self.run(try Self.auditFolder(passes, head: "-- policy: a.lua\n-- mirrors: m.json\n"))
    #expect(mirrors.status == 3 && mirrors.errors.contains("mirrors: means nothing in tests of a policy"))
    let alone = try Self.run(try Self.auditFolder(passes, head: "-- audit: a.lua\n-- mirrors: m.json\n"))
    #expect(alone.status == 3 && alone.errors.contains("no inventory is named"))
    let folder = try Self.auditFolder(passes, head: "-- policy: a.lua\n")
    try FileManager.default.copyItem(
      atPath: Shell.root.appending(path: "examples/inventories/shop.json").path, toPath: folder.path("inventory.json"))
    let asPolicy = try Self.run(folder)
    #expect(asPolicy.status == 2 && asPolicy.errors.contains("begins with a line -- audit: NAME.lua"))
    let set = try Self.auditFolder(
      Self.test("expect(#findings(\(Self.telnet.replacingOccurrences(of: "PAYLOAD", with: "\"\"")))):equals(0)"),
      head: "-- audit: a.lua\n-- set: port=22\n")
    #expect(try Self.run(set).status == 0)
  }

  /// Every audit of the library.
  @Test func theLibraryPasses() throws {
    let finished = try Shell.moontap("test", "examples/audits")
    #expect(finished.status == 0, "\(finished.text)\(finished.errors)")
    #expect(finished.text.contains(" passed, 0 failed, 0 errors in 17 files"))
  }
}
