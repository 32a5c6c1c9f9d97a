/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers for the same seed on every machine.
struct RandomNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }

  mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
  mutating func chance(_ percent: Int) -> Bool { number(0...99) < percent }
  mutating func pick<T>(_ from: [T]) -> T { from[number(0...from.count - 1)] }
}

/// Policies by a grammar: functions that only look and functions that count, remember, call, loop, fail; filters and
/// balancers made of them; timers that change what others read. What a policy does is of no sense, but the same each time.
struct GeneratedPolicy {
  private var random: RandomNumbers
  private let vpc: String
  private let receivers: [String]
  private let addresses: [String]
  private var helpers: [String] = []
  private var depth = 0
  /// How much of what has effects comes in: none in a quarter of the policies, since one such function makes all others
  /// be asked each time.
  private let wildness: Int

  init(seed: UInt64, vpc: String, receivers: [String], addresses: [String]) {
    random = RandomNumbers(seed: seed)
    self.vpc = vpc
    self.receivers = receivers
    self.addresses = addresses
    wildness = [0, 5, 15, 40][Int(seed % 4)]
  }

  mutating func text() -> String {
    var text = prelude()
    for number in 0..<random.number(0...2) { text += helper(number) }
    let filters = (0..<random.number(1...4)).map { "f\($0)" }
    for name in filters { text += function(name) }
    for number in 1...random.number(1...3) { text += mirror(number, filters) }
    for _ in 0..<random.number(0...(wildness > 0 ? 2 : 1)) { text += timer() }
    return text
  }

  // MARK: Declarations

  private mutating func prelude() -> String {
    let nets = (0..<3).map { _ in "\"\(random.pick(addresses))/\(random.pick([8, 16, 24, 32]))\"" }
    return """
      local n, mode, limit, names = 0, 1, \(random.number(1...4)), { tcp = true, udp = \(random.chance(50)) }
      local seen, list = {}, { 80, 443, 53, \(random.number(1...1024)) }
      local rules = { { port = 443, yes = true }, { port = \(random.pick([53, 80, 22])), yes = \(random.chance(50)) } }
      local net = set.cidrs { \(nets.joined(separator: ", ")) }
      local lan = set.cidrs { "\(random.pick(addresses))/16" }
      local ports = set.ports { 80, 443, "1000-\(random.number(1001...9000))" }
      local words = set.strings { "tcp", "icmp" }
      local sets = { net = net, ports = ports }
      local hits, level = counter "hits", gauge "level"
      local step = function(x) return x + 1 end
      total = 0
      function global_helper(p) return p.ip_version == 4 end

      """
  }

  private mutating func helper(_ number: Int) -> String {
    let name = "h\(number)"
    let text =
      "local function \(name)(packet, x)\n" + block(wild: wildness / 2) + "  return \(condition())\nend\n"
    helpers.append(name)
    return text
  }

  private mutating func function(_ name: String) -> String {
    "local \(name) = function(packet)\n" + block(wild: wildness) + "  return \(condition())\nend\n"
  }

  private mutating func timer() -> String {
    let actions = [
      "mode = mode + 1", "limit = limit % 4 + 1", "list[1] = list[1] == 80 and 81 or 80", "total = total + 1",
      "list[1], list[2] = list[2], list[1]",
      "rules[1].yes = not rules[1].yes", "names.udp = not names.udp", "hits:add(1)", "shared:set('k', mode)",
      "step = function(x) n = n + x return x + 2 end", "local t = {} t[1] = 2", "print('timer')",
      "global_helper = function(p) return p.ip_version == 6 end",
    ]
    return "every(\(random.pick(["0.01", "0.3", "2", "60"])), function() \(random.pick(actions)) end)\n"
  }

  private mutating func mirror(_ number: Int, _ filters: [String]) -> String {
    let count = random.number(1...receivers.count)
    let list = receivers.prefix(count).map { "\"\($0)\"" }.joined(separator: ", ")
    var text =
      "mirror { name = \"m\(number)\", vpc = \"\(vpc)\", source = source.vpc(), target = target.receivers { \(list) },\n"
    text += "  filter = \(expression(filters, 2)),\n"
    text += "  balance = \(balancer(count)),\n"
    if random.chance(40) { text += "  copies = \"per-eni\",\n" }
    if random.chance(40) { text += "  on_error = \"collect\",\n" }
    if random.chance(30) { text += "  direction = \"\(random.pick(["in", "out"]))\",\n" }
    return text + "}\n"
  }

