import DataPath
import Foundation
import Inventory
import LuaRuntime
import Mirroring
import Testing
import Wire

@testable import Policy

/// What is said of the first function of a policy.
private func caching(_ source: String, sourceLocation: SourceLocation = #_sourceLocation) -> String {
  withLuaStack {
    do throws(PolicyError) {
      return try Bench(source).policy.caching.first?.text ?? "no function"
    } catch {
      Issue.record("\(error)", sourceLocation: sourceLocation)
      return ""
    }
  }
}

/// Which functions are remembered, and what is said of the others.
@Suite struct ExaminationTests {
  @Test(arguments: [
    ("return packet.protocol == 'tcp' and packet.destination_port == 443", "cached on protocol, destination_port"),
    ("return true", "cached"),
    ("return packet.tcp ~= nil and packet.tcp.syn", "cached on tcp.syn"),
    ("return packet.payload:starts('GET')", "not cached where it reads payload (line 3)"),
    (
      "if packet.ttl == 1 then return #packet.payload > 3 end return false",
      "cached on ttl; not where it reads payload (line 3)"
    ),
    ("n = n + 1 return true", "not cached: counts packets in upvalue 'n' (line 3)"),
    ("n = packet.length return true", "not cached: changes upvalue 'n' (line 3)"),
    ("x = 1 return true", "not cached: changes global 'x' (line 3)"),
    ("t.x = true return true", "not cached: writes into table 't' (line 3)"),
    ("t[packet.source] = true return true", "not cached: writes into a table that it did not make (line 3)"),
    ("t.a.b = 1 return true", "not cached: writes into a table that it did not make (line 3)"),
    ("packet.flow.state.n = 1 return true", "not cached: writes into a table that it did not make (line 3)"),
    ("local u = t u[1] = 1 return true", "not cached: writes into a table that it did not make (line 3)"),
    ("local u = {} u[1] = 1 return u[1] == 1", "cached"),
    ("table.insert(t, 1) return true", "not cached: writes into a table that it did not make (line 3)"),
    ("table.sort(t) return true", "not cached: writes into a table that it did not make (line 3)"),
    ("local u = { 2, 1 } table.sort(u) return u[1] == 1", "cached"),
    ("table.move({ 1 }, 1, 1, 1, t) return true", "not cached: writes into a table that it did not make (line 3)"),
    ("return t.f(packet)", "cached on source_port"),
    (
      "local f = packet.ttl == 1 and t.f or t.g return f(packet)",
      "not cached: calls a function that is not known beforehand (line 3)"
    ),
    (
      "for _, f in pairs(t.list) do f() end return true",
      "not cached: calls a function that is not known beforehand (line 3)"
    ),
    ("return helper(packet) == 1", "cached on dscp"),
    ("return counting(packet)", "not cached: counts packets in upvalue 'n' (line 1)"),
    ("local ok = pcall(counting, packet) return ok", "not cached: counts packets in upvalue 'n' (line 1)"),
    ("local ok = pcall(function() n = 2 end) return ok", "not cached: changes upvalue 'n' (line 3)"),
    ("local ok, syn = pcall(function() return packet.tcp.syn end) return ok and syn", "cached"),
    ("return (('x'):gsub('x', function() n = 3 end)) == 'x'", "not cached: changes upvalue 'n' (line 3)"),
    ("return ('a'):find(packet.source or '') ~= nil", "cached on source"),
    ("log.info('x') return true", "not cached where it calls log.info (line 3), which has an effect"),
    (
      "return (shared:get('x') or 0) > 1",
      "not cached where it calls shared:get (line 3), whose answer changes"
    ),
    ("return math.random(2) == 1", "not cached where it calls math.random (line 3), whose answer changes"),
    ("print(1) return true", "not cached where it calls print (line 3), which has an effect"),
    ("return packet:source_in(net)", "cached on source_in"),
    (
      "local function go(x) if x > 0 then return go(x - 1) end return packet.vlan == 1 end return go(3)",
      "not cached: calls a function that is not known beforehand (line 3)"
    ),
    ("return select('#', ...) == 0", "cached"),
    ("goto done ::done:: return packet.eni ~= nil", "cached on eni"),
    ("local s = 0 for i = 1, 3 do s = s + i end return s == 6", "cached"),
    ("_ENV.y = 2 return true", "not cached: changes global 'y' (line 3)"),
    ("_G.y = 2 return true", "not cached: writes into a table that it did not make (line 3)"),
  ])
  func tellsWhatAFunctionHangsOn(body: String, expected: String) {
    let head = """
      local n, t, net = 0, { a = {}, f = function(p) return p.source_port == 1 end, g = print, list = {} }, set.cidrs { "10.0.0.0/8" } local function helper(p) return p.dscp end local function counting(p) n = n + 1 return true end
      mirror { name = "m", vpc = "vpc-shop", source = source.vpc(), target = target.receivers "10.20.9.10", filter = function(packet, ...)
      """
    #expect(caching("\(head)\n\(body)\nend }") == expected)
  }

