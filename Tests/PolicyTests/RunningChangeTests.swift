import LuaRuntime
import Mirroring
import Policy
import Testing

/// The time of the first packet.
private let start: Int64 = 1_700_000_000_000_000_000
private let second: Int64 = 1_000_000_000

/// A policy at work, whose timer of one second runs the text.
private func running(_ timer: String, before: String = "", declared: String = mirror()) throws(PolicyError) -> Bench {
  let bench = try Bench(declared + before + "\nevery(1, function() \(timer) end)")
  bench.policy.start(at: start)
  return bench
}

extension Bench {
  fileprivate func tick(_ seconds: Int64 = 1) { policy.runTimers(at: start + seconds * second) }
  fileprivate var messages: [String] { policy.failures.map(\.firstMessage) }
}

// Scripts that change mirrors while the engine runs, and ask for a reload.
@Suite struct RunningChangeTests {
  @Test func aTimerChangesMirrorsAndTheEngineIsAsked() throws {
    try withLuaStack {
      let bench = try running(
        """
        mirrors.m:disable()
        mirrors.m:modify { direction = "out", description = "changed" }
        mirrors.m:tag { a = "1", b = "2" }
        mirrors.m:untag "a"
        assert(not mirrors.m.enabled and mirrors.m.state == "disabled" and mirrors.m.tags.b == "2")
        """)
      #expect(!bench.policy.takeRequests().changesMirrors)
      bench.tick()
      #expect(bench.messages.isEmpty, "\(bench.messages)")
      let mirror = bench.policy.mirrors[0]
      #expect(!mirror.isEnabled && mirror.direction == .out && mirror.tags == ["b": "2"])
      #expect(bench.policy.takeRequests().changesMirrors)
      #expect(!bench.policy.takeRequests().changesMirrors)
      #expect(
        bench.output.log.map { "\($0.place) \($0.text)" }.prefix(2) == [
          "test.lua:4 mirror \"m\" disabled", "test.lua:5 mirror \"m\" modified: description, direction",
        ])
    }
  }

  @Test func anInvalidChangeRaisesAllThatIsWrongAndChangesNothing() throws {
    try withLuaStack {
      let bench = try running("mirrors.m:modify { direction = 'up', name = '', copies = 'twice' }")
      bench.tick()
      for code in ["direction.unknown", "name.empty", "copies.unknown"] {
        #expect(bench.messages.first?.contains(code) == true, "\(bench.messages)")
      }
      #expect(bench.policy.mirrors[0].direction == .all && !bench.policy.takeRequests().changesMirrors)
    }
  }

  @Test func theRulesHoldAcrossAllThatRuns() throws {
    try withLuaStack {
      let other = try Bench(mirror(name: "other")).policy.mirrors
      let bench = try running("mirrors.m:modify { name = 'other' }")
      bench.policy.begin(plan: [(entry: 0, mirror: 0)], neighbours: { other })
      bench.tick()
      #expect(bench.messages.first?.contains("name.duplicate") == true, "\(bench.messages)")
    }
  }

  @Test(arguments: [
    "mirrors.m:enable()", "mirrors.m:disable()", "mirrors.m:modify { direction = 'in' }", "mirrors.m:tag { a = 'b' }",
    "mirrors.m:untag 'a'", "mirrors.m:delete()", "mirrors.reload()",
  ])
  func nothingChangesWhileAPacketIsJudged(call: String) throws {
    try withLuaStack {
      for source in [
        mirror("filter = function(packet) \(call) return true end"),
        mirror("balance = function(packet, receivers) \(call) return 1 end"),
      ] {
        let bench = try Bench(source)
        if source.contains("filter") { _ = bench.judge() } else { _ = bench.choose() }
        #expect(bench.messages.first?.contains("not while a packet is judged") == true, "\(bench.messages)")
        #expect(bench.policy.takeRequests() == PolicyRequests())
        #expect(bench.policy.mirrors.count == 1 && bench.policy.mirrors[0].isEnabled)
      }
    }
  }

  @Test func aCaughtRefusalDoesNotOpenADoor() throws {
    try withLuaStack {
      let bench = try Bench(
        mirror("filter = function() pcall(mirrors.reload) pcall(mirrors.m.disable, mirrors.m) return true end"))
      #expect(bench.judge() == .yes)
      #expect(bench.policy.takeRequests() == PolicyRequests())
    }
  }

  @Test func aDeletedMirrorIsGoneAndItsHandlesSaySo() throws {
    try withLuaStack {
      let bench = try Bench(
        mirror(name: "a") + mirror(name: "b") + """
          local a = mirrors.a
          a:delete()
          assert(mirrors.a == nil and #mirrors == 1 and mirrors[1].name == "b" and mirrors[2] == nil)
          for name in pairs(mirrors) do assert(name == "b") end
          assert(a.state == "deleted" and a.name == "a" and a:stats() == nil)
          local ok, message = pcall(a.enable, a)
          assert(not ok and message:find('mirror "a" is deleted', 1, true), message)
          mirrors.b:modify { name = "a" }
          """)
      #expect(bench.policy.mirrors.map(\.name) == ["a"] && bench.policy.mirrorNumbers == [1])
      #expect(!bench.policy.takeRequests().changesMirrors, "nothing is running yet")
    }
  }

  @Test func aRenamedMirrorKeepsItsNumber() throws {
    try withLuaStack {
      let bench = try running("mirrors.m:modify { name = 'n' }")
      let vni = bench.policy.mirrors[0].encapsulation.vni
      bench.tick()
      #expect(bench.policy.mirrors[0].name == "n" && bench.policy.mirrors[0].encapsulation.vni == vni)
    }
  }

  @Test func functionsAreThoseOfTheTimeOfLoading() throws {
    try withLuaStack {
      let bench = try running(
        "mirrors.m:modify { filter = known } mirrors.m:modify { filter = function() return true end }",
        before: "known = function() return false end mirrors.m:modify { filter = known }")
      bench.tick()
      #expect(bench.messages.count == 1 && bench.messages[0].contains("was not used while the policy loaded"))
      #expect(bench.policy.takeRequests().changesMirrors)
    }
  }

  // MARK: Between a change and its coming into force

  @Test func balancersChooseAmongTheReceiversThatAreInForce() throws {
    try withLuaStack {
      let bench = try running(
        "mirrors.m:modify { target = one }", before: "one = target.receivers '10.20.9.11'",
        declared: mirror("balance = function(packet, receivers) return receivers[#receivers] end"))
      #expect(bench.choose() == .receiver(1))
      bench.tick()
      #expect(bench.policy.mirrors[0].receivers.count == 1)
      #expect(bench.choose() == .receiver(1))
      bench.policy.begin(plan: [(entry: 0, mirror: 0)])
      #expect(bench.choose() == .receiver(0))
      #expect(bench.policy.failures.isEmpty)
    }
  }

  @Test func whatTheEngineRefusesIsUndone() throws {
    try withLuaStack {
      let bench = try running("mirrors.m:delete()")
      bench.tick()
      #expect(bench.policy.mirrors.isEmpty)
      bench.policy.undoChanges()
      #expect(bench.policy.mirrors.map(\.name) == ["m"])
    }
  }

  @Test(arguments: [("mirrors.m:enable()", []), ("mirrors.m:tag { a = 'b' }", [0])])
  func enablingAnewClearsWhatScriptsFailedIn(call: String, faulted: [Int]) throws {
    try withLuaStack {
      let bench = try running(call, declared: mirror("filter = function() error('x') end"))
      for _ in 0..<10 { _ = bench.judge() }
      #expect(bench.policy.faulted == [0])
      bench.tick()
      bench.policy.begin(plan: [(entry: 0, mirror: 0)])
      #expect(bench.policy.faulted == faulted)
    }
  }

  // MARK: Reload

  @Test func aTimerAsksForAReload() throws {
    try withLuaStack {
      let bench = try running("mirrors.reload() mirrors:reload()")
      bench.tick()
      #expect(bench.messages.isEmpty && bench.policy.takeRequests().reloads && !bench.policy.takeRequests().reloads)
    }
  }

  @Test func loadingAsksForNoReload() {
    #expect(loadError("mirrors.reload()")?.message.contains("it would never end") == true)
    let inPredicate = mirror("source = source.where(function(eni) mirrors.reload() return true end)")
    #expect(loadError(inPredicate)?.message.contains("it would never end") == true)
  }
}

