import Testing

@testable import LuaRuntime

@Test func endsALoopByItsSteps() throws {
  let error = try Bench().failure("local i = 0\nwhile true do i = i + 1 end", limits: .callback)
  #expect(error.kind == .cpu)
  #expect(error.message == "CPU budget of 50000 steps used up")
  #expect(error.place == LuaPlace(chunk: "test.lua", line: 2))
}

@Test func letsNoPcallSwallowALimit() throws {
  for source in [
    "while true do pcall(function() while true do end end) end",
    "while true do pcall(string.rep, ('x'):rep(1000), 1000) end",
    "local function f() pcall(f) while true do end end f()",
    "pcall(pcall, pcall, function() while true do end end) return 'went on'",
  ] {
    let error = try Bench().failure(source, limits: LuaLimits(steps: 100_000))
    #expect(error.kind == .cpu, "\(source): \(error)")
  }
}

@Test func countsStepsTheSameEveryTime() throws {
  let bench = try Bench { library in
    library.add("tick") { call throws(HostFailure) in call.push(Int64(0)) }
  }
  try bench.run("n = 0 keep(function() n = 0 while true do n = n + 1 end end) keep(function() return n end)")
  guard case .function(let spin) = bench.kept[0] else { return }
  var counts: Set<LuaResult> = []
  for _ in 0..<5 {
    #expect(throws: LuaError.self) { try bench.state.call(spin) }
    counts.insert(try bench.state.call(bench.function))
  }
  #expect(counts.count == 1)
}

@Test func endsALoopByTime() throws {
  let error = try Bench().failure("while true do end", limits: LuaLimits(wallNanoseconds: 5_000_000))
  #expect(error.kind == .wall)
  #expect(error.message == "time limit of 5 ms reached before the CPU budget")
  #expect(error.place?.line == 1)
}

@Test func boundsLiveMemory() throws {
  let bench = try Bench(memory: 1 << 20)
  let error = bench.failure("local t = {}\nfor i = 1, math.huge do\n  t[i] = { i }\nend", limits: .none)
  #expect(error.kind == .memory)
  #expect(error.message == "not enough memory: the script may keep 1 MiB")
  #expect(error.place == LuaPlace(chunk: "test.lua", line: 3))
  #expect(bench.state.memory.peak <= 1 << 20)
  #expect(bench.state.memory.live < 100_000)
}

/// Lua asks for a text's buffer once and collects nothing for it: garbage must not be in its way.
@Test func makesTextsWhileTheHeapIsFullOfGarbage() throws {
  let bench = try Bench(memory: 2 << 20)
  try bench.run("keepers = {} for i = 1, 9000 do keepers[i] = { i } end")
  try bench.run(
    """
    for round = 1, 300 do
      for i = 1, 200 do local _ = { i, {}, {} } end
      local s = ("x"):rep(50000):gsub("x", "y", 3)
      assert(#table.concat({ s, s }) == 100000)
    end
    """, limits: .none)
  #expect(bench.state.memory.peak <= 2 << 20)
}

@Test func boundsBytesAllocatedInOneCall() throws {
  let bench = try Bench()
  let error = bench.failure(
    "local s = ('x'):rep(1000)\nwhile true do local _ = s .. 1 end", limits: LuaLimits(allocatedBytesPerCall: 1 << 20))
  #expect(error.kind == .memory)
  #expect(error.message == "not enough memory: more than 1 MiB allocated in one call")
  #expect(error.place?.line == 2)
  try bench.run("keep(function() return ('x'):rep(500000) end)")
  for _ in 0..<5 { _ = try bench.state.call(bench.function, limits: LuaLimits(allocatedBytesPerCall: 1 << 20)) }
}

@Test func countsTablesThatGrowAsAllocated() throws {
  let error = try Bench().failure(
    "while true do local t = {} for i = 1, 1000 do t[i] = i end end", limits: LuaLimits(allocatedBytesPerCall: 1 << 20))
  #expect(error.kind == .memory)
}

@Test func makesOutOfMemoryFinal() throws {
  let error = try Bench(memory: 1 << 20).failure(
    "while true do pcall(function() local t = {} for i = 1, 1e9 do t[i] = {} end end) end", limits: .none)
  #expect(error.kind == .memory)
}

