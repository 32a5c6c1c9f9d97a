import SeededRandom

// What functions do.
extension PolicyGenerator {
  mutating func statement(_ depth: Int) {
    switch generator.below(depth > 0 ? 22 : 12) {
    case 0: declareNumber()
    case 1: declareText()
    case 2: declareTable()
    case 3: assign()
    case 4: storeInTable()
    case 5: changeTable()
    case 6: count()
    case 7: share()
    case 8: say()
    case 9: keepPacket()
    case 10: usePacketKept()
    case 11: chance(60) ? promise() : line("pcall(function() \(mistake()) end)")
    case 12: branch(depth)
    case 13: countedLoop(depth)
    case 14: conditionalLoop(depth)
    case 15: walk(depth)
    case 16: protected(depth)
    case 17: localFunction(depth)
    case 18: line("for w in (\(text(2))):gmatch(\(pattern())) do tries = tries + #tostring(w) end")
    case 19: jump(depth)
    case 20: mutateState()
    default:
      chance(place == .load ? 3 : 25) ? line("if \(condition(1)) then \(mistake()) end") : line("tries = tries + 1")
    }
  }

  private mutating func declareNumber() {
    let name = fresh("n")
    line("local \(name) = \(number(3))")
    numbers.append(name)
  }

  private mutating func declareText() {
    let name = fresh("s")
    line("local \(name) = \(text(3))")
    texts.append(name)
  }

  private mutating func declareTable() {
    let name = fresh("t")
    line("local \(name) = { \((0..<generator.below(5)).map { _ in value(1) }.joined(separator: ", ")) }")
    tables.append(name)
  }

  private mutating func assign() {
    let name = numbers.filter { !$0.contains("(") }
    name.isEmpty ? line("last = \(value(2))") : line("\(pick(name)) = \(number(3))")
  }

  private mutating func storeInTable() {
    let table = pick(tables)
    line("\(table)[\(chance(50) ? "#\(table) % 50 + 1" : text(1))] = \(value(2))")
  }

  private mutating func changeTable() {
    let table = pick(tables)
    line(
      pick([
        "table.insert(\(table), \(value(1)))", "table.remove(\(table))", "pcall(table.sort, \(table))",
        "table.move({ \(value(1)), 2, 3 }, 1, 3, whole(\(number(1))) % 9, \(table))",
        "table.sort(\(table), function(a, b) return tostring(a) < tostring(b) end)",
        "last = table.pack(table.unpack(\(table)))",
        "for i = #\(table), 1, -1 do \(table)[i] = nil end", "pcall(table.concat, \(table), \(text(1)))",
      ]))
  }

  private mutating func count() {
    guard !counters.isEmpty else { return line("tries = tries + 1") }
    line("\(pick(counters)):add(\(chance(80) ? "1" : "math.abs(\(number(1))) % 100"))")
  }

  private mutating func share() {
    let key = "\"k\" .. (\(number(1))) % 5"
    line(
      pick([
        "shared:set(\(key), \(chance(50) ? number(1) : text(1)), \(chance(5) ? "-1" : pick(["1", "60", "nil"])))",
        "pcall(shared.add, shared, \(key), \(number(1)), 10)", "last = shared:get(\(key))",
      ]))
  }

  private mutating func say() {
    line("\(pick(["print", "log.info", "log.warn"]))(\(value(2)), \(value(1)))")
  }

  private mutating func keepPacket() {
    guard place == .filter || place == .balancer else { return line("last = kept") }
    line(
      pick([
        "last = p", "kept[1] = p.flow", "kept.p = p.payload", "last = function() return p.length end",
        "last = p.tcp or p.inner",
        "p.flow.state.p = p", "kept[#kept % 20 + 1] = p.inner", "view, view_call = p, calls",
        "view, view_call = p.flow, calls",
        "view, view_call = p.payload, calls", "view, view_call = p.inner or p.tcp or p, calls",
      ]))
  }

  private mutating func usePacketKept() {
    line(
      "pcall(function() tries = tries + \(pick(["last.length", "last()", "last.packets", "#last", "kept.p:byte(1)", "kept[1].bytes"])) end)"
    )
  }

  private mutating func mutateState() {
    guard place == .filter || place == .balancer else { return line("last = {}") }
    line("p.flow.state.\(pick(["a", "b", "c"])) = \(value(2))")
  }

  private mutating func mistake() -> String {
    pick([
      "error(\(value(1)))", "local x = nil + 1", "local x = last.nothing.at.all", "error({})", "error()",
      "assert(false, \(text(1)))",
      "filter.any()", "mirror {}", "undefined()", "return #nil", "local x = {} < {}", "string.rep(\"x\", 1 << 40)",
      "last[nil] = 1", "table.unpack({}, 1, 1e8)", "local x = 1 // 0", "while true do end", "for i = 1, 10, 0 do end",
      "return (\"x\"):rep(1e6):rep(1e6)", "local function f() return f() + 1 end f()", "kept.x = kept kept = { kept }",
      "return (\"a\"):rep(200):find(\".-.-.-.-b\")", "packet.from_hex(\"zz\")", "every(1, print)",
      "set.cidrs { \"x\" }",
    ])
  }

  // MARK: Blocks

  private mutating func body(_ depth: Int) { for _ in 0..<1 + generator.below(3) { statement(depth - 1) } }

  private mutating func branch(_ depth: Int) {
    let test = condition(2)
    block("if \(test) then") { $0.body(depth) }
    guard chance(40) else { return }
    lines.removeLast()
    block("else") { $0.body(depth) }
  }

  private mutating func countedLoop(_ depth: Int) {
    let name = fresh("i")
    let bounds = pick(["1, 5", "1, 0", "10, 1, -3", "1, \(number(1)) % 20", "1.5, 3", "1, 3000", "1, math.huge"])
    block("for \(name) = \(bounds) do") { generator in
      generator.numbers.append(name)
      generator.body(depth)
      generator.line("if \(name) > 40 then break end")
    }
  }

  private mutating func conditionalLoop(_ depth: Int) {
    let name = fresh("w")
    line("local \(name) = 0")
    let test = condition(2)
    block("while \(name) < \(pick(["3", "10", "1000"])) and (\(test) or \(name) < 2) do") { generator in
      generator.line("\(name) = \(name) + 1")
      generator.body(depth)
    }
  }

  private mutating func walk(_ depth: Int) {
    let name = fresh("v")
    block("for _, \(name) in ipairs(\(pick(tables))) do") { generator in
      generator.texts.append("tostring(\(name))")
      generator.body(depth)
      if generator.chance(20) { generator.line("break") }
    }
  }

  private mutating func protected(_ depth: Int) {
    block("pcall(function()", end: "end)") { generator in
      generator.body(depth)
      if generator.chance(30) { generator.line(generator.mistake()) }
    }
  }

  private mutating func localFunction(_ depth: Int) {
    let name = fresh("g")
    block("local function \(name)(a, ...)") { generator in
      generator.numbers.append("(tonumber(a) or 2)")
      generator.body(depth)
      generator.line("return \(generator.value(2)), select(\"#\", ...)")
    }
    functions.append(name)
  }

  private mutating func jump(_ depth: Int) {
    let name = fresh("again")
    block("do") { generator in
      generator.line("local rounds = 0")
      generator.line("::\(name)::")
      generator.block("do") { $0.body(depth) }
      generator.line("rounds = rounds + 1")
      generator.line("if rounds < \(generator.pick(["2", "5", "1e9"])) then goto \(name) end")
    }
  }
}
