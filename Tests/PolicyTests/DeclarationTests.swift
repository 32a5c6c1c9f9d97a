import LuaRuntime
import Mirroring
import Policy
import Testing
import Wire

@Suite struct DeclarationTests {
  private func mirrors(_ source: String, sourceLocation: SourceLocation = #_sourceLocation) -> [TrafficMirror] {
    withLuaStack {
      do throws(PolicyError) {
        return try Bench(source).policy.mirrors
      } catch {
        Issue.record("\(error) \(error.violations)", sourceLocation: sourceLocation)
        return []
      }
    }
  }

  private func built(_ expression: String) -> FilterExpression? {
    mirrors(mirror("filter = \(expression)")).first?.filter
  }

  @Test func declaresTheMirrorOfTheSpecification() throws {
    let found = mirrors(
      """
      local web = source.subnet("subnet-web")
      local ids = target.receivers "10.20.9.10, 10.20.9.11"

      local https   = filter.quintuple { protocol = "tcp", destination_port = 443, bidirectional = true }
      local no_scan = function(packet) return packet.protocol ~= "icmp" end

      mirror {
        name = "web-to-ids", vpc = "vpc-shop",
        source = web, direction = "all",
        filter = https & no_scan,
        target = ids, balance = balance.even(),
        tags = { team = "sec" },
      }
      """)
    let declared = try #require(found.first)
    #expect(declared.name == "web-to-ids" && declared.range == .subnets([0]) && declared.direction == .all)
    #expect(declared.receivers == [IPAddress("10.20.9.10")!, IPAddress("10.20.9.11")!])
    #expect(declared.balance == .even && declared.tags == ["team": "sec"])
    let https = QuintupleCondition(protocol: .tcp, destinationPort: 443...443, isBidirectional: true)
    #expect(
      declared.filter
        == .all([.quintuple([https]), .script(ScriptFunction(host: 0, function: 0, name: "test.lua:5"))]))
    #expect(declared.origin == "test.lua:7")
  }

  @Test func makesEverySource() {
    #expect(mirrors(mirror()).first?.range == .vpc)
    func range(_ text: String) -> CollectionRange? {
      mirrors(
        "mirror { name = 'm', vpc = 'vpc-shop', source = \(text), target = target.receivers '10.20.9.10' }"
      ).first?.range
    }
    #expect(range("source.subnet('subnet-web', 'subnet-tools')") == .subnets([0, 1]))
    #expect(range("source.eni 'eni-web1'") == .enis([0]))
    #expect(
      range("source.where(function(eni) return eni.tags.env == 'prod' end)")
        == .selected([0], name: "where test.lua:1"))
  }

  @Test func whereMustAnswerTrueOrFalse() {
    let error = loadError("local s = source.where(function(eni) return eni.name end)")
    #expect(
      error?.message.contains("must return true or false, got string") == true, "\(String(describing: error))")
    #expect(error?.line == 1)
  }

  @Test func makesEveryFilter() {
    #expect(built("filter.any()") == .any)
    #expect(built("filter.nat 'nat-egress'") == .nat(0, bidirectional: false))
    #expect(built("filter.nat('nat-egress', { bidirectional = true })") == .nat(0, bidirectional: true))
    #expect(built("filter.bpf 'tcp port 443'") == .bpf("tcp port 443"))
    #expect(built("filter.first { packets = 10 }") == .first(packets: 10, bytes: nil, id: 0))
    #expect(built("filter.sample(1/2)") == .sample(threshold: 1 << 63))
    let syn = QuintupleCondition(protocol: .udp)
    #expect(built("filter.quintuple { protocol = 'udp' }") == .quintuple([syn]))
    #expect(
      built("filter.rules { inbound = { { priority = 1, action = 'accept', protocol = 'udp' } } }")
        == .rules(inbound: [PriorityRule(priority: 1, action: .accept, condition: syn)], outbound: []))
    #expect(
      built("filter.when('odd', function(p) return p.source_port % 2 == 1 end)")
        == .script(ScriptFunction(host: 0, function: 0, name: "odd")))
  }

  @Test func combinesFiltersAndBareFunctions() {
    let first = FilterExpression.script(ScriptFunction(host: 0, function: 0, name: "test.lua:2"))
    let second = FilterExpression.script(ScriptFunction(host: 0, function: 1, name: "test.lua:2"))
    let any = FilterExpression.any
    let functions = "(function(p) return true end)"
    #expect(built("filter.any() | \(functions)") == .anyOf([any, first]))
    #expect(built("\(functions) & filter.any()") == .all([first, any]))
    #expect(built("\(functions) & \(functions)") == .all([first, second]))
    #expect(built("~filter.any()") == .not(any))
    #expect(built("filter.all { filter.any(), \(functions) }") == .all([any, first]))
    #expect(built("filter.none { \(functions), filter.any() }") == .not(.anyOf([first, any])))
  }

  @Test func makesEveryBalance() {
    func balance(_ text: String) -> BalanceMethod? { mirrors(mirror("balance = \(text)")).first?.balance }
    #expect(balance("balance.even()") == .even)
    #expect(balance("balance.eni_hash()") == .eniHash)
    #expect(balance("balance.flow_hash()") == .flowHash)
    #expect(balance("balance.round_robin()") == .roundRobin)
    #expect(balance("balance.weighted { ['10.20.9.11'] = 3 }") == .weighted([1, 3]))
    #expect(
      balance("balance.with('mine', function(p, r) return 1 end)")
        == .script(ScriptFunction(host: 0, function: 0, name: "mine")))
    #expect(
      balance("function(p, r) return 1 end") == .script(ScriptFunction(host: 0, function: 0, name: "test.lua:2")))
  }

  @Test func targetsCarryTheirEncapsulation() {
    func encapsulation(_ text: String) -> Encapsulation? {
      mirrors("mirror { name = 'm', vpc = 'vpc-shop', source = source.vpc(), target = \(text) }").first?.encapsulation
    }
    let wanted = Encapsulation(kind: .gre, vni: 7)
    #expect(
      encapsulation("target.receivers('10.20.9.10', { encapsulation = { type = 'gre', vni = 7 } })")?.vni == wanted.vni)
    #expect(
      encapsulation("target.receivers { '10.20.9.10', encapsulation = { type = 'gre', vni = 7 } }")?.kind == .gre)
  }

  @Test func listsAllViolationsAtTheCall() throws {
    let error = try #require(
      loadError(
        """

        mirror {
          name = "", vpc = "vpc-shop", source = source.subnet "subnet-nope", direction = "sideways",
          target = target.receivers "10.20.9.10, 10.20.9.999",
          filter = filter.quintuple { protocol = "tcp", destination_port = "70000" },
        }
        """))
    #expect(error.kind == .invalid && error.line == 2 && error.file == "test.lua")
    let codes = Set(error.violations.map(\.code))
    #expect(
      codes.isSuperset(of: ["name.empty", "range.unknown", "direction.unknown", "receivers.syntax", "filter.port"]),
      "\(codes)")
    for code in codes { #expect(error.message.contains(code)) }
  }

  @Test func suggestsTheNearestKey() {
    let error = loadError(mirror("balanse = balance.even()"))
    #expect(error?.violations.map(\.code) == ["key.unknown"])
    #expect(error?.violations.first.map { $0.message + ($0.hint ?? "") }?.contains("balance") == true)
    #expect(loadError("filter.first { packts = 3 }")?.message.contains("did you mean packets?") == true)
    #expect(loadError("local f = filter.quintupel")?.message.contains("quintuple") == true)
  }

  @Test func namesAndLimitsCountAcrossPolicies() {
    let earlier = mirrors(mirror(name: "a") + mirror(name: "b"))
    #expect(earlier.count == 2)
    let error = withLuaStack {
      do throws(PolicyError) {
        _ = try Bench(mirror(name: "a"), earlier: earlier)
        return nil as PolicyError?
      } catch { return error }
    }
    #expect(error?.violations.map(\.code) == ["name.duplicate"])
  }

  @Test func argumentsOfTheWrongTypeAreRefusedByPosition() {
    #expect(loadError("filter.bpf(7)")?.message.contains("string expected, got number") == true)
    #expect(loadError("filter.when('x', 'y')")?.message.contains("#2") == true)
    #expect(loadError("filter.quintuple()")?.message.contains("table expected") == true)
    #expect(loadError("filter.all { 7 }")?.message.contains("a filter or a function expected") == true)
    #expect(loadError("every('soon', print)")?.message.contains("number expected") == true)
  }

  @Test func boundsWhatAScriptMayDeclare() {
    #expect(loadError("for i = 1, 65 do filter.any() end")?.message.contains("at most 64 filters") == true)
    #expect(loadError("for i = 1, 17 do every(1, function() end) end")?.message.contains("at most 16 timers") == true)
    #expect(
      loadError("for i = 1, 257 do counter('c' .. i) end")?.message.contains("at most 256 counters") == true)
    #expect(loadError("for i = 1, 65 do set.ports {} end")?.message.contains("at most 64 sets") == true)
    let doubling = loadError("local f = filter.any() for i = 1, 60 do f = f & f end")
    #expect(doubling?.message.contains("at most 256 parts") == true, "\(String(describing: doubling))")
  }

  @Test func declaresOnlyWhileLoading() throws {
    try withLuaStack {
      let bench = try Bench(filter("filter.any() ~= nil"))
      #expect(bench.judge() == .failed)
      #expect(bench.policy.failures.first?.firstMessage.contains("only while the policy loads") == true)
    }
  }

  @Test func mirrorsCanBeLookedUpAndChanged() throws {
    try withLuaStack {
      let bench = try Bench(
        mirror(name: "a") + mirror(name: "b") + """
          assert(#mirrors == 2 and mirrors["a"].name == "a" and mirrors[2].name == "b" and mirrors["c"] == nil)
          local names = {}
          for name, m in pairs(mirrors) do names[#names + 1] = name .. "=" .. m.vpc end
          assert(table.concat(names, ",") == "a=vpc-shop,b=vpc-shop")
          mirrors.a:disable()
          mirrors.b:modify { direction = "out", tags = { x = "y" } }
          mirrors.a:tag { team = "sec", env = "prod" } mirrors.a:tag { env = "dev" } mirrors.a:untag("team")
          assert(mirrors.a.tags.env == "dev" and mirrors.a.tags.team == nil)
          assert(not pcall(mirrors.a.tag, mirrors.a, { [""] = "x" }))
          assert(not mirrors.a.enabled and mirrors.b.enabled and mirrors.b.direction == "out")
          assert(mirrors.b.tags.x == "y" and mirrors.b.receivers[2] == "10.20.9.11" and mirrors.b:stats() == nil)
          """)
      #expect(bench.policy.mirrors.map(\.isEnabled) == [false, true])
      #expect(bench.policy.mirrors[1].direction == .out)
    }
  }

  @Test func changesAreValidated() {
    let error = loadError(mirror() + "mirrors.m:modify { direction = 'up' }")
    #expect(error?.violations.map(\.code) == ["direction.unknown"])
    #expect(error?.line == 3)
  }

  @Test func readsTheInventory() {
    let error = loadError(
      """
      local vpc = inventory.vpcs["vpc-shop"]
      assert(vpc.name == "shop" and vpc.region.id == "r1" and vpc.cidrs[1] == "10.20.0.0/16" and vpc.tags.env == "test")
      assert(inventory.regions.r1.vpcs["vpc-shop"].id == "vpc-shop")
      local ids = {}
      for id, eni in pairs(vpc.enis) do ids[#ids + 1] = id .. " " .. eni.addresses[1] end
      assert(#ids == 4 and ids[1] == "eni-web1 10.20.1.11" and #vpc.enis == 4)
      local eni = inventory.eni("eni-web1")
      assert(eni.name == "web1" and eni.mac == "02:00:0a:14:01:0b" and eni.subnet.name == "web" and eni.vpc.id == vpc.id)
      assert(eni.bandwidth_mbps == 3000 and eni.interface == "tap1" and eni.instance == nil and eni.tags.env == "prod")
      assert(#eni.public_addresses == 0 and inventory.eni("nope") == nil and vpc.enis["nope"] == nil)
      assert(#vpc.subnets["subnet-web"].enis == 2 and vpc.subnets["subnet-web"].cidrs[1] == "10.20.1.0/24")
      local routes = vpc.subnets["subnet-web"].route_table.routes
      local nat = vpc.nat_gateways["nat-egress"]
      assert(nat.addresses[1] == "203.0.113.10" and nat.name == "egress" and nat.vpc.id == vpc.id)
      assert(vpc.route_tables["rtb-main"].vpc.id == vpc.id and #routes >= 2)
      assert(routes[1].destination == "0.0.0.0/0" and routes[1].next_hop.id == "nat-egress" and routes[1].enabled)
      assert(not pcall(function() inventory.more = 1 end) and not pcall(function() vpc.name = 1 end))
      """)
    #expect(error == nil, "\(String(describing: error))")
  }
}

