import Foundation
import Testing

@testable import LuaRuntime

// One instruction, or one call of a host function, can read a whole text.

private let spaces = "local s = (' '):rep(1 << 20) s = s .. s:sub(1, -99) .. '65' "

/// Milliseconds of the thread's own time: what a busy machine takes away does not count.
private func milliseconds(_ body: () -> Void) -> Double {
  func now() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e3 + Double(time.tv_nsec) / 1e6
  }
  let start = now()
  body()
  return now() - start
}

/// No measure of speed: without the bounds each of these takes from 100 ms to 17 s where 20 ms are allowed.
@Test(arguments: [
  ("local s = ('\\0'):rep(1 << 20) s = s .. s:sub(1, -99)", "if s < s then end"),
  ("local s = ('\\0'):rep(1 << 20) local t = s:sub(1, -2) .. '\\0'", "if s <= t then end"),
  ("local s = ('x'):rep(1 << 20) local t = s:sub(1, -2) .. 'x'", "if s == t then end"),
  (spaces, "local _ = s + 1"), (spaces, "local _ = 2 ^ s"), (spaces, "local _ = -s"),
  (spaces, "math.sin(s)"), (spaces, "math.max(s, s, s)"), (spaces, "string.char(s, s, s)"),
  (spaces, "string.char(table.unpack({ s, s, s, s, s, s, s, s }))"), (spaces, "utf8.char(s, s)"),
  (spaces, "('x'):rep(s)"), (spaces, "('x'):sub(s, s)"), (spaces, "('x'):byte(s)"), (spaces, "('x'):find('x', s)"),
  (spaces, "select(s, 1)"), (spaces, "pcall(error, 'x', s)"), (spaces, "math.random(s)"),
  (spaces, "('%d %f'):format(s, s)"),
  (spaces, "table.concat({}, '', s, s)"), (spaces, "table.unpack({}, s, s)"), (spaces, "pcall(table.insert, {}, s, 1)"),
  (spaces, "pcall(table.move, {}, s, s, s)"), (spaces, "('x'):gsub('x', 'y', s)"), (spaces, "pcall(tonumber, s, s)"),
  (spaces, "math.tointeger(s)"), (spaces, "math.ult(s, s)"), (spaces, "string.pack('i4', s)"),
])
func boundsTheTimeThatLongTextsTake(start: String, step: String) throws {
  let bench = try Bench()
  let steps = String(repeating: step + " ", count: 20)
  try bench.run("\(start) keep(function() while true do \(steps) end end)")
  let taken = milliseconds {
    #expect(throws: LuaError.self) { try bench.state.call(bench.function) }
  }
  #expect(taken < 60, "\(taken) ms")
}

@Test func boundsTheLengthOfOneText() throws {
  let bench = try Bench()
  try bench.run("s = ('x'):rep(1 << 20) t = s .. s:sub(1, -99)")
  let error = bench.failure("\nlocal u = t .. t")
  #expect(error.kind == .memory)
  #expect(error.message == "not enough memory: one text may have 2 MiB")
  #expect(error.place?.line == 2)
  #expect(try bench.run("return #t") == .integer((2 << 20) - 98))
}

@Test func looksLessOftenWhenLongTextsAreGone() throws {
  let bench = try Bench()
  let count = "keep(function() local n = 0 while true do n = n + 1 last = n end end)"
  try bench.run(count)
  func run() throws -> LuaResult {
    #expect(throws: LuaError.self) { try bench.state.call(bench.function, limits: LuaLimits(steps: 5000)) }
    return try bench.run("return last")
  }
  let usual = try run()
  try bench.run("long = ('x'):rep(100000)")
  #expect(try run() != usual)
  try bench.run("long = nil")
  _ = bench.failure("local t = {} while true do t[#t + 1] = {} end")  // ends with a collection
  #expect(try run() == usual)
}

@Test func boundsTheTextOfOneHostCall() throws {
  let bench = try Bench()
  let error = bench.failure("local s, t = ('x'):rep(1 << 20), {} for i = 1, 9 do t[i] = s end keep(t)")
  #expect(error.message == "too much text for the host in one call (at most 8 MiB)")
  let list = "local s = ('x'):rep(1 << 20) keep(s, s, s, s, s, s, s, s)"
  try bench.run(list)
  #expect(bench.failure(list + " " + list + " while true do keep(s, s, s, s, s, s, s, s) end").kind == .cpu)
}

@Test func chargesTablesForTheHost() throws {
  let bench = try Bench()
  let error = bench.failure("local t = {} for i = 1, 60000 do t[i] = i end for i = 1, 20 do keep(t) end")
  #expect(error.kind == .cpu)
}

@Test func endsACollectionThatRepeatsItselfByTime() throws {
  let bench = try Bench()
  try bench.run(
    """
    keepers = {}
    for i = 1, 50000 do keepers[i] = { i } end
    piece = ('x'):rep(20000)
    """)
  let room = bench.state.memory.limit - bench.state.memory.live
  try bench.run("pad = {} for i = 1, \(room / 20_000 - 40) do pad[i] = piece .. i end")
  try bench.run("keep(function() local n = 0 while true do n = n + 1 local _ = piece .. n end end)")
  let taken = milliseconds {
    #expect(throws: LuaError.self) {
      try bench.state.call(
        bench.function,
        limits: LuaLimits(steps: .max, wallNanoseconds: 20_000_000, allocatedBytesPerCall: .max))
    }
  }
  #expect(taken < 80, "\(taken) ms")
}

@Test func canBeInterrupted() throws {
  let bench = try Bench()
  let interrupt = LuaInterrupt()
  bench.state.watch(interrupt)
  interrupt.request()
  let error = bench.failure("\nwhile true do pcall(function() while true do end end) end", limits: .repl)
  #expect(error.kind == .interrupted && error.message == "interrupted" && error.place?.line == 2)
  interrupt.clear()
  #expect(try bench.run("for i = 1, 10000 do end return 1", limits: .repl) == .integer(1))
}

@Test func hasTheLimitsThatAreWrittenDown() {
  let ms: Int64 = 1_000_000
  let none = Int64.max
  for (limits, steps, wall, allocated) in [
    (LuaLimits.load, 10_000_000, 1000 * ms, 256 << 20), (.callback, 50_000, 20 * ms, 2 << 20),
    (.timer, 1_000_000, 50 * ms, 16 << 20), (.audit, none, 60_000 * ms, none), (.repl, none, none, none),
  ] {
    #expect(limits.steps == steps && limits.wallNanoseconds == wall && limits.allocatedBytesPerCall == allocated)
  }
  #expect(LuaHeap.policy == 8 << 20 && LuaHeap.audit == 256 << 20 && LuaHeap.repl == 64 << 20)
}
