import SeededRandom

// What holds in every policy, whatever it does: an error that begins with the mark is a finding.
extension PolicyGenerator {
  mutating func promise() {
    guard place == .filter || place == .balancer else { return chance(50) ? promiseOfCalls() : promiseOfValues() }
    switch generator.below(3) {
    case 0: promiseOfCalls()
    case 1: promiseOfValues()
    default: promiseOfPackets()
    }
  }

  /// What an earlier call was lent is gone; what this one is lent is kept for the next. `tostring` is not asked: of a
  /// record without a description it reads nothing but the type's name.
  mutating func promiseOfViews() {
    let (view, read) = pick([
      ("p", "view.length"), ("p", "view.source"), ("p", "view:hex()"), ("p", "view.payload"),
      ("p.flow", "view.packets"),
      ("p.flow", "view.state"), ("p.payload", "view:byte(1)"), ("p.payload", "#view"),
      ("p.tcp or p", "view.window or view.time"), ("p.inner or p", "view.ttl"),
    ])
    line("promise(view == nil or not pcall(function() return \(read) end), \"a view that is gone was read\")")
    line("view, view_call = \(view), calls")
  }

  /// What was lent to another call is gone; limits and declarations cannot be got round.
  private mutating func promiseOfCalls() {
    let read = pick([
      "view.length", "view.source", "view.packets", "view:sub(1, 2)", "#view", "view.seq",
      "view.flow", "view.state",
    ])
    var promises = [
      "promise(view_call == calls or view == nil or not pcall(function() return \(read) end), \"a view that is gone was read\")",
      "promise(not pcall(string.rep, \"x\", 1 << 40), \"a text of a tebibyte\")",
      "promise(not pcall(table.unpack, {}, 1, 300), \"300 values\")",
      "promise(not tostring(\(value(1))):find(\"0x%x%x%x%x%x%x%x\"), \"an address\")",
      "if \(condition(0)) and tries % 50 == 1 then pcall(function() while true do end end) promise(false, \"a limit was caught\") end",
    ]
    if place != .load { promises.append("promise(not pcall(filter.any), \"declared while running\")") }
    line(pick(promises))
  }

  private mutating func promiseOfValues() {
    let name = fresh("s")
    line("local \(name) = \(text(2))")
    line(
      pick([
        "promise(\(name):reverse():reverse() == \(name), \"reverse\")",
        "promise(\(name):sub(1, -1) == \(name), \"sub\")",
        "promise(#\(name):rep(3) == 3 * #\(name), \"rep\")", "promise(\(name):find(\(name), 1, true) == 1, \"find\")",
        "promise(\(name):gsub(\".\", \"%0\") == \(name) or \(name):find(\"\\n\"), \"gsub\")",
        "promise(string.unpack(\"s4\", string.pack(\"s4\", \(name))) == \(name), \"pack\")",
        "promise(table.concat({ \(name), \(name) }, \"-\") == \(name) .. \"-\" .. \(name), \"concat\")",
        "shared:set(\"p\", \(name):sub(1, 4096)) promise(shared:get(\"p\") == \(name):sub(1, 4096), \"shared\")",
        "promise(set == nil or #\(name):upper() == #\(name), \"upper\")",
      ]))
  }

  private mutating func promiseOfPackets() {
    line(
      pick([
        "promise(#p:hex() == 2 * p.captured_length, \"hex\")",
        "promise(#p.payload:sub(1, -1) == #p.payload, \"payload:sub\")",
        "promise(p.payload:byte(1) == p.payload:sub(1, 1):byte(), \"payload:byte\")",
        "promise(p.source == p.source, \"source\")",
        "promise(p.payload:find(p.payload:sub(3, 9)) ~= nil or #p.payload < 3, \"payload:find\")",
        "promise(not pcall(function() p.length = 1 end), \"written\")",
        "promise(not pcall(function() return p.nothing end), \"unknown\")",
        "promise(p.flow.packets >= 1 and p.flow.age >= 0, \"flow\")",
        "promise(p.inner == nil or p.inner.flow == nil, \"inner\")",
        "p.flow.state.kept = calls promise(p.flow.state.kept == calls, \"state\")",
        "promise(not p.tcp or p.protocol == \"tcp\", \"tcp\")", "promise(rawequal(p, p) and p == p, \"equal\")",
      ]))
  }
}