/// What a call written slightly wrong is told.
@Suite struct CallTests {
  @Test(arguments: [
    ("local s = set.cidrs {'10.0.0.0/8'} s.contains('10.1.2.3')", "set:contains(...)"),
    ("local c = counter('c') c.add(7)", "counter:add(...)"),
    ("local p = packet.udp { source = '1.1.1.1', destination = '1.1.1.2' } p.hex()", "packet:hex()"),
    ("shared.set('k', 1)", "shared:set(...)"),
    (mirror() + "mirrors.m.disable('huh')", "mirror:disable()"),
  ])
  func methodsWithoutTheirObjectAreRefused(source: String, call: String) {
    let error = loadError(source)
    #expect(error?.message == "call it with a colon: \(call)", "\(String(describing: error))")
    #expect((error?.line ?? 0) > 0)
  }

  @Test(arguments: [
    ("filter:quintuple { protocol = 'udp' }", "filter.quintuple"), ("source:vpc()", "source.vpc"),
    ("target:receivers '10.20.9.10'", "target.receivers"), ("log:info('x')", "log.info"),
    ("inventory:eni('eni-web1')", "inventory.eni"), ("return set:ports {1}", "set.ports"),
  ])
  func functionsOfANamespaceWithAColonAreRefused(source: String, call: String) {
    let error = loadError(source)
    #expect(error?.message == "call it with a dot: \(call)(...)", "\(String(describing: error))")
    #expect(error?.line == 1)
  }

