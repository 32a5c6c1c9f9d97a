import Foundation
import LuaRuntime
import Mirroring
import Policy
import Testing
import Wire

// Sets, timers, shared, counters, log, arguments, files.
@Suite struct HostTests {
  private func expectLoads(_ source: String, sourceLocation: SourceLocation = #_sourceLocation) {
    let error = loadError(source)
    #expect(error == nil, "\(String(describing: error))", sourceLocation: sourceLocation)
  }

  @Test func setsContain() {
    expectLoads(
      """
      local nets = set.cidrs { "10.0.0.0/8", "10.20.0.0/16", "192.0.2.7", "2001:db8::/32" }
      assert(nets:contains("10.1.2.3") and nets:contains("192.0.2.7") and nets:contains("2001:db8::9"))
      assert(not nets:contains("192.0.2.8") and not nets:contains("::1") and not nets:contains(nil) and #nets == 4)
      assert(not set.cidrs {}:contains("10.0.0.1"))
      local ports = set.ports { 22, "443", "8000-8099" }
      assert(ports:contains(22) and ports:contains(8050) and ports:contains(8099) and not ports:contains(8100))
      assert(not ports:contains(-1) and not ports:contains(65536) and not ports:contains(math.maxinteger) and #ports == 102)
      local words = set.strings { "tls", "a\\0b" }
      assert(words:contains("tls") and not words:contains("TLS") and words:contains("a\\0b") and #words == 2)
      assert(not pcall(words.contains, words, 7) and not pcall(nets.contains, nets, "nonsense"))
      """)
    #expect(
      loadError("set.cidrs { '10.0.0.0/33' }")?.message.contains("member 1: \"10.0.0.0/33\" is no address") == true)
    #expect(loadError("set.ports { 1, 70000 }")?.message.contains("member 2: 70000 is no port") == true)
    #expect(loadError("set.strings { true }")?.message.contains("string expected, got boolean") == true)
  }

  @Test func packetsAskSetsNatively() {
    func asked(_ question: String) -> Bool {
      withLuaStack {
        do throws(PolicyError) {
          let bench = try Bench(
            "local lab, ports = set.cidrs { '10.20.1.0/24' }, set.ports { 443 }\n"
              + mirror("filter = function(packet) return \(question) end"))
          return bench.judge() == .yes
        } catch { return false }
      }
    }
    #expect(asked("packet:source_in(lab) and packet:destination_in(lab)"))
    #expect(asked("ports:contains(packet.destination_port)"))
    #expect(asked("not pcall(packet.source_in, packet, ports)"))
    #expect(asked("lab:contains(packet.source)"))
  }

  @Test func loadsSetsFromItsOwnFolderOnly() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "moontap-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder.appending(path: "lists"), withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func write(_ text: String, _ name: String) throws {
      try Data(text.utf8).write(to: folder.appending(path: name))
    }
    try write("# head\n10.0.0.0/8 # lab\r\n\n  192.0.2.7\n", "lists/block.txt")
    try write("80\n8000-8001\n", "ports")
    try write("10.0.0.1\nnonsense\n", "bad.txt")
    try FileManager.default.createSymbolicLink(
      atPath: folder.appending(path: "link").path, withDestinationPath: "/etc/passwd")
    func error(_ source: String) -> PolicyError? { loadError(source, file: folder.appending(path: "p.lua").path) }
    #expect(
      error(
        """
        local s = set.load "lists/block.txt"
        assert(#s == 2 and s:contains("10.9.9.9") and s:contains("192.0.2.7"))
        assert(#set.load("ports", "ports") == 3 and set.load("ports", "strings"):contains("8000-8001"))
        """) == nil)
    #expect(error("set.load 'bad.txt'")?.message.contains("bad.txt:2: \"nonsense\" is no address") == true)
    for path in ["../p", "/etc/passwd", "lists/../ports", "", ".", "lists//block.txt", "ports\\0"] {
      #expect(error("set.load('\(path)')")?.message.contains("inside the policy's own folder") == true, "\(path)")
    }
    #expect(error("set.load 'link'")?.message.contains("is a link") == true)
    #expect(error("set.load 'lists'")?.message.contains("not a regular file") == true)
    #expect(error("set.load 'missing'")?.message.contains("cannot be read") == true)
    #expect(error("set.load('ports', 'prots')")?.message.contains("no kind of set") == true)
  }

  @Test func requiresModulesOfItsOwnFolderOnce() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "moontap-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder.appending(path: "sub"), withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func write(_ text: String, _ name: String) throws {
      try Data(text.utf8).write(to: folder.appending(path: name))
    }
    try write(
      "print('run') local m = {} function m.twice(x) return 2 * x end m.list = { 1, 2 } return m", "sub/mod.lua")
    try write("return require 'b'", "a.lua")
    try write("return require 'a'", "b.lua")
    try write("\nlocal x = nil + 1", "broken.lua")
    try write("x = = 1", "bad.lua")
    let file = folder.appending(path: "p.lua").path
    try withLuaStack {
      let bench = try Bench(
        "local m = require 'sub.mod' assert(m.twice(4) == 8 and m.list[2] == 2 and require('sub.mod').twice(1) == 2)",
        file: file)
      #expect(bench.output.printed == ["run"])
    }
    func error(_ source: String) -> PolicyError? { loadError(source, file: file) }
    #expect(error("require 'a'")?.message.contains("requires itself") == true)
    #expect(error("require 'missing'")?.message.contains("cannot be read") == true)
    for name in ["..p", "/etc/passwd", "", "a.", "sub/mod"] {
      #expect(error("require('\(name)')")?.message.contains("is no module") == true)
    }
    let broken = error("require 'broken'")
    #expect(broken?.file == folder.path + "/broken.lua" && broken?.line == 2, "\(String(describing: broken))")
    let bad = error("require 'bad'")
    #expect(bad?.file.hasSuffix("/bad.lua") == true, "\(String(describing: bad))")
    try write("\n return 1 +", "cut.lua")
    let cut = error("require 'cut'")
    #expect(cut?.file == folder.path + "/cut.lua" && cut?.line == 2 && cut?.kind == .syntax)
    #expect(error("pcall(require, 'cut') error('other')")?.kind == .runtime)
  }

  @Test func setsHoldManyPrefixes() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "moontap-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    var text = ""
    for number in 0..<100_000 { text += "\((number >> 16) + 1).\(number >> 8 & 255).\(number & 255).0/24\n" }
    try Data(text.utf8).write(to: folder.appending(path: "big.txt"))
    let error = loadError(
      "local s = set.load 'big.txt' assert(#s == 100000 and s:contains('1.1.2.3') and not s:contains('200.0.0.1'))",
      file: folder.appending(path: "p.lua").path)
    #expect(error == nil, "\(String(describing: error))")
  }

  @Test func timersRunOnPacketTime() throws {
    try withLuaStack {
      let bench = try Bench("every(10, function() print('ten') end) every(0.5, function() print('half') end)")
      let second: Int64 = 1_000_000_000
      #expect(bench.policy.nextTimer == .max)
      bench.policy.start(at: 100 * second)
      #expect(bench.policy.nextTimer == 100 * second + second / 2)
      bench.policy.runTimers(at: 101 * second)
      #expect(bench.output.printed == ["half"])
      #expect(bench.policy.nextTimer == 101 * second + second / 2)
      bench.policy.runTimers(at: 3700 * second)
      #expect(bench.output.printed == ["half", "ten", "half"])
      #expect(bench.policy.nextTimer == 3700 * second + second / 2)
    }
  }

  @Test func timersThatFailAreCountedAndStopped() throws {
    try withLuaStack {
      let bench = try Bench("every(1, function() error('no') end)")
      bench.policy.start(at: 0)
      for second in 1...20 { bench.policy.runTimers(at: Int64(second) * 1_000_000_000) }
      #expect(bench.policy.failures.map(\.count) == [10] && bench.policy.nextTimer == .max)
    }
    for period in ["0", "-1", "math.huge", "0/0", "1e-300", "1e300"] {
      #expect(loadError("every(\(period), function() end)")?.message.contains("seconds between") == true)
    }
  }

  @Test func sharedKeepsScalarsUntilTheyAreOver() throws {
    expectLoads(
      """
      shared:set("a", 1) shared:set("b", "text") shared:set("c", true) shared:set("d", 1.5)
      assert(shared:get("a") == 1 and shared:get("b") == "text" and shared:get("c") == true and shared:get("d") == 1.5)
      assert(shared:get("nope") == nil and shared:add("n", 2) == 2 and shared:add("n", 0.5) == 2.5)
      shared:set("raw", "\\xff\\0") assert(shared:get("raw") == "\\xff\\0")
      shared:set("a", nil) assert(shared:get("a") == nil)
      for _, bad in ipairs { print, {}, ("v"):rep(5000) } do assert(not pcall(shared.set, shared, "k", bad)) end
      assert(not pcall(shared.add, shared, "b", 1) and not pcall(shared.get, shared, ""))
      """)
    try withLuaStack {
      let bench = try Bench(mirror("filter = function(p) return shared:add('hits', 1, 60) == 2 end"))
      var packet = TestPacket()
      #expect(bench.judge(packet) == .no && bench.judge(packet) == .yes)
      packet.time += 61_000_000_000
      #expect(bench.judge(packet) == .no && bench.judge(packet) == .yes)
    }
    #expect(loadError("for i = 1, 1e7 do shared:set('k' .. i, i) end")?.message.contains("full") == true)
  }

  @Test func countersAndGauges() throws {
    try withLuaStack {
      let bench = try Bench(
        """
        local c, g = counter("dns_queries"), gauge("open")
        c:add() c:add(2) counter("dns_queries"):add(1) g:set(5) g:add(-7)
        assert(c.value == 4 and g.value == -2)
        assert(not pcall(c.add, c, -1) and not pcall(c.add, c, 0/0) and not pcall(g.set, g, 1/0))
        assert(not pcall(gauge, "dns_queries") and not pcall(counter, "Dns") and not pcall(counter, ""))
        """)
      #expect(bench.policy.counters == [PolicyMetric(name: "dns_queries", value: 4)])
      #expect(bench.policy.gauges == [PolicyMetric(name: "open", value: -2)])
    }
  }

  @Test func logsCleanLinesAtALimitedRate() throws {
    try withLuaStack {
      let bench = try Bench("log.info('a\\27[2J\\nb', 7, nil, true, {})\nlog.warn(filter.any())")
      #expect(
        bench.output.log == [
          PolicyLogLine(level: .info, place: "test.lua:1", text: "a\\x1b[2J\\nb 7 nil true table"),
          PolicyLogLine(level: .warn, place: "test.lua:2", text: "filter"),
        ])
      let flood = try Bench("for i = 1, 5000 do log.debug(i) end log.error(('x'):rep(100000))")
      #expect(flood.output.log.count == 100)
      flood.policy.finishLog()
      #expect(flood.output.log.last?.text.contains("4901 more lines") == true)
    }
  }

  @Test func knowsItsNameAndArguments() throws {
    try withLuaStack {
      let bench = try Bench(
        "assert(policy.name == 'web' and policy.args.limit == '10' and policy.args.nope == nil)",
        file: "/tmp/some/web.lua", arguments: ["limit": "10"])
      #expect(bench.policy.name == "web")
    }
  }

  @Test func readsPoliciesFromFiles() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "moontap-\(UUID().uuidString).lua").path
    try Data(("-- comment\n" + mirror() + "error('here')").utf8).write(to: URL(filePath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    withLuaStack {
      do throws(PolicyError) {
        _ = try Policy(path: path, host: 0, inventory: shop)
        Issue.record("it loaded")
      } catch {
        #expect(error.file == path && error.line == 4 && error.kind == .runtime && error.message.contains("here"))
        #expect(error.description.hasPrefix(path + ":4: "))
      }
      do throws(PolicyError) {
        _ = try Policy(path: "/nonexistent/p.lua", host: 0, inventory: shop)
        Issue.record("it loaded")
      } catch { #expect(error.kind == .unreadable && error.message.contains("No such file")) }
    }
    #expect(loadError("local x =")?.kind == .syntax)
    #expect(loadError("local x =")?.line == 1)
  }
}