// What a policy takes over from the one before it, and what it leaves when it is refused.
@Suite struct InheritanceTests {
  private func policy(_ source: String, _ shared: SharedStore) throws(PolicyError) -> Policy {
    var options = PolicyOptions()
    options.shared = shared
    return try Policy(source: mirror() + source, file: "p.lua", host: 0, inventory: shop, options: options)
  }

  private func values(_ metrics: [PolicyMetric]) -> [String: Double] {
    Dictionary(uniqueKeysWithValues: metrics.map { ($0.name, $0.value) })
  }

  @Test func countersAndGaugesGoOnUnderTheirNames() throws {
    try withLuaStack {
      let shared = SharedStore()
      let old = try policy(
        "counter('c'):add(5) gauge('g'):add(7) gauge('set'):set(1) counter('gone'):add(1) counter('kind'):add(3)",
        shared)
      let new = try policy(
        "counter('c'):add(1) gauge('g') gauge('set'):set(2) counter('new') gauge('kind')", shared)
      new.inherit(from: old)
      #expect(values(new.counters) == ["c": 6, "new": 0])
      #expect(values(new.gauges) == ["g": 7, "set": 2, "kind": 0])
    }
  }

  @Test func sharedIsWrittenWhenThePolicyIsInForce() throws {
    try withLuaStack {
      let shared = SharedStore()
      let old = try policy("shared:set('a', 1) shared:set('b', 'old') shared:set('gone', true)", shared)
      old.start(at: start)
      let new = try policy(
        """
        assert(shared:get('a') == 1 and shared:add('a', 2) == 3 and shared:get('a') == 3)
        shared:set('b', 'new') shared:set('gone', nil) shared:set('short', 1, 10)
        assert(shared:get('b') == 'new' and shared:get('gone') == nil and shared:add('fresh', 4) == 4)
        assert(not pcall(shared.add, shared, 'b', 1))
        """, shared)
      func seen(_ key: String, at seconds: Int64 = 0) throws -> String {
        var lines: [String] = []
        var options = PolicyOptions()
        options.shared = shared
        options.print = { lines.append($0) }
        let printing = try Policy(
          source: mirror() + "every(1, function() print(shared:get('\(key)')) end)", file: "q.lua", host: 0,
          inventory: shop, options: options)
        printing.start(at: start + seconds * second)
        printing.runTimers(at: start + (seconds + 1) * second)
        return lines.first ?? ""
      }
      #expect(try seen("a") == "1" && seen("b") == "old" && seen("gone") == "true" && seen("fresh") == "nil")
      new.start(at: start + 5 * second)
      #expect(try seen("a", at: 5) == "3" && seen("b", at: 5) == "new" && seen("gone", at: 5) == "nil")
      #expect(try seen("fresh", at: 5) == "4")
      #expect(try seen("short", at: 13) == "1" && seen("short", at: 14) == "nil", "ten seconds from coming into force")
    }
  }

  @Test func aPolicyThatIsRefusedLeavesNoTrace() throws {
    try withLuaStack {
      let shared = SharedStore()
      try policy("shared:set('a', 1)", shared).start(at: start)
      #expect(throws: PolicyError.self) { try policy("shared:set('a', 2) error('no')", shared) }
      _ = try policy("assert(shared:get('a') == 1)", shared)
    }
  }

  @Test func firstFiltersOfTwoPoliciesCountApart() throws {
    try withLuaStack {
      let source = mirror("filter = filter.first { packets = 3 }")
      let filters = try (0..<2).map { host in
        try Policy(source: source, file: "\(host).lua", host: host, inventory: shop).mirrors[0].filter
      }
      #expect(filters[0] != filters[1])
    }
  }
}
