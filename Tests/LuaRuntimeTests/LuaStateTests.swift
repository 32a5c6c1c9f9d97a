import Testing

@testable import LuaRuntime

@Test func reachesExactlyTheStrictNames() throws {
  let names = try LuaState(library: HostLibrary()).reachableNames()
  #expect(names == StrictNames.all)
}

@Test(arguments: [
  "setmetatable", "getmetatable", "rawget", "rawset", "load", "loadstring", "loadfile", "dofile", "collectgarbage",
  "coroutine", "io", "os", "debug", "package", "xpcall", "warn", "require", "string.dump", "math.randomseed",
])
func leavesOutWhatCouldHarm(name: String) throws {
  #expect(try evaluate(name) == "nil")
}

@Test func returnsTheFirstValueOfAChunk() throws {
  let bench = try Bench()
  #expect(try bench.run("return 1, 2") == .integer(1))
  #expect(try bench.run("return 1.5") == .number(1.5))
  #expect(try bench.run("return 'x'") == .string("x"))
  #expect(try bench.run("return true") == .boolean(true))
  #expect(try bench.run("return {}") == .other("table"))
  #expect(try bench.run("") == .nil)
}

@Test func saysWhereARuntimeErrorIs() throws {
  let error = try Bench().failure("local x\n\nx.y = 1")
  #expect(error.kind == .runtime)
  #expect(error.message == "attempt to index a nil value (local 'x')")
  #expect(error.place == LuaPlace(chunk: "test.lua", line: 3))
  #expect(error.description == "test.lua:3: runtime: attempt to index a nil value (local 'x')")
}

@Test func saysWhereASyntaxErrorIs() throws {
  let error = try Bench().failure("local x\nlocal = 1")
  #expect(error.kind == .syntax)
  #expect(error.message == "<name> expected near '='")
  #expect(error.place == LuaPlace(chunk: "test.lua", line: 2))
}

@Test func givesTheCallsThatLedToAnError() throws {
  let error = try Bench().failure("local function inner() error('no') end\nlocal function outer() inner() end\nouter()")
  #expect(error.message == "no")
  #expect(error.traceback.contains("test.lua:1: in inner\ntest.lua:2: in outer\ntest.lua:3: in main chunk"))
}

@Test func reportsErrorValuesThatAreNoText() throws {
  let bench = try Bench()
  #expect(bench.failure("error({})").message == "the error value is a table, not a text")
  #expect(bench.failure("error(nil)").message == "the error value is a nil, not a text")
  #expect(bench.failure("error(42)").message == "42")
  #expect(bench.failure("\nerror({})").place == LuaPlace(chunk: "test.lua", line: 2))
}

