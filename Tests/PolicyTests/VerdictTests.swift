import LuaRuntime
import Mirroring
import Policy
import Testing
import Wire

@Suite struct VerdictTests {
  private func failures(_ source: String, calls: Int = 1) throws -> [PolicyFailure] {
    try withLuaStack {
      let bench = try Bench(source)
      for _ in 0..<calls { #expect(bench.judge() == .failed) }
      return bench.policy.failures
    }
  }

  @Test func answersTrueAndFalse() {
    #expect(holds("packet.destination_port == 443"))
    #expect(!holds("packet.destination_port == 80"))
  }

  @Test(arguments: [
    ("nil", "got nil (forgotten return?)"), ("1", "got 1"), ("'yes'", "got the string \"yes\""),
    ("packet.payload", "got"), ("{}", "got a table"), ("", "got nil"),
  ])
  func anythingElseIsAnError(value: String, message: String) throws {
    let found = try failures(mirror("filter = function(packet) return \(value) end"))
    #expect(found.map(\.kind) == [.verdict] && found.first?.count == 1)
    #expect(found.first?.firstMessage.contains(message) == true, "\(found)")
    #expect(found.first?.firstMessage.contains("test.lua:2") == true)
  }

  @Test func runtimeErrorsNameTheLine() throws {
    let found = try failures("local function f(p)\n return p.source_port + nil\nend\n" + mirror("filter = f"))
    #expect(found.map(\.kind) == [.runtime])
    #expect(found.first?.function == "test.lua:1")
    #expect(found.first?.firstMessage.hasPrefix("test.lua:2: ") == true, "\(found)")
  }

  @Test func unknownFieldsSuggestTheNearest() throws {
    let found = try failures(filter("packet.destination_prot == 53"))
    #expect(found.first?.firstMessage.contains("destination_port") == true, "\(found)")
    let inner = try failures(filter("packet.tcp.windo"))
    #expect(inner.first?.firstMessage.contains("window") == true, "\(inner)")
  }

  @Test func packetsAreStaleOutsideTheirCallback() throws {
    let source = """
      local old, payload
      mirror { name = "m", vpc = "vpc-shop", source = source.vpc(), target = target.receivers "10.20.9.10",
        filter = function(p)
          if old then return payload:byte(1) == 1 or old.source_port == 1 end
          old, payload = p, p.payload
          return true
        end }
      """
    try withLuaStack {
      let bench = try Bench(source)
      #expect(bench.judge() == .yes)
      #expect(bench.judge() == .failed)
      #expect(bench.policy.failures.map(\.kind) == [.stale])
      #expect(bench.policy.failures.first?.firstMessage.contains("used outside its callback") == true)
    }
  }

  /// Not the new packet under the old name either.
  @Test(arguments: [
    ("packet", "last.source == packet.source"), ("packet.tcp", "last.syn == packet.tcp.syn"),
    ("packet.payload", "#last == #packet.payload"), ("packet.payload", "last:byte(1) == 1"),
    ("packet", "last:source_in(all)"), ("packet.icmp or packet", "tostring(last) == 'x'"),
  ])
  func whatAnEarlierCallbackKeptIsStale(view: String, use: String) throws {
    let source =
      "local last local all = set.cidrs { '0.0.0.0/0' }\n"
      + mirror(
        """
        filter = function(packet)
          local same = last ~= nil and (rawequal(last, \(view)) and 'the same' or \(use))
          last = \(view)
          return same
        end
        """)
    try withLuaStack {
      let bench = try Bench(source)
      #expect(bench.judge() == .no)
      #expect(bench.judge() == .failed)
      #expect(bench.policy.failures.map(\.kind) == [.stale])
    }
  }

  @Test func limitsEndACallback() throws {
    let spinning = try failures(mirror("filter = function(p) while true do end end"))
    #expect(spinning.map(\.kind) == [.cpu])
    let caught = try failures(mirror("filter = function(p) pcall(function() while true do end end) return true end"))
    #expect(caught.map(\.kind) == [.cpu])
    let greedy = try failures(
      mirror("filter = function(p) local t = {} for i = 1, 1e6 do t[i] = ('x'):rep(10000 + i) end return true end"))
    #expect(greedy.map(\.kind) == [.memory])
    #expect(loadError("while true do end")?.kind == .cpu)
  }

  @Test func tenFailuresInARowBreak() throws {
    try withLuaStack {
      let bench = try Bench(
        "local n = 0\n"
          + mirror("filter = function(p) n = n + 1 if n > 10 then print('called') end return nil end")
          + mirror("filter = function(p) return true end", name: "other")
          + "every(1, function() print(mirrors.m.state) end)")
      for _ in 0..<10 { #expect(bench.judge() == .failed) }
      #expect(bench.policy.faulted == [0])
      bench.policy.start(at: 0)
      bench.policy.runTimers(at: 1_000_000_000)
      #expect(bench.output.printed == ["faulted"])
      bench.output.printed = []
      #expect(bench.judge() == .failed && bench.output.printed.isEmpty)
      #expect(bench.judge(mirror: 1, function: 1) == .yes)
      #expect(bench.output.log.filter { $0.text.contains("is faulted") }.count == 1)
      #expect(bench.policy.failures.first?.count == 10)
    }
  }

  @Test func fiftyOfAThousandBreak() throws {
    try withLuaStack {
      let bench = try Bench("local n = 0\n" + mirror("filter = function(p) n = n + 1 return n % 19 ~= 0 or nil end"))
      for call in 1...949 {
        _ = bench.judge()
        #expect(bench.policy.faulted.isEmpty, "call \(call)")
      }
      #expect(bench.judge() == .failed)
      #expect(bench.policy.faulted == [0])
    }
  }

  @Test func fewFailuresDoNotBreak() throws {
    try withLuaStack {
      let bench = try Bench("local n = 0\n" + mirror("filter = function(p) n = n + 1 return n % 25 ~= 0 or nil end"))
      for _ in 1...5000 { _ = bench.judge() }
      #expect(bench.policy.faulted.isEmpty)
      #expect(bench.policy.failures.first?.count == 200)
    }
  }

  @Test func logsTheFirstFailureThenANumberEveryTenSeconds() throws {
    try withLuaStack {
      let bench = try Bench("local n = 0\n" + mirror("filter = function(p) n = n + 1 return n % 2 == 0 or nil end"))
      var packet = TestPacket()
      let start = packet.time
      for second in 0..<25 {
        packet.time = start + Int64(second) * 1_000_000_000
        _ = bench.judge(packet)
      }
      let lines = bench.output.log.map(\.text)
      #expect(lines.count == 3, "\(lines)")
      #expect(lines.first?.contains("a filter must return true or false") == true)
      #expect(lines.dropFirst().allSatisfy { $0.contains("5 more") }, "\(lines)")
      #expect(bench.output.log.first?.place == "test.lua:3")
      #expect(lines.first == "verdict: a filter must return true or false, got nil (forgotten return?)")
      bench.policy.finishLog()
      #expect(bench.output.log.last == PolicyLogLine(level: .error, place: "test.lua:3", text: "verdict: 2 more"))
      bench.policy.finishLog()
      #expect(bench.output.log.count == 4 && bench.policy.failures.first?.count == 13)
    }
  }

  // MARK: Balancers

  private func choice(_ value: String) throws -> (ScriptChoice, PolicyFailure?) {
    try withLuaStack {
      let bench = try Bench(mirror("balance = function(packet, receivers) return \(value) end"))
      return (bench.choose(), bench.policy.failures.first)
    }
  }

  @Test func balancersChooseByIndexReceiverAddressOrNone() throws {
    #expect(try choice("1").0 == .receiver(0))
    #expect(try choice("2.0").0 == .receiver(1))
    #expect(try choice("receivers[2]").0 == .receiver(1))
    #expect(try choice("receivers[2].address").0 == .receiver(1))
    #expect(try choice("'10.20.9.10'").0 == .receiver(0))
    #expect(try choice("packet.source_port % #receivers + 1").0 == .receiver(0))
    #expect(try choice("receivers[receivers[2].index]").0 == .receiver(1))
    #expect(try choice("nil").0 == .none)
    #expect(try choice("tostring(receivers[1])").0 == .receiver(0))
  }

  @Test(arguments: [
    "0", "3", "-1", "1 << 53", "1.5", "0/0", "'1'", "'10.20.9.12'", "true", "{}", "packet", "receivers",
  ])
  func balancersOutOfRangeAreErrors(value: String) throws {
    let (choice, failure) = try choice(value)
    #expect(choice == .failed && failure?.kind == .verdict, "\(String(describing: failure))")
  }

  @Test func namedFunctionsKeepTheirName() throws {
    try withLuaStack {
      let bench = try Bench(mirror("filter = filter.when('odd one', function(p) return 7 end)"))
      #expect(bench.judge() == .failed)
      #expect(bench.policy.failures.first?.function == "odd one")
      #expect(bench.policy.failures.first?.firstMessage.hasPrefix("test.lua:2: a filter must") == true)
      #expect(bench.output.log.first?.place == "test.lua:2")
      #expect(bench.output.log.first?.text.hasPrefix("odd one: verdict: a filter must") == true)
    }
    #expect(loadError("filter.when('', function() end)")?.message.contains("1 to 60 characters") == true)
    #expect(loadError("filter.when('a\\27b', function() end)")?.message.contains("control character") == true)
  }

  @Test func functionsOfAnotherKindAreNotCalled() throws {
    try withLuaStack {
      let bench = try Bench(mirror("balance = function(p, r) return 1 end"))
      #expect(bench.judge() == .failed && bench.judge(function: 99) == .failed && bench.judge(mirror: -1) == .failed)
      #expect(bench.choose() == .receiver(0))
    }
  }
}