  private mutating func expression(_ filters: [String], _ depth: Int) -> String {
    guard depth > 0, random.chance(50) else {
      return random.chance(75) ? "filter.when(\"w\(random.number(0...9))\", \(random.pick(filters)))" : native()
    }
    let (left, right) = (expression(filters, depth - 1), expression(filters, depth - 1))
    switch random.number(0...3) {
    case 0, 1: return "(\(left) & \(right))"
    case 2: return "(\(left) | \(right))"
    default: return "~\(left)"
    }
  }

  private mutating func native() -> String {
    random.pick([
      "filter.quintuple { protocol = \"tcp\" }", "filter.quintuple { destination_port = 443, bidirectional = true }",
      "filter.first { packets = \(random.number(1...5)) }", "filter.sample(1/2)", "filter.bpf \"tcp\"",
      "filter.any()",
    ])
  }

  private mutating func balancer(_ count: Int) -> String {
    guard random.chance(50) else {
      return random.pick(["balance.even()", "balance.flow_hash()", "balance.round_robin()"])
    }
    let results = [
      "1", "#receivers", "receivers[1]", "receivers[#receivers].address", "nil",
      "(packet.source_port or 0) % #receivers + 1",
      "packet:source_in(net) and 1 or nil", "packet.protocol == 'tcp' and receivers[1] or #receivers",
      "(packet.ttl or 0) % #receivers + 1", "#receivers + (packet.destination_port == 53 and 1 or 0)",
    ]
    return "function(packet, receivers)\n" + block(wild: wildness / 2, returns: results)
      + "  return \(random.pick(results))\nend"
  }

  // MARK: Statements

  private mutating func block(wild: Int, returns: [String] = ["true", "false"]) -> String {
    (0..<random.number(0...3)).map { _ in "  " + statement(wild: wild, returns) + "\n" }.joined()
  }

  private mutating func statement(wild: Int, _ returns: [String]) -> String {
    if random.chance(wild) { return effect() }
    if random.chance(8) { return failure() }
    let early = "return \(random.pick(returns))"
    switch random.number(0...9) {
    case 0...4: return "if \(condition()) then \(early) end"
    case 5: return "for _, port in ipairs(list) do if packet.destination_port == port then \(early) end end"
    case 6:
      return
        "for i = 1, #rules do if packet.source_port == rules[i].port then return rules[i].yes and \(random.pick(returns)) or \(random.pick(returns)) end end"
    case 7:
      return
        "local t = { packet.protocol, packet.ttl } t[#t + 1] = limit if t[2] == \(random.pick([64, 128, 255])) then \(early) end"
    case 8:
      return "local ok, x = pcall(function() return packet.tcp.syn end) if ok and x then \(early) end"
    default:
      return
        "local s = '' for i = 1, limit do s = s .. (packet.protocol or '?') end if #s > \(random.number(3...12)) then \(early) end"
    }
  }

  /// Something that outlives the call, or differs from call to call, and shows in an answer.
  private mutating func effect() -> String {
    let shows = random.pick([
      "% 2 == 1 then return true end", "% 3 == 0 then return false end", "% 2 == 0 then return false end",
    ])
    return random.pick([
      "n = n + 1 if n \(shows)", "total = total + 1 if total \(shows)", "n = step(n) if n \(shows)",
      "local s = packet.source or 0 seen[s] = (seen[s] or 0) + 1 if seen[s] \(shows)",
      "rules.n = (rules.n or 0) + 1 if rules.n \(shows)", "rules[1].n = (rules[1].n or 0) + 1 if rules[1].n \(shows)",
      "seen[1] = (seen[1] or 0) + 1 if seen[1] \(shows)",
      "table.insert(list, packet.destination_port or 0) local k = #list if k > 40 then for i = 1, 30 do table.remove(list) end end if k \(shows)",
      "local function bump() n = n + 1 return n end if bump() \(shows)",
      "local ok, k = pcall(function() total = total + 1 return total end) if k \(shows)",
      "('x'):gsub('x', function() n = n + 1 end) if n \(shows)", "if math.random(1, 4) \(shows)",
      "if shared:add('k', 1) \(shows)", "if (shared:get('k') or 0) \(shows)",
      "local f = packet.flow.state f.n = (f.n or 0) + 1 if f.n \(shows)", "limit = limit % 4 + 1 if limit \(shows)",
      "hits:add(1)", "level:set(packet.source_port or 1)", "print(packet.protocol)", "log.info('x', packet.source)",
      "if hits.value \(shows)", "last = packet.source_port",
      "names[packet.protocol or 'x'] = not names[packet.protocol or 'x']",
    ])
  }