  @Test(arguments: [
    ("source = source.vpc", "source: write source.vpc(), with parentheses"),
    ("target = target.receivers", "target: write target.receivers(...), with parentheses"),
    ("balance = balance.eni_hash", "balance: write balance.eni_hash(), with parentheses"),
    ("filter = filter.sample", "filter: write filter.sample(...), with parentheses"),
    ("filter = filter.any & filter.any()", "filter: write filter.any(), with parentheses"),
    ("filter = math.floor", "filter: a function of the library cannot be used here, write your own"),
    ("balance = filter.any", "balance: a function of the library cannot be used here, write your own"),
  ])
  func forgottenParenthesesAreNamed(member: String, message: String) {
    let error = loadError("mirror { name = 'm', vpc = 'vpc-shop', \(member) }")
    #expect(error?.message == message, "\(String(describing: error))")
  }

  @Test(arguments: [
    ("mirorr {}", "(global 'mirorr'); did you mean 'mirror'?"),
    ("local t = os.time()", "(global 'os'); there is no os in policies; use packet.time"),
    ("setmetatable({}, {})", "(global 'setmetatable'); there are no metatables in policies"),
    ("local t = xqzwvkj.y", "(global 'xqzwvkj')"),
    ("local mirorr mirorr()", "(local 'mirorr')"),
  ])
  func missingGlobalsAreExplained(source: String, end: String) {
    let error = loadError(source)
    #expect(error?.message.hasSuffix(end) == true, "\(String(describing: error))")
  }