  @Test func saysWhenItIsTurnedOff() throws {
    try withLuaStack {
      var options = PolicyOptions()
      options.remembersVerdicts = false
      let policy = try Policy(
        source: filter("true"), file: "p.lua", host: 0, inventory: shop, options: options)
      #expect(policy.caching.map(\.text) == ["not cached: turned off"])
    }
  }
}

/// What is given from memory, and when not any more.
@Suite struct RememberingTests {
  private func asked(_ source: String, _ packets: [TestPacket], then: (Bench) -> Void = { _ in }) throws
    -> (answers: [ScriptAnswer], hits: UInt64, calls: UInt64)
  {
    try withLuaStack {
      let bench = try Bench(source)
      let answers = packets.map { bench.judge($0) }
      then(bench)
      let statistics = bench.policy.statistics(entry: 0)
      return (answers, statistics.reduce(0) { $0 + $1.hits }, statistics.reduce(0) { $0 + $1.calls })
    }
  }

  @Test func theTimeOfCallsIsKeptByMirror() throws {
    try withLuaStack {
      let bench = try Bench(filter("math.random() < 2") + mirror(name: "other"))
      #expect(bench.policy.nanoseconds(mirror: 0) == 0)
      _ = bench.judge()
      let one = bench.policy.nanoseconds(mirror: 0)
      for _ in 0..<63 { _ = bench.judge() }
      // One call in 64 is timed, and stands for the others.
      #expect(one > 0 && bench.policy.nanoseconds(mirror: 0) == 64 * one)
      #expect(bench.policy.nanoseconds(mirror: 1) == 0 && bench.policy.nanoseconds(mirror: 99) == 0)
    }
  }

  @Test func asksOncePerValueOfWhatWasRead() throws {
    let packets = [64, 64, 1, 1, 64].map { ttl in TestPacket { $0.ttl = UInt8(ttl) } }
    let (answers, hits, calls) = try asked(filter("packet.ttl == 64"), packets)
    #expect(answers == [.yes, .yes, .no, .no, .yes])
    #expect((hits, calls) == (3, 2))
  }

  @Test func asksAboutWhatDiffersFromPacketToPacket() throws {
    let (_, hits, calls) = try asked(filter("packet.length > 10"), Array(repeating: TestPacket(), count: 5))
    #expect((hits, calls) == (0, 5))
  }

  @Test func remembersNoFailure() throws {
    let (answers, hits, calls) = try asked(filter("packet.vlan + 1 > 2"), Array(repeating: TestPacket(), count: 4))
    #expect(answers == [.failed, .failed, .failed, .failed])
    #expect((hits, calls) == (0, 4))
  }