  /// Fails for some packets.
  private mutating func failure() -> String {
    random.pick([
      "if packet.destination_port == \(random.pick([53, 443, 80])) then error('no') end",
      "if packet.tcp.syn then return false end", "local x = packet.source_port + 1",
      "if packet.protocol == 'udp' then return end", "if packet.ttl and packet.ttl < 60 then return packet.ttl end",
      "if packet.tcp and packet.tcp.fin then local t = nil; t.x = 1 end",
    ])
  }

  // MARK: Conditions

  private mutating func condition() -> String {
    depth += 1
    defer { depth -= 1 }
    guard depth < 4, random.chance(35) else { return atom() }
    switch random.number(0...2) {
    case 0: return "(\(condition()) and \(condition()))"
    case 1: return "(\(condition()) or \(condition()))"
    default: return "(not \(condition()))"
    }
  }

  private mutating func atom() -> String {
    if !helpers.isEmpty, random.chance(12) { return "\(random.pick(helpers))(packet, \(random.number(0...9)))" }
    if random.chance(7) { return "global_helper(packet)" }
    return random.chance(22) ? ofPacket() : random.chance(30) ? ofValue() : ofFlow()
  }

  private mutating func ofFlow() -> String {
    random.pick([
      "packet.protocol == '\(random.pick(["tcp", "udp", "icmp"]))'",
      "packet.destination_port == \(random.pick([53, 80, 443]))",
      "(packet.source_port or 0) > \(random.number(1...60000))", "packet:source_in(net)",
      "packet:destination_in(sets.net)",
      "packet:source_in(lan)", "packet:destination_in(lan) ~= packet:source_in(net)",
      "packet.direction == 'out'", "packet.source == '\(random.pick(addresses))'", "packet.ip_version == 6",
      "(packet.eni or ''):find('\(random.number(0...9))') ~= nil", "packet.next_hop == 'nat'",
      "ports:contains(packet.source_port)",
      "words:contains(packet.protocol) == \(random.chance(50))", "net:contains(packet.destination)",
      "packet.source_mac ~= nil",
      "(packet.destination_mac or ''):sub(-1) == '\(random.number(0...9))'", "names[packet.protocol] == true",
      "packet.source:match('^%d+') == '\(random.number(1...200))'",
      "(packet.source or '') < (packet.destination or '')",
      "mode % 2 == 1", "limit > 2", "total > 3", "n % 2 == 0", "step(limit) > 3",
      "math.floor((packet.source_port or 0) / 7) % 2 == 0",
      "tostring(packet.destination_port):len() == 4", "select('#', packet.eni, packet.vlan) == 2", "#list > 3",
      "table.unpack(list) == 80", "table.concat(list, ' '):find('^80') ~= nil",
      "string.format('%s', packet.protocol) == 'tcp'", "type(packet.tcp) == 'nil'",
    ])
  }

  private mutating func ofValue() -> String {
    random.pick([
      "(packet.ttl or 0) > \(random.pick([50, 60, 100, 128]))", "packet.dscp == 0",
      "packet.vlan == \(random.number(1...20))",
      "packet.ethertype == 0x0800", "(packet.tcp and packet.tcp.syn or false)",
      "(packet.tcp and packet.tcp.ack or false)",
      "(packet.tcp and packet.tcp.flags == 16 or false)", "(packet.tcp ~= nil)",
      "(packet.icmp and packet.icmp.type == 8 or false)",
      "(packet.icmp and packet.icmp.code == 0 or false)", "(packet.fragment or false)",
      "(packet.tcp and packet.tcp.psh or false)",
    ])
  }

  private mutating func ofPacket() -> String {
    random.pick([
      "packet.length > \(random.number(60...400))", "packet.captured_length % 2 == 0", "packet.time % 2 < 1",
      "packet.flow.packets < \(random.number(1...5))", "packet.flow.bytes > 500", "packet.flow.age > 1",
      "packet.payload_length > \(random.number(0...200))", "#packet.payload % 3 == 0", "packet.payload:byte(1) == 71",
      "packet.payload:starts('GET ')", "(packet.tcp and packet.tcp.seq % 2 == 0 or false)",
      "(packet.tcp and packet.tcp.window > 500 or false)", "packet:hex():sub(-1) == '0'", "#tostring(packet) % 2 == 0",
      "(packet.inner ~= nil)", "(packet.inner and packet.inner.protocol == 'tcp' or false)",
    ])
  }
}