@Test func makesErrorsOneCleanLine() throws {
  let bench = try Bench()
  let error = bench.failure(#"error("a\nb\27[2J\xff\u{202e}" .. ("E"):rep(100000))"#)
  #expect(error.message.hasPrefix(#"a\nb\x1B[2J\xFF\u{202E}EEE"#))
  #expect(error.message.hasSuffix("..."))
  #expect(error.message.utf8.count <= 1024)
}

@Test func refusesBytecode() throws {
  let error = try Bench().failure("\u{1B}Lua")
  #expect(error.kind == .syntax)
  #expect(error.message == "this is bytecode; scripts are text")
}

@Test func refusesALongScript() throws {
  let bench = try Bench()
  #expect(try bench.run(String(repeating: " ", count: 256 << 10)) == .nil)
  let error = bench.failure(String(repeating: " ", count: (256 << 10) + 1))
  #expect(error.kind == .syntax)
  #expect(error.message == "the script is longer than 256 KiB")
}

@Test func refusesALongFieldChain() throws {
  let bench = try Bench()
  let start = "local x = {} x.a = x\n"
  func chain(_ n: Int) -> String { String(repeating: ".a", count: n) }
  #expect(try bench.run(start + "return x\(chain(100)) == x") == .boolean(true))
  for source in [
    "return x\(chain(101))", "return (x\(chain(60)))\(chain(60))", "return x\(chain(50))['a']\(chain(50))",
    "return x[x\(chain(80))]\(chain(30))", "return x --\n\(chain(101))", "return x . a\(chain(100))",
  ] {
    let error = bench.failure(start + source)
    #expect(error.kind == .syntax)
    #expect(error.message.contains("chain"), "\(source)")
    #expect((error.place?.line ?? 0) >= 2)
  }
}

@Test func acceptsWhatOnlyLooksLikeAChain() throws {
  let bench = try Bench()
  let text = String(repeating: ".a", count: 200)
  try bench.run("local s = '\(text)' -- x\(text)\nlocal l = [==[\(text)]==]\n--[[\(text)]] return s")
  try bench.run("return {" + String(repeating: "1.5, ", count: 200) + "}")
  try bench.run("local a = {b = {}} " + String(repeating: "a.b.c = 1 ", count: 200))
  try bench.run("return ''" + String(repeating: " .. 'x'", count: 150))
}

@Test func keepsAFunctionForTheHost() throws {
  let bench = try Bench()
  try bench.run("\nlocal n = 0\nkeep(function(a, b) n = n + 1 return a .. b .. n end)")
  let function = try bench.function
  #expect(function.name == "test.lua:3")
  #expect(!function.isNative)
  #expect(try bench.state.call(function, arguments: [.string("x"), .integer(7)]) == .string("x71"))
  #expect(try bench.state.call(function, arguments: [.string("x"), .integer(7)]) == .string("x72"))
}

@Test func givesTheSameFunctionTheSameReference() throws {
  let bench = try Bench()
  try bench.run("local f = function() end keep(f, f, print)")
  #expect(bench.kept[0] == bench.kept[1])
  #expect(bench.kept[0] != bench.kept[2])
  guard case .function(let native) = bench.kept[2] else { return }
  #expect(native.isNative)
}

@Test func releasesFunctions() throws {
  let bench = try Bench()
  try bench.run("keep(function() return ('x'):rep(100000) end)")
  let function = try bench.function
  bench.state.release(function)
  try bench.run("keep(function() end)")
  #expect(try bench.function.id == function.id)
}

@Test func passesAPinnedValueAgainAndAgain() throws {
  let bench = try Bench { library in
    let packet = library.declareRecordType("packet")
    var type = RecordType("packet")
    type.fields = [RecordField("length", .unsigned32(offset: 0))]
    library.define(packet, as: type)
  }
  try bench.run("keep(function(p, list) return #list * 1000 + p.length + list[1].n end)")
  let list = try bench.state.pin(
    .table(
      LuaTable(items: [
        .table(LuaTable(fields: [.init("n", .integer(5))])), .string("x"),
      ])))
  let function = try bench.function
  for length in [UInt32(1), 2] {
    let result = try unsafe withUnsafePointer(to: length) {
      try unsafe bench.state.call(function, record: RecordTypeID(index: 0), at: $0, pinned: list)
    }
    #expect(result == .integer(2005 + Int64(length)))
  }
  bench.state.release(list)
}

@Test func keepsWorkingAfterEveryKindOfFailure() throws {
  let bench = try Bench()
  let sources = [
    "while true do end", "local t = {} while true do t[#t + 1] = ('x'):rep(9999) .. #t end", "error('x')", "x x",
    "local s = ('x'):rep(99999) while true do local _ = s .. 1 end",
  ]
  for source in sources + sources {
    _ = bench.failure(source, limits: LuaLimits(steps: 1_000_000, allocatedBytesPerCall: 16 << 20))
    #expect(try bench.run("return ('ok'):upper()") == .string("OK"))
  }
  #expect(bench.state.memory.live < 200_000)
}

@Test func printsCleanLines() throws {
  let bench = try Bench()
  try bench.run(#"print(nil, true, 1, 1.0, "a\nb\27", {}, print) print() print(("x"):rep(5000))"#)
  #expect(bench.lines[0] == "nil\ttrue\t1\t1.0\ta\\nb\\x1B\ttable\tfunction")
  #expect(bench.lines[1] == "")
  #expect(bench.lines[2].utf8.count == 1024)
}

@Test func capsWhatIsPrinted() throws {
  let bench = try Bench()
  try bench.run("for i = 1, 5000 do print(('x'):rep(999)) end", limits: .none)
  #expect(bench.lines.count == 1048)
  #expect(bench.state.droppedPrintLines == 5000 - 1048)
}

@Test func repeatsRandomNumbers() throws {
  let source = "return math.random() .. ' ' .. math.random(6) .. ' ' .. math.random(-3, 3) .. ' ' .. math.random(0)"
  let first = try Bench().run(source)
  #expect(try Bench().run(source) == first)
  let bench = try Bench()
  #expect(
    try bench.run("for i = 1, 1000 do local r = math.random(3) assert(r >= 1 and r <= 3) end return true")
      == .boolean(true))
  #expect(
    try bench.run("for i = 1, 99 do local r = math.random() assert(r >= 0 and r < 1) end return true") == .boolean(true)
  )
  try bench.run("assert(math.type(math.random(math.mininteger, math.maxinteger)) == 'integer')")
  #expect(bench.failure("math.random(2, 1)").message.contains("interval is empty"))
}

@Test func runsOnAnEightMebibyteStack() throws {
  let depth = try withLuaStack { () throws(LuaError) -> LuaResult in
    try LuaState(library: HostLibrary()).load(
      source: """
        local n = 0
        local function f() n = n + 1 return (string.gsub("x", "x", f)) end
        pcall(f)
        return n
        """, chunkName: "deep.lua")
  }
  guard case .integer(let n) = depth else { return #expect(Bool(false)) }
  #expect(n > 100)
  do {
    try withLuaStack { () throws(LuaError) in throw LuaError(.runtime, "passed on") }
    Issue.record("the error was lost")
  } catch {
    #expect(error.message == "passed on")
  }
}

@Test func findsTheInstalledLibraryInOrder() {
  let findings = LuaSelfTest.run()
  #expect(findings.allSatisfy { !$0.isFatal }, "\(findings)")
  if LuaSelfTest.release == "Lua 5.4.4" { #expect(findings.contains { $0.message.contains("miscompiles") }) }
}