@Test func survivesEveryAllocationThatFails() throws {
  let source = """
    local t = {}
    for i = 1, 20 do t[i] = ("item %d"):format(i) .. #t end
    local function f(...) return select("#", ...), table.concat(t, ",") end
    local ok, e = pcall(error, { "x" })
    keep(f, t)
    local n, s = f(table.unpack(t))
    return s:gsub("item", string.upper)
    """
  var failures = 0
  for n in UInt64(1)...600 {
    do throws(LuaError) {
      var library = HostLibrary()
      library.add("keep") { call throws(HostFailure) in call.push(call[0]) }
      let state = try LuaState(library: library, memory: 8 << 20, failingFrom: n) { _ in }
      let result = try state.load(source: source, chunkName: "test.lua")
      guard case .string = result else { return #expect(Bool(false), "\(result)") }
    } catch {
      failures += 1
      #expect(error.kind == .memory, "allocation \(n): \(error)")
    }
  }
  #expect(failures > 300)
  #expect(failures < 600)
}

@Test func survivesAllocationsThatFailInCalls() throws {
  let bench = try Bench { library in
    library.add("echo") { call throws(HostFailure) in for i in 0..<call.count { call.push(call[i]) } }
  }
  try bench.run(
    """
    keep(function(a, t)
      local s = a .. #t
      local u = echo({ s, { t }, k = s:rep(3) })
      table.sort(t, function(x, y) return x > y end)
      local ok, e = pcall(error, s)
      return ("%s %d"):format(u.k, t[1]):gsub("%d", "%0!")
    end)
    """)
  let function = try bench.function
  let list = LuaValue.table(LuaTable(items: [.integer(1), .integer(3), .integer(2)]))
  var failures = 0
  for n in UInt64(1)...120 {
    bench.state.failAllocations(from: n)
    do throws(LuaError) {
      _ = try bench.state.call(function, arguments: [.string("x"), list])
    } catch {
      failures += 1
      #expect(error.kind == .memory, "allocation \(n): \(error)")
    }
    bench.state.failAllocations(from: 0)
    #expect(
      try bench.state.call(function, arguments: [.string("x"), list]) == .string("x3!x3!x3! 3!"),
      "after allocation \(n)")
  }
  #expect(failures > 15)
}

@Test func chargesFunctionsWrittenInC() throws {
  let start = "local s = ('x'):rep(500000) "
  for source in [
    "while true do s:upper() end", "while true do s:find('y', 1, true) end", "while true do s:byte(1, 9999) end",
    "local t = {} for i = 1, 9999 do t[i] = i end while true do table.concat(t) end",
    "local t = {} for i = 1, 9999 do t[i] = i end while true do table.sort(t) end",
    "local t = {} for i = 1, 9999 do t[i] = i end while true do table.insert(t, 1, table.remove(t)) end",
    "while true do tonumber(s) end", "while true do s:len() utf8.len(s) end", "while true do s:reverse() end",
    "while true do s:gsub('x', 'y') end", "while true do (' '):rep(1000):format() end",
  ] {
    let error = try Bench().failure(start + source, limits: LuaLimits(steps: 1_000_000, wallNanoseconds: 2_000_000_000))
    #expect(error.kind == .cpu || error.kind == .memory, "\(source): \(error)")
  }
}

@Test func endsPatternsThatWouldRunForHours() throws {
  for source in [
    "local s = ('a'):rep(2000) return s:find('.-.-.-.-.-.-.-b')",
    "local s = ('('):rep(200000) return s:find('%b()')",
    "local s = ('a'):rep(5000) return s:match('(.*)(.*)(.*)(.*)b')",
    "local s = ('a'):rep(100000) return s:gsub('a*b', '')",
    "local s = ('a'):rep(100000) for _ in s:gmatch('a*b') do end",
    "local s = ('a'):rep(100000) return s:find('[' .. ('b'):rep(10000) .. ']')",
  ] {
    let error = try Bench().failure(source, limits: .load)
    #expect(error.kind == .cpu, "\(source): \(error)")
  }
}

@Test func boundsWhatFunctionsMake() throws {
  let bench = try Bench()
  #expect(try bench.run("return #('x'):rep(1 << 20)") == .integer(1 << 20))
  for (source, message) in [
    ("('x'):rep((1 << 20) + 1)", "resulting string too large"),
    ("('abcdefgh'):rep(math.maxinteger)", "resulting string too large"),
    ("(''):rep(2, ('x'):rep(1 << 20) .. 'y')", "resulting string too large"),
    ("table.unpack({}, 1, 251)", "too many elements (at most 250)"),
    ("table.unpack({}, math.mininteger, math.maxinteger)", "too many elements (at most 250)"),
    ("table.concat({ 'a' }, ',', 1, math.maxinteger)", "too many elements (at most 65536)"),
    ("table.move({}, 1, math.maxinteger, 2)", "too many elements (at most 65536)"),
    ("table.insert(string, 'x', 1)", "number expected, got string"),
    ("string.format('%p', {})", "not available"),
  ] {
    let error = bench.failure("return " + source)
    #expect(error.message.contains(message), "\(source): \(error)")
  }
}
