import SeededRandom

// Values by their kind; deeper ones are made of others.
extension PolicyGenerator {
  private var hasPacket: Bool { place == .filter || place == .balancer }

  mutating func value(_ depth: Int) -> String {
    switch generator.below(9) {
    case 0...2: number(depth)
    case 3...5: text(depth)
    case 6: condition(depth)
    case 7: pick(tables)
    default: pick(["nil", "last", "{}", hasPacket ? "p" : "kept", hasPacket ? "p.flow" : "policy.name", "print"])
    }
  }

  mutating func number(_ depth: Int) -> String {
    guard depth > 0, chance(70) else { return hasPacket && chance(50) ? packetNumber() : plainNumber() }
    let (a, b) = (depth - 1, depth - 1)
    switch generator.below(12) {
    case 0: return "(\(number(a)) \(pick(["+", "-", "*", "/", "%", "//", "^"])) \(number(b)))"
    case 1: return "(whole(\(number(a))) \(pick(["&", "|", "~", "<<", ">>"])) 3)"
    case 2: return "#(\(text(a)))"
    case 3: return "math.\(pick(["floor", "abs", "sqrt", "ceil", "sin"]))(\(number(a)))"
    case 4: return "math.\(pick(["max", "min", "fmod"]))(\(number(a)), \(number(b)))"
    case 5: return "(tonumber(\(text(a))) or \(number(b)))"
    case 6: return "((\(text(a))):byte(whole(\(number(b)))) or 7)"
    case 7: return "((\(text(a))):find(\(pattern())) or 0)"
    case 8: return "select(\"#\", \(value(a)), \(value(b)))"
    case 9: return functions.isEmpty ? "#\(pick(tables))" : "(tonumber((\(call(a)))) or 1)"
    case 10: return "(utf8.len(\(text(a))) or -1)"
    default: return counters.isEmpty ? "math.random(9)" : "\(pick(counters)).value"
    }
  }

  private mutating func plainNumber() -> String {
    if !numbers.isEmpty, chance(50) { return pick(numbers) }
    return pick([
      "0", "1", "2", "-1", "7", "80", "443", "65535", "1 << 53", "math.maxinteger", "math.mininteger", "1.5", "-0.0",
      "1e300", "0/0",
      "1/0", "0x7fffffff", "100", "1000",
    ])
  }

  private mutating func packetNumber() -> String {
    pick([
      "p.length", "p.captured_length", "(p.source_port or 0)", "(p.destination_port or 1)", "p.payload_length",
      "#p.payload",
      "(p.ttl or 0)", "(p.dscp or 0)", "(p.vlan or 0)", "(p.ethertype or 0)", "(p.ip_version or 0)", "p.flow.packets",
      "p.flow.bytes", "p.flow.age", "p.time % 60", "(p.payload:byte(1) or 0)", "(p.payload:u16(3) or 0)",
      "(p.payload:u32(-1) or 0)", "(p.payload:find(\"a\") or 0)", "(p.tcp and p.tcp.seq or 0)",
      "(p.tcp and p.tcp.window or 0)",
      "(p.icmp and p.icmp.type or 0)", "(p.inner and p.inner.length or 0)", "(tonumber(p.flow.state.a) or 0)",
      "p.tcp.flags",
      "p.source_port", "p.icmp.code",
    ])
  }

  mutating func text(_ depth: Int) -> String {
    guard depth > 0, chance(70) else { return hasPacket && chance(50) ? packetText() : plainText() }
    switch generator.below(11) {
    case 0: return "(\(text(depth - 1)) .. \(text(depth - 1)))"
    case 1: return "(\(text(depth - 1))):sub(whole(\(number(0))), \(pick(["-1", "3", "10", "-3"])))"
    case 2: return "(\(text(depth - 1))):\(pick(["upper", "lower", "reverse"]))()"
    case 3: return "(\(text(depth - 1))):rep(\(pick(["0", "2", "20", "300"])), \(plainText()))"
    case 4: return "((\(text(depth - 1))):gsub(\(pattern()), \(replacement())))"
    case 5: return "tostring(\(value(depth - 1)))"
    case 6:
      return
        "(\"\(pick(["%s|%s", "%5.2s%s", "%.3s%s", "%20s %s", "%-20s%s", "%s", chance(90) ? "%s%%" : "%d%q%c"]))\"):format(\(value(depth - 1)), \(value(depth - 1)))"
    case 7: return "((\(text(depth - 1))):match(\(pattern())) or \"none\")"
    case 8: return "table.concat({ \(text(depth - 1)), \(number(depth - 1)) }, \(plainText()))"
    case 9:
      return "string.pack(\"\(pick(["s1", "z", "i4", ">I2", "j", "n", "!8i4"]))\", \(chance(50) ? plainText() : "7"))"
    default: return "(shared:get(\"k\" .. \(number(0)) % 5) or \"none\") .. \"\""
    }
  }

