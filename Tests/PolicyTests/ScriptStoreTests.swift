import Inventory
import JSONText
import LuaRuntime
import Mirroring
import Policy
import Testing

/// A store that takes whatever is wanted, and keeps what it was asked for.
private final class Shelf: ScriptStore {
  let place = "/var/lib/store.db"
  var mirrors: [StoredDefinition] = [] { didSet { edition += 1 } }
  private(set) var edition = 0
  var wanted: [StoreChange] = []
  var refusal: StoreRefusal?
  /// What is deleted goes at once.
  var carriesOut = false

  func refresh() {}

  func carryOut(_ change: StoreChange) throws(StoreRefusal) -> Int64? {
    if let refusal { throw refusal }
    wanted.append(change)
    if carriesOut { mirrors.removeAll { $0.number == change.mirror?.number } }
    return change.mirror?.number
  }

  func history(of mirror: StoredDefinition) throws(StoreRefusal) -> [StoreEvent] {
    [StoreEvent(time: "T", actor: "alice", action: "create", name: mirror.name, changes: ["a: 1 → 2"])]
  }

  func put(_ name: String, _ number: Int64 = 7, vpc: String = "vpc-shop", isEnabled: Bool = true) {
    mirrors.append(
      StoredDefinition(
        number: number,
        definition: [
          "name": .string(name), "description": "", "region": "r1", "vpc": .string(vpc), "range": ["vpc": true],
          "direction": "out", "filter": .null, "receivers": ["10.20.9.10"], "balance": "even",
          "encapsulation": ["type": "vxlan", "vni": 99, "port": 4789], "copies": "once", "onError": "skip",
          "enabled": .bool(isEnabled), "tags": ["team": "sec"],
        ]))
  }
}

private let start: Int64 = 1_700_000_000_000_000_000

/// A policy with a store, whose timer of one second has run the text once.
private func ticked(_ timer: String, before: String = "", _ shelf: Shelf) throws(PolicyError) -> Bench {
  let bench = try Bench(before + "\nevery(1, function() \(timer) end)", store: shelf)
  bench.policy.start(at: start)
  bench.policy.runTimers(at: start + 1_000_000_000)
  return bench
}

extension Bench {
  fileprivate var messages: [String] { policy.failures.map(\.firstMessage) }
}