  @Test func keepsSetsApart() throws {
    let source = """
      local a, b = set.cidrs { "10.20.1.11" }, set.cidrs { "10.20.1.12" }
      \(filter("packet:source_in(a) or packet:source_in(b)"))
      """
    let packets = ["10.20.1.11", "10.20.1.12", "10.20.1.13", "10.20.1.12"].map { address in
      TestPacket { $0.source = IPAddress(address)! }
    }
    let (answers, hits, calls) = try asked(source, packets)
    #expect(answers == [.yes, .yes, .no, .yes])
    #expect((hits, calls) == (1, 3))
  }

  /// The timer changes a variable that the filter reads: its old answers must not be given again.
  @Test func forgetsWhatATimerMayHaveChanged() throws {
    let source = "local mode = 1\n" + filter("mode == 2") + "\nevery(1, function() mode = mode + 1 end)"
    try withLuaStack {
      let bench = try Bench(source)
      bench.policy.start(at: 1_000_000_000)
      #expect([bench.judge(), bench.judge()] == [.no, .no])
      bench.policy.runTimers(at: 2_500_000_000)
      #expect([bench.judge(), bench.judge()] == [.yes, .yes])
      bench.policy.runTimers(at: 3_500_000_000)
      #expect([bench.judge(), bench.judge()] == [.no, .no])
      #expect(bench.policy.statistics(entry: 0)[0].hits == 3)
    }
  }

  /// A helper that is replaced by one with an effect: the proof falls with the fact that it hangs on.
  @Test func examinesAnewWhenAHelperIsReplaced() throws {
    let source = """
      local n = 0
      local helper = function() return true end
      \(filter("helper()"))
      every(1, function() helper = function() n = n + 1 return n % 2 == 0 end end)
      """
    try withLuaStack {
      let bench = try Bench(source)
      bench.policy.start(at: 1_000_000_000)
      #expect([bench.judge(), bench.judge()] == [.yes, .yes])
      bench.policy.runTimers(at: 2_500_000_000)
      #expect([bench.judge(), bench.judge(), bench.judge()] == [.no, .yes, .no])
      #expect(bench.policy.caching[0].text.hasPrefix("not cached: counts packets in upvalue 'n'"))
    }
  }

  @Test func forgetsWhenTold() throws {
    let (_, hits, calls) = try asked(filter("packet.ttl == 64"), [TestPacket(), TestPacket()]) { bench in
      bench.policy.forgetVerdicts()
      _ = bench.judge()
    }
    #expect((hits, calls) == (1, 2))
  }

  /// A plan that comes into force may change what scripts see; what was counted stays.
  @Test func forgetsWhenAPlanComesIntoForce() throws {
    let (_, hits, calls) = try asked(filter("packet.ttl == 64"), [TestPacket(), TestPacket()]) { bench in
      bench.policy.begin(plan: [(entry: 0, mirror: 0)])
      _ = bench.judge()
      _ = bench.judge()
    }
    #expect((hits, calls) == (2, 2))
  }

  /// Packets that nobody sent are neither remembered nor counted.
  @Test func remembersNothingOfAnExplanation() throws {
    let (_, hits, calls) = try asked(filter("packet.ttl == 64"), []) { bench in
      bench.policy.uncounted { for _ in 0..<3 { _ = bench.judge() } }
      _ = bench.judge()
    }
    #expect((hits, calls) == (0, 1))
  }

  /// A filter of one mirror changes what the filter of another reads.
  @Test func givesNoAnswerThatAnotherFilterMadeOld() throws {
    let source =
      "local n = 0\n" + mirror("filter = function(packet) n = n + 1 return true end", name: "a")
      + mirror("filter = function(packet) return n % 2 == 0 end", name: "b")
    try withLuaStack {
      let bench = try Bench(source)
      let answers = (0..<4).map { _ in
        _ = bench.judge(mirror: 0, function: 0)
        return bench.judge(mirror: 1, function: 1)
      }
      #expect(answers == [.no, .yes, .no, .yes])
    }
  }