  private mutating func plainText() -> String {
    if !texts.isEmpty, chance(50) { return pick(texts) }
    return pick([
      "\"\"", "\"a\"", "\"abc\"", "\"10.0.0.1\"", "\"tcp\"", "\"\\0\\255\"", "\"\\u{20ac}\"", "\"443\"", "\" 0x10 \"",
      "\"%\"", "\"a.b.c\"",
      "(\"x\"):rep(300)", "policy.name",
    ])
  }

  private mutating func packetText() -> String {
    pick([
      "(p.source or \"\")", "(p.destination or \"\")", "(p.eni or \"\")", "(p.direction or \"\")",
      "tostring(p.protocol)", "tostring(p)",
      "p:hex():sub(1, 40)", "p.payload:sub(1, 20)", "p.payload:sub(-5)", "(p.next_hop or \"\")",
      "(p.source_mac or \"\")",
      "tostring(p.inner)", "p.source", "tostring(p.flow.state.b)",
    ])
  }

  mutating func condition(_ depth: Int) -> String {
    guard depth > 0, chance(80) else {
      return hasPacket && chance(60) ? packetCondition() : pick(["true", "false", "last ~= nil"])
    }
    switch generator.below(9) {
    case 0: return "(\(condition(depth - 1)) and \(condition(depth - 1)))"
    case 1: return "(\(condition(depth - 1)) or \(condition(depth - 1)))"
    case 2: return "(not \(condition(depth - 1)))"
    case 3: return "(\(number(depth - 1)) \(pick(["<", "<=", "==", "~=", ">", ">="])) \(number(depth - 1)))"
    case 4: return "(\(text(depth - 1)) \(pick(["==", "<", "~=", ">="])) \(text(depth - 1)))"
    case 5: return "((\(text(depth - 1))):find(\(pattern())) ~= nil)"
    case 6: return "(pcall(\(functions.isEmpty ? "print" : pick(functions)), \(value(depth - 1))))"
    case 7: return question()
    default: return "(type(\(value(depth - 1))) == \"\(pick(["number", "string", "table", "nil"]))\")"
    }
  }

  private mutating func packetCondition() -> String {
    pick([
      "p.protocol == \"tcp\"", "p.direction == \"out\"", "(p.tcp ~= nil and p.tcp.syn)", "p.fragment == true",
      "p.inner ~= nil",
      "p.payload:starts(\"GET\")", "p.source_port == 53", "p.tcp.ack", "p.length > 100", "p.flow.packets % 2 == 0",
    ])
  }

  private mutating func question() -> String {
    guard !sets.isEmpty else { return "(#kept > 3)" }
    let (name, kind) = pick(sets)
    switch kind {
    case "cidrs":
      return hasPacket
        ? pick(["p:source_in(\(name))", "p:destination_in(\(name))", "\(name):contains(p.source)"]) : "#\(name) > 1"
    case "ports": return "\(name):contains(\(chance(70) ? "443" : number(1)))"
    default: return "\(name):contains(\(text(1)))"
    }
  }

  mutating func call(_ depth: Int) -> String {
    functions.isEmpty ? "type(\(value(0)))" : "\(pick(functions))(\(value(depth)), \(value(0)))"
  }

  mutating func pattern() -> String {
    let sound = ["a", ".", "%a", "%d", "%s", "[ab]", "[^%.]", "(a)", "(.)", "()", "x", "0", "%w"]
    let items = chance(85) ? sound : sound + ["(", ")", "%1", "%b()", "%f[%w]", "^", "$", "%", "["]
    let ends = ["", "", "", "*", "+", "-", "?"]
    return "\"" + (0..<1 + generator.below(5)).map { _ in pick(items) + pick(ends) }.joined() + "\""
  }

  private mutating func replacement() -> String {
    pick([
      "\"%0\"", "\"<%1>\"", "\"\"", chance(90) ? "\"%%\"" : "\"%\"", "{ a = \"b\", x = 1 }",
      "function(s) return tries % 2 == 0 and s end", "tostring", "string.upper",
    ])
  }
}