@Suite struct ScriptStoreTests {
  @Test func ownAndStoredMirrorsStandSideBySideWithTheirOrigins() throws {
    try withLuaStack {
      let shelf = Shelf()
      shelf.put("web")
      let bench = try Bench(
        mirror() + """
          local seen = {}
          for name, each in pairs(mirrors) do seen[#seen + 1] = name .. " " .. each.origin end
          print(#mirrors, mirrors[1].name, mirrors[2].name, table.concat(seen, ", "))
          local web = mirrors.web
          print(web.vpc, web.direction, web.enabled, web.state, web.receivers[1], web.tags.team, web.vni, tostring(web))
          print(mirrors.find { name = "m" }.origin, mirrors.find { name = "web", origin = "store" }.name)
          print(mirrors.find { name = "web", vpc = "vpc-other" }, mirrors.none, mirrors[3])
          """, store: shelf)
      #expect(
        bench.output.printed == [
          "2\tm\tweb\tm test.lua:1, web store", "vpc-shop\tout\ttrue\tenabled\t10.20.9.10\tsec\t99\tmirror web",
          "test.lua:1\tweb", "nil\tnil\tnil",
        ])
      #expect(bench.policy.mirrors.map(\.name) == ["m"])
    }
  }

  @Test func aNameThatSeveralHaveIsAnErrorAndFoundWithMore() throws {
    try withLuaStack {
      let shelf = Shelf()
      shelf.put("web", 1)
      shelf.put("web", 2, vpc: "vpc-other")
      let bench = try Bench(
        """
        print(select(2, pcall(function() return mirrors.web end)))
        print(mirrors.find { name = "web", vpc = "vpc-other" }.vpc)
        print(select(2, pcall(mirrors.find, { name = "web", vpv = "x" })))
        print(select(2, pcall(mirrors.find, {})))
        """, store: shelf)
      let said = bench.output.printed
      #expect(said[0].contains("mirror.ambiguous: several mirrors are called \"web\""), "\(said[0])")
      #expect(said[0].contains("vpc-shop of r1 (from store), vpc-other of r1 (from store)"), "\(said[0])")
      #expect(said[1] == "vpc-other")
      #expect(said[2].contains("did you mean vpc?") && said[3].contains("name = \"...\" is needed"), "\(said)")
    }
  }

  @Test func aTimerAsksForChangesAsTheStoreWritesThem() throws {
    try withLuaStack {
      let shelf = Shelf()
      shelf.put("web")
      let bench = try ticked(
        """
        local web = mirrors.web
        web:modify { source = web_source, filter = https, target = ids, on_error = "collect", balance = even }
        web:disable() web:enable() web:tag { a = "1" } web:untag("a", "b") web:delete()
        mirrors.create { name = "new", vpc = "vpc-shop", source = { eni = {} }, filter = { lua = "return 1" }, tags = {} }
        """,
        before: """
          web_source, even = source.subnet "subnet-web", balance.weighted { ["10.20.9.10"] = 2 }
          https = filter.quintuple { protocol = "tcp", destination_port = 443, bidirectional = true }
          ids = target.receivers({ "10.20.9.10" }, { encapsulation = { vni = 5 } })
          """ + "\n" + mirror(), shelf)
      #expect(bench.messages.isEmpty, "\(bench.messages)")
      #expect(
        shelf.wanted.map(\.verb) == ["modify", "disable", "enable", "tag", "untag", "delete", "create"])
      var (members, new): ([JSONMember], [JSONMember]) = ([], [])
      if case .modify(let wanted)? = shelf.wanted.first?.action { members = wanted }
      if case .create(let wanted)? = shelf.wanted.last?.action { new = wanted }
      #expect(
        JSONValue.object(members.sorted { $0.name < $1.name }).text()
          == #"{"balance":{"weighted":{"10.20.9.10":2}},"encapsulation":{"vni":5},"filter":{"quintuple":[{"bidirectional":true,"destinationPort":443,"protocol":"tcp"}]},"onError":"collect","range":{"subnet":["subnet-web"]},"receivers":["10.20.9.10"]}"#
      )
      #expect(
        JSONValue.object(new.sorted { $0.name < $1.name }).text()
          == #"{"filter":{"lua":"return 1"},"name":"new","range":{"eni":[]},"tags":{},"vpc":"vpc-shop"}"#)
      #expect(shelf.wanted[0].place.description.hasPrefix("test.lua:"))
      #expect(shelf.wanted[0].neighbours.count == 1, "the policy's own mirror counts, too")
      #expect(!bench.policy.takeRequests().changesMirrors, "nothing of the policy's own was changed")
    }
  }

  @Test(arguments: [
    ("filter = function() return true end", "filter: is a function", "filter = { lua ="),
    ("filter = both", "filter: is a function", "filter = { lua ="),
    ("filter = other", "filter: was composed", "filter = { lua ="),
    ("source = chosen", "source: was chosen by a function", "source.eni"),
    ("balance = mine", "balance: is a function", "\"flow-hash\""),
    ("name = packet", "name: is a", ""), ("tags = { n = 0/0 }", "tags: is no number", ""),
  ])
  func whatLivesInTheScriptIsRefusedWithWhatToDo(key: String, reason: String, hint: String) throws {
    try withLuaStack {
      let shelf = Shelf()
      shelf.put("web")
      let bench = try ticked(
        "mirrors.web:modify { \(key) }",
        before: """
          https = filter.quintuple { protocol = "tcp" }
          named = filter.when("named", function() return true end)
          chosen = source.where(function() return true end)
          mine = balance.with("mine", function() return 1 end)
          both, other = https & named, ~https
          packet = set.ports { 1 }
          """, shelf)
      let message = try #require(bench.messages.first)
      #expect(
        message.contains("mirror.not-storable: mirror \"web\": \(reason)") && message.contains(hint), "\(message)")
      #expect(shelf.wanted.isEmpty)
    }
  }

  @Test func aRefusalIsRaisedWithCodeWordsAndHint() throws {
    try withLuaStack {
      let shelf = Shelf()
      shelf.put("web")
      shelf.refusal = StoreRefusal(code: "store.rate", sentence: "too often", hint: "wait")
      let bench = try ticked("mirrors.web:disable()", shelf)
      #expect(bench.messages == ["test.lua:2: store.rate: mirror \"web\": too often (wait)"])
      #expect(bench.output.log.allSatisfy { !$0.text.contains("of the store") })
    }
  }

  @Test func withoutAStoreNothingOfItIsThere() throws {
    try withLuaStack {
      let bench = try Bench(
        mirror() + """
          print(#mirrors, select(2, pcall(mirrors.create, { name = "x" })))
          print(select(2, pcall(function() mirrors.m:history() end)))
          """)
      #expect(bench.output.printed[0].contains("1\t") && bench.output.printed[0].contains("--store FILE lets scripts"))
      #expect(bench.output.printed[1].contains("only mirrors of the store have a history"))
    }
  }

  @Test func aPolicyThatLoadsAndAFilterThatJudgesMayOnlyLook() throws {
    try withLuaStack {
      let shelf = Shelf()
      shelf.put("web")
      let bench = try Bench(
        """
        print(select(2, pcall(function() mirrors.web:disable() end)))
        print(select(2, pcall(mirrors.create, { name = "x" })))
        print(mirrors.web:history()[1].changes[1])

        """ + filter("mirrors.web:disable() == nil"), store: shelf)
      for line in bench.output.printed.prefix(2) {
        #expect(line.contains("changed in timers and at the prompt, not while the policy loads"), "\(line)")
      }
      #expect(bench.output.printed.last == "a: 1 → 2")
      #expect(bench.judge() == .failed)
      #expect(bench.messages[0].contains("not while a packet is judged"), "\(bench.messages)")
      #expect(shelf.wanted.isEmpty)
    }
  }

  /// What a filter reads of the store is never remembered: the next packet sees what has become of it.
  @Test(arguments: [
    "mirrors.web.enabled", "#mirrors == 2", "mirrors.find { name = 'web' }.state == 'enabled'", "looks()",
  ])
  func aFilterThatReadsTheStoreIsAskedForEachPacket(_ expression: String) throws {
    try withLuaStack {
      let shelf = Shelf()
      shelf.put("web")
      let bench = try Bench(
        "local function looks() for name, each in pairs(mirrors) do if name == 'web' then return each.enabled end end end\n"
          + filter(expression), store: shelf)
      #expect([bench.judge(), bench.judge()] == [.yes, .yes])
      shelf.mirrors.removeAll()
      shelf.put("web", isEnabled: false)
      shelf.put("other", 8)
      #expect(bench.judge() == .no)
      #expect(bench.policy.statistics(entry: 0).map(\.hits) == [0])
    }
  }

  @Test func aHandleOfADeletedMirrorSaysSo() throws {
    try withLuaStack {
      let shelf = Shelf()
      shelf.put("web")
      let bench = try Bench(
        "local web = mirrors.web\nevery(1, function() print(web.state, web.name) web:enable() end)", store: shelf)
      bench.policy.start(at: start)
      shelf.mirrors.removeAll()
      bench.policy.runTimers(at: start + 1_000_000_000)
      #expect(bench.output.printed == ["deleted\tweb"])
      #expect(bench.messages[0].contains("mirror.unknown: mirror \"web\" is deleted"), "\(bench.messages)")
    }
  }

  @Test func aLoopMayDeleteWhatItMeets() throws {
    try withLuaStack {
      let shelf = Shelf()
      for number in 1...3 { shelf.put("s\(number)", Int64(number)) }
      shelf.carriesOut = true
      let bench = try ticked(
        """
        local seen = ""
        for name, each in pairs(mirrors) do seen = seen .. name each:delete() end
        print(seen, #mirrors)
        """, before: mirror(name: "a") + mirror("direction = \"in\"", name: "b"), shelf)
      #expect(bench.messages.isEmpty, "\(bench.messages)")
      #expect(bench.output.printed == ["abs1s2s3\t0"])
    }
  }

  @Test func namesAndLimitsCountAcrossBoth() throws {
    try withLuaStack {
      let shelf = Shelf()
      for number in 1...4 { shelf.put("s\(number)", Int64(number), isEnabled: number > 2) }
      let bench = try Bench(
        mirror() + """
          print(select(2, pcall(mirror, { name = "s1", vpc = "vpc-shop", source = source.vpc() })))
          """, store: shelf)
      #expect(
        bench.output.printed[0].contains("name.duplicate") && bench.output.printed[0].contains("vpc.mirror-limit"))
    }
  }
}