  /// A read of one table that may change is no read of a fact: `open`.
  @Test func forgetsWhatWasReadOfATable() throws {
    let source = """
      local list = { 80 }
      \(mirror("filter = function(packet) for _, p in ipairs(list) do if p == packet.destination_port then return true end end return false end"))
      every(1, function() list[1] = 443 end)
      """
    try withLuaStack {
      let bench = try Bench(source)
      bench.policy.start(at: 1_000_000_000)
      #expect([bench.judge(), bench.judge()] == [.no, .no])
      bench.policy.runTimers(at: 2_500_000_000)
      #expect([bench.judge(), bench.judge()] == [.yes, .yes])
    }
  }

  /// An iterator that began in an earlier call goes on: its answers differ though nothing of Lua's memory is written.
  @Test(arguments: ["('abcd'):gmatch('.')", "pairs(inventory.vpcs['vpc-shop'].enis)"])
  func remembersNothingOfIteratorsOfEarlierCalls(iterator: String) throws {
    let source = "local next_one = \(iterator)\n" + filter("next_one() ~= nil")
    let (answers, hits, _) = try asked(source, Array(repeating: TestPacket(), count: 6))
    #expect(answers == [.yes, .yes, .yes, .yes, .no, .no])
    #expect(hits == 0)
  }

  /// One in 4,096 is asked again, and the call leaves no trace.
  @Test func asksAgainNowAndThen() throws {
    try withLuaStack {
      let bench = try Bench(filter("packet.ttl == 64"))
      for _ in 0..<9000 { _ = bench.judge() }
      #expect(bench.policy.verified == 2)
      #expect(bench.policy.mismatches == 0)
      #expect(bench.policy.statistics(entry: 0).map { [$0.hits, $0.calls] } == [[8999, 1]])
    }
  }

  /// A wrong answer in the memory, as only a bug could put it there.
  @Test func distrustsAFunctionWhoseAnswerDiffers() throws {
    try withLuaStack {
      let bench = try Bench(filter("packet.ttl == 64"))
      let wrong: [UInt8] = [PacketKey.ttl.rawValue]
      unsafe TestPacket().with { packet in
        let record = unsafe bench.policy.context.arena.place(packet, isObserved: true)
        let use = bench.policy.use(0, 0)
        let isNew = unsafe wrong.withUnsafeBufferPointer { keys in
          unsafe use.tree.insert(keys, RememberedAnswer(code: 0, isOfPath: false)) {
            unsafe bench.policy.context.value(of: $0, record)
          }
        }
        #expect(isNew)
      }
      let answers = (0..<5000).map { _ in bench.judge() }
      #expect(answers[0] == .no && answers[4999] == .yes)
      #expect(answers.firstIndex(of: .yes) == 4095)
      #expect(bench.policy.mismatches == 1)
      #expect(bench.output.log.map(\.text).contains { $0.contains("bug") })
      #expect(bench.policy.caching[0].text == "not cached: a remembered answer differed from a new one, which is a bug")
    }
  }
}

/// Answers from memory count as calls that went well.
@Suite struct RememberedBreakerTests {
  @Test func manySuccessesAreAsThatManyCalls() {
    for (before, count) in [(0, 1), (3, 996), (3, 997), (999, 1), (999, 2500), (10, 990), (0, 0)] {
      var single = Breaker()
      var many = Breaker()
      for _ in 0..<before {
        single.succeed()
        many.succeed()
      }
      _ = (single.fail(("", nil)), many.fail(("", nil)))
      for _ in 0..<count { single.succeed() }
      many.succeed(count)
      // Failures tell the two apart if anything does.
      for step in 0..<60 {
        let (a, b) = (single.fail(("", nil)), many.fail(("", nil)))
        #expect(a == b, "\(before) \(count) \(step)")
        if step % 9 == 8 {
          single.succeed()
          many.succeed()
        }
      }
    }
  }
}