  @Test func methodsWithADotAreRefusedInFilters() throws {
    try withLuaStack {
      let bench = try Bench(filter("packet.hex() == nil"))
      #expect(bench.judge() == .failed)
      #expect(bench.policy.failures.first?.firstMessage.contains("call it with a colon: packet:hex()") == true)
    }
  }

  @Test(arguments: [
    ("shared:add(7, 1)", "bad argument #1 to 'add' (string expected, got number)"),
    ("shared:add('k', 'x')", "bad argument #2 to 'add' (number expected, got string)"),
    ("shared:set('k', 1, -1)", "bad argument #3 to 'set' (seconds above 0"),
    ("counter('c'):add(-1)", "bad argument #1 to 'add' (a counter only grows"),
    ("set.ports {1}:contains('x')", "bad argument #1 to 'contains' (a port expected"),
  ])
  func methodsCountTheirArgumentsBehindTheObject(source: String, message: String) {
    let error = loadError(source)
    #expect(error?.message.hasPrefix(message) == true, "\(String(describing: error))")
  }
}

@Suite struct NamespaceTests {
  @Test(arguments: [
    ("filter.any = 1", "'filter' is read-only"), ("filter.more = 1", "'filter' is read-only"),
    ("policy.name = 'x'", "'policy' is read-only"), ("policy.args.x = 1", "'policy.args' is read-only"),
  ])
  func namespacesCannotBeChanged(source: String, message: String) {
    #expect(loadError(source)?.message == message)
  }

  @Test func namespacesCanBeReadAndWalked() throws {
    let source =
      mirror("tags = policy.args") + """
        local args = {}
        for key, value in pairs(policy.args) do args[#args + 1] = key .. value end
        assert(table.concat(args) == "limit10" and policy.args.limit == "10" and policy.args.other == nil)
        assert(mirrors.m.tags.limit == "10" and not pcall(function() local _, t = pairs(filter) t.any = 1 end))
        assert(next(policy.args) == "limit" and not pcall(function() return policy.nane end))
        local count = 0
        for _ in pairs(filter) do count = count + 1 end
        assert(count > 5)
        local c = counter("c")
        c:add(3)
        assert(tostring(c.value) == "3")
        c:add(0.5)
        assert(tostring(c.value) == "3.5")
        """
    try withLuaStack { _ = try Bench(source, arguments: ["limit": "10"]) }
  }
}
