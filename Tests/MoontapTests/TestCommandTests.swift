import Foundation
import JSONText
import Testing

/// `moontap test` and `moontap init`, as a user meets them.
@Suite struct TestCommandTests {
  private static let policy = """
    local seen = counter "seen"
    local n = 0
    mirror {
      name = "m", vpc = "vpc-shop", source = source.vpc(), direction = "all",
      filter = function(packet)
        seen:add()
        n = n + 1
        if packet.destination_port == 1 then
          while true do end
        end
        local state = packet.flow.state
        state.count = (state.count or 0) + 1
        return n <= 3 and state.count <= 2 and (policy.args.port == nil or tostring(packet.destination_port) == policy.args.port)
      end,
      target = target.receivers "10.20.9.10",
    }
    every(60, function() n = 0 end)

    """

  private static let head = """
    local m = mirrors.m
    local function p(more)
      local fields = { source = "10.20.1.11", destination = "192.0.2.7", destination_port = 443 }
      for key, value in pairs(more or {}) do fields[key] = value end
      return packet.udp(fields)
    end

    """

  /// A folder with a policy, its tests, and the shop's inventory.
  private static func folder(_ tests: String, policy: String = policy, name: String = "m") throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write(policy, to: "\(name).lua")
    try folder.write(head + tests, to: "\(name)_test.lua")
    try inventory(to: folder, "inventory.json")
    return folder
  }

  private static func inventory(to folder: TemporaryFolder, _ name: String) throws {
    let file = Shell.root.appending(path: "examples/inventories/shop.json").path
    try FileManager.default.copyItem(atPath: file, toPath: folder.path(name))
  }

  private static func run(_ folder: TemporaryFolder, _ arguments: String...) throws -> Finished {
    try Shell.run(Shell.moontap, ["test"] + arguments, folder: folder.url)
  }

  private static func test(_ body: String, _ name: String = "it") -> String {
    "test('\(name)', function() \(body) end)\n"
  }

  // MARK: Judging

  @Test(arguments: [
    // Conversations, counters and upvalues go on within a test.
    "expect(m:judge(p())).collected:is_true() expect(m:judge(p())).collected:is_true() "
      + "expect(m:judge(p())).reason:equals('filtered') expect(counter('seen').value):equals(3)",
    "expect(m:stats().observed.packets):equals(0) m:judge(p()) expect(m:stats().collected.packets):equals(1)",
    // Timers go by packet time.
    "for port = 2, 5 do m:judge(p { destination_port = port }) end expect(m:judge(p { destination_port = 9 }).collected)"
      + ":is_false() expect(m:judge(p { destination_port = 10, time = 61 })).collected:is_true()",
    // A conversation that ended is a new one, with a state of its own.
    "m:judge(p()) m:judge(p()) expect(m:judge(p { time = 4000 })).collected:is_true()",
    // A filter has its own limits, not the test's.
    "expect(m:judge(p { destination_port = 1 })).reason:equals('script-error') expect(m:judge(p()).collected):is_true()",
    "expect(m:judge(packet.udp { source = '10.20.9.10', destination = '10.20.1.11' })).reason:equals('receiver')",
    "expect(m:judge(packet.udp { source = '1.1.1.1', destination = '192.0.2.7' })).reason:equals('unattributed')",
    "expect(m:judge(p { eni = 'eni-web1', direction = 'in' })).direction:equals('in')",
    "expect(m:judge(p { source = '10.20.1.99' })).eni:equals('10.20.1.99')",
    "expect(m:judge(p { source = '192.0.2.1', direction = 'out' })).reason:equals('unattributed')",
    "expect(function() m:judge(p { source = '192.0.2.1', destination = '10.20.1.11', direction = 'out' }) end)"
      + ":raises('about the packet coming in: collected')",
    // The same packet at its sender and at its receiver, both captured.
    "local f = { source = '10.20.1.11', destination = '10.20.1.12' } f.direction = 'out' "
      + "expect(m:judge(packet.udp(f))).collected:is_true() f.direction = 'in' "
      + "expect(m:judge(packet.udp(f))).reason:equals('duplicate')",
  ])
  func judges(_ body: String) throws {
    let finished = try Self.run(Self.folder(Self.test(body)))
    #expect(finished.status == 0, "\(finished.text)\(finished.errors)")
    #expect(finished.text == "1 passed, 0 failed, 0 errors in 1 file\n")
  }

  @Test func everyTestBeginsAnew() throws {
    let once =
      "m:judge(p()) m:judge(p()) expect(m:judge(p())).collected:is_false() expect(counter('seen').value):equals(3)"
    let finished = try Self.run(
      Self.folder(
        Self.test(once, "a") + Self.test(once, "b") + "shared:set('k', 1)\n"
          + Self.test("done = (done or 0) + 1 expect(done):equals(1)", "c")))
    #expect(finished.text == "3 passed, 0 failed, 0 errors in 1 file\n")
  }

  @Test func copiesOfEveryENIAreAskedForOneByOne() throws {
    let policy = """
      mirror { name = "m", vpc = "vpc-shop", source = source.vpc(), copies = "per-eni",
        target = target.receivers "10.20.9.10" }
      mirror { name = "off", vpc = "vpc-shop", source = source.vpc(), enabled = false }
      """
    let body = """
      local f = { source = "10.20.1.11", destination = "10.20.1.12" }
      expect(function() m:judge(packet.udp(f)) end):raises("each of its ends")
      f.direction = "in"
      expect(m:judge(packet.udp(f))).eni:equals("eni-web2")
      expect(mirrors.off:judge(packet.udp(f))).reason:equals("disabled")
      """
    let finished = try Self.run(Self.folder(Self.test(body), policy: policy))
    #expect(finished.status == 0, "\(finished.text)")
  }

  @Test func aPolicyCannotJudgeFromItsFilter() throws {
    let policy = """
      mirror { name = "m", vpc = "vpc-shop", source = source.vpc(), target = target.receivers "10.20.9.10",
        filter = function(packet) return mirrors.m:judge(kept).collected end }
      mirror { name = "n", vpc = "vpc-shop", source = source.vpc(), target = target.receivers "10.20.9.10",
        filter = function(packet) return counter("late") ~= nil end }
      """
    let body = """
      kept = p()
      expect(m:judge(kept)).reason:equals("script-error")
      expect(mirrors.n:judge(kept)).reason:equals("script-error")
      expect(1):equals(2)
      """
    let finished = try Self.run(Self.folder(Self.test(body), policy: policy))
    #expect(finished.status == 1)
    #expect(finished.text.contains("mirror:judge can be used only inside the function of a test"))
    #expect(finished.text.contains("counter can be used only while the policy loads"))
  }

  private static let broken = """
    mirror { name = "m", vpc = "vpc-shop", source = source.vpc(), target = target.receivers "10.20.9.10",
      filter = function(packet)
        return packet.payload_lenght > 0
      end }
    mirror { name = "all", vpc = "vpc-shop", source = source.vpc(), target = target.receivers "10.20.9.11",
      on_error = "collect", filter = function(packet) return 1 end }
    """

  @Test(arguments: [
    "expect(m:judge(p()).collected):is_false()",
    // Another mirror's script is the policy's, too; and what one verdict is asked is not asked of the other's.
    "expect(mirrors.all:judge(p()).error):contains('a filter must return')",
    "expect(m:judge(p())).reason:equals('script-error') expect(mirrors.all:judge(p())).collected:is_true()",
    "expect(pcall(m.judge, m, p())):is_true()",
  ])
  func aScriptThatFailsFailsTheTest(_ body: String) throws {
    let finished = try Self.run(Self.folder(Self.test(body), policy: Self.broken))
    #expect(finished.status == 1, "\(finished.text)")
    #expect(finished.text.contains("failed: it: a script of the policy failed: "), "\(finished.text)")
    #expect(finished.text.contains("did you mean 'payload_length'?") || body.contains("script-error"))
    #expect(finished.text.contains("looks at the verdict's reason"))
  }

  @Test(arguments: [
    "expect(m:judge(p())).reason:equals('script-error')", "expect(m:judge(p()).error):contains('payload_lenght')",
    "local v = m:judge(p()) expect(v.collected or v.reason == 'filtered'):is_false()",
  ])
  func aTestThatLooksAtTheFailureWantsIt(_ body: String) throws {
    let others = "expect(mirrors.all:judge(p())).error:contains('a filter must return true or false')"
    let finished = try Self.run(Self.folder(Self.test(body + " " + others), policy: Self.broken))
    #expect(finished.text == "1 passed, 0 failed, 0 errors in 1 file\n")
  }

  @Test func aTimerThatFailsFailsTheTest() throws {
    let policy = """
      mirror { name = "m", vpc = "vpc-shop", source = source.vpc(), target = target.receivers "10.20.9.10" }
      every(1, function() error("out of order") end)
      """
    let body = "expect(m:judge(p())).collected:is_true() expect(m:judge(p { time = 9 })).error:is_nil()"
    let finished = try Self.run(Self.folder(Self.test(body), policy: policy))
    #expect(
      finished.status == 1 && finished.text.contains("m.lua:2: failed: it: a script of the policy failed: out of order")
    )
  }

  @Test func framesComeOutOfCaptures() throws {
    let body = """
      local frame = packet.from_capture("web.pcap", 300)
      expect(frame:hex()):equals(packet.from_capture("more/web.pcap", 300):hex())
      expect(frame.time > 1e9):is_true()
      expect(function() packet.from_capture("web.pcap", 872) end):raises("web.pcap has 871 frames")
      expect(function() packet.from_capture("web.pcap", 0) end):raises("from 1")
      expect(function() packet.from_capture("../web.pcap", 1) end):raises("without . and ..")
      expect(function() packet.from_capture("link.pcap", 1) end):raises("is a link")
      expect(function() packet.from_capture("pipe", 1) end):raises("not a regular file")
      expect(function() packet.from_capture("m.lua", 1) end):raises("not a capture")
      expect(function() packet.from_capture("web.pcapp", 1) end):raises("No such file")
      """
    let folder = try Self.folder(Self.test(body))
    try FileManager.default.createDirectory(atPath: folder.path("lib/more"), withIntermediateDirectories: true)
    for name in ["web.pcap", "lib/more/web.pcap"] {
      try FileManager.default.copyItem(atPath: Shell.capture("web-871.pcap"), toPath: folder.path(name))
    }
    try FileManager.default.createSymbolicLink(atPath: folder.path("link.pcap"), withDestinationPath: "web.pcap")
    #expect(unsafe mkfifo(folder.path("pipe"), 0o600) == 0)
    let finished = try Self.run(folder, "--lib", "lib")
    #expect(finished.status == 0, "\(finished.text)\(finished.errors)")
  }

  // MARK: What is found and how it ends

  @Test func failuresSayWhereAndWhat() throws {
    let finished = try Self.run(
      Self.folder(Self.test("expect(1):equals(2)", "one") + Self.test("expect(1):equals(1)", "two")))
    #expect(finished.status == 1)
    #expect(finished.text == "m_test.lua:7: failed: one: expected 2, got 1\n1 passed, 1 failed, 0 errors in 1 file\n")
  }

  @Test func aTestThatHangsFailsAndTheRestGoesOn() throws {
    let finished = try Self.run(
      Self.folder(Self.test("while true do end", "one") + Self.test("expect(1):equals(1)", "two")))
    #expect(finished.status == 1)
    #expect(finished.text.hasSuffix("1 passed, 1 failed, 0 errors in 1 file\n"))
  }

  @Test func anEmptyRunIsNoPass() throws {
    let empty = try TemporaryFolder()
    #expect(try Self.run(empty).status == 3)
    let folder = try Self.folder(Self.test("expect(1):equals(1)"))
    let filtered = try Self.run(folder, "--filter", "nothing")
    #expect(filtered.status == 3)
    #expect(filtered.errors.contains("no test has \"nothing\" in its name"))
    #expect(try Self.run(folder, "nowhere").status == 3)
    #expect(try Self.run(folder, "m.lua").status == 3)
    #expect(try Self.run(try Self.folder("")).status == 2)
    #expect(try Self.run(folder, "--list", "--coverage").status == 64)
    #expect(try Self.run(folder, "--set", "x").status == 64)
  }

  @Test func whatCannotBeLoadedIsAnErrorAndTheRestGoesOn() throws {
    let folder = try Self.folder(Self.test("expect(1):equals(1)"))
    try folder.write("x = = 1", to: "bad.lua")
    try folder.write("", to: "bad_test.lua")
    try folder.write("mirror {}", to: "wrong.lua")
    try folder.write("", to: "wrong_test.lua")
    let loads = try Self.run(folder)
    #expect(loads.status == 2)
    #expect(loads.text == "1 passed, 0 failed, 2 errors in 3 files\n")
    #expect(loads.errors.contains("bad.lua:1: policy.syntax"))
    #expect(loads.errors.contains("wrong.lua:1: name.empty"))
    try folder.write("", to: "alone_test.lua")
    #expect(try Self.run(folder).status == 3)
  }

  @Test func theHeadNamesPolicyInventoryAndArguments() throws {
    let folder = try Self.folder(Self.test("expect(m:judge(p())).reason:equals('filtered')"))
    try FileManager.default.removeItem(atPath: folder.path("inventory.json"))
    #expect(try Self.run(folder).status == 3)
    try FileManager.default.createDirectory(atPath: folder.path("nets"), withIntermediateDirectories: true)
    try Self.inventory(to: folder, "nets/shop.json")
    let body = "-- policy: m.lua\n-- inventory: ./nets/shop.json\n-- set: port=22\n" + Self.head
    try folder.write(body + Self.test("expect(m:judge(p())).reason:equals('filtered')"), to: "other_test.lua")
    let one = try Self.run(folder, "other_test.lua")
    #expect(one.status == 0, "\(one.text)\(one.errors)")
    #expect(try Self.run(folder, "m_test.lua", "--inventory", "nets/shop.json", "--set", "port=22").status == 0)
    #expect(try Self.run(folder, "m_test.lua", "--inventory", "nets/shop.json", "--set", "port=443").status == 1)
    try folder.write("-- inventroy: nets/shop.json\n", to: "other_test.lua")
    let misspelt = try Self.run(folder, "other_test.lua")
    #expect(misspelt.status == 3 && misspelt.errors.contains("other_test.lua:1: test.head"))
    #expect(misspelt.errors.contains("did you mean inventory?"))
  }

  @Test func listsAndFilters() throws {
    let folder = try Self.folder(
      Self.test("expect(1):equals(1)", "first one") + Self.test("expect(1):equals(2)", "second"))
    #expect(try Self.run(folder, "--list").text == "m_test.lua:7: first one\nm_test.lua:8: second\n")
    let one = try Self.run(folder, "--filter", "first")
    #expect(one.status == 0 && one.text == "1 passed, 0 failed, 0 errors in 1 file\n")
    let list = try Self.run(folder, "--list", "--json", "--filter", "second").json()
    #expect(list["tests"]?.array?.map { $0["name"]?.string } == ["second"])
  }

  // MARK: Reports

  @Test func jsonTellsAll() throws {
    let folder = try Self.folder(
      Self.test("expect(1):equals(1)", "good") + Self.test("expect({ 1 }):equals({ 2 })", "bad"))
    let finished = try Self.run(folder, "--json", "--coverage")
    #expect(finished.status == 1)
    let result = try finished.json()
    #expect(result["passed"]?.integer == 1 && result["failed"]?.integer == 1 && result["errors"]?.integer == 0)
    let tests = try #require(result["files"]?.array?.first?["tests"]?.array)
    #expect(tests.map { $0["result"]?.string } == ["passed", "failed"])
    #expect(tests[1]["place"]?.string == "m_test.lua:8")
    #expect(tests[1]["details"]?.array?.first?.string == "first difference at [1]: expected 2, got 1")
    #expect(result["coverage"]?.array?.first?["file"]?.string == "m.lua")
  }

  @Test func junitIsXMLAndWhole() throws {
    let folder = try Self.folder(
      Self.test("expect('<a & \"b\">'):equals('\\1')", "<&>") + Self.test("expect(1):equals(1)", "good"))
    try folder.write("x = = 1", to: "bad.lua")
    try folder.write("", to: "bad_test.lua")
    #expect(try Self.run(folder, "--junit", "out.xml").status == 2)
    let check = """
      import sys, xml.etree.ElementTree as e
      r = e.parse(sys.argv[1]).getroot()
      print(r.get('tests'), r.get('failures'), r.get('errors'), [c.get('name') for c in r.iter('testcase')],
        [f.get('message') for f in r.iter('failure')])
      """
    let read = try Shell.run("python3", ["-c", check, folder.path("out.xml")])
    #expect(
      read.text == "3 1 1 ['load', '<&>', 'good'] ['expected \"\\\\x01\", got \"<a & \\\\\"b\\\\\">\"']\n",
      "\(read.text)")
    #expect(try Self.run(folder, "--junit", "no/out.xml").status == 2)
    #expect(!folder.names.contains { $0.hasPrefix("out.xml.") })
  }

  @Test func coverageKnowsWhatDidNotRun() throws {
    let folder = try Self.folder(Self.test("expect(m:judge(p())).collected:is_true()"))
    try folder.write("return { f = function()\n  return 1\nend }\n", to: "module.lua")
    try folder.write("local module = require \"module\"\n" + Self.policy + "local g = module.f\n", to: "m.lua")
    let finished = try Self.run(folder, "--coverage", "--lcov", "lcov.info")
    #expect(finished.status == 0)
    #expect(
      finished.text == """
        coverage
          m.lua        93 %  15 of 16 lines, not run: 10
          module.lua   66 %  2 of 3 lines, not run: 2
        1 passed, 0 failed, 0 errors in 1 file

        """, "\(finished.text)")
    let lcov = try String(contentsOfFile: folder.path("lcov.info"), encoding: .utf8)
    #expect(lcov.contains("SF:m.lua\n") && lcov.contains("\nDA:10,0\n") && lcov.contains("\nLF:16\nLH:15\n"))
  }

  // MARK: Init

  @Test func aStarterPassesEverything() throws {
    let folder = try TemporaryFolder()
    let made = try Shell.run(Shell.moontap, ["init", "shop"], folder: folder.url)
    #expect(made.status == 0, "\(made.errors)")
    #expect(made.text.contains("moontap test shop"))
    let check = try Shell.run(
      Shell.moontap, ["check", "shop/web-to-ids.lua", "--inventory", "shop/inventory.json"], folder: folder.url)
    #expect(check.status == 0 && check.errors.isEmpty, "\(check.errors)")
    let test = try Self.run(folder, "shop", "--coverage")
    #expect(test.status == 0 && test.text.contains("100 %"), "\(test.text)")
    let lint = try Shell.run("luacheck", ["-q", "."], folder: folder.url.appending(path: "shop"))
    #expect(lint.status == 0, "\(lint.text)")
    for (name, ours) in [(".luacheckrc", "moontap.luacheckrc"), (".moontap/moontap.d.lua", "moontap.d.lua")] {
      let shipped = try Data(contentsOf: Shell.root.appending(path: "share/lua/\(ours)"))
      #expect(try Data(contentsOf: URL(filePath: folder.path("shop/\(name)"))) == shipped)
    }
    let settings = try JSONValue(
      json: Array(Data(contentsOf: URL(filePath: folder.path("shop/.luarc.json")))), file: "luarc")
    #expect(settings["workspace.library"]?.array?.first?.string == ".moontap")
  }

  @Test func initOverwritesNothing() throws {
    let folder = try TemporaryFolder()
    try folder.write("mine", to: ".luacheckrc")
    let refused = try Shell.moontap("init", folder.url.path)
    #expect(refused.status == 3)
    #expect(refused.errors.contains(".luacheckrc: init.exists"))
    #expect(folder.names == [".luacheckrc"])
  }
}
