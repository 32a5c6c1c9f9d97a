import Testing

@testable import LuaRuntime

private func kept(_ source: String) throws -> [LuaValue] {
  let bench = try Bench()
  try bench.run("keep(\(source))")
  return bench.kept
}

@Test func convertsArguments() throws {
  #expect(
    try kept("nil, true, 1, 1.5, 'x', 2.0") == [
      .nil, .boolean(true), .integer(1), .number(1.5), .string("x"), .number(2),
    ])
  #expect(try kept(#""\xffA""#) == [.bytes([0xff, 0x41])])
}

@Test func convertsTablesInAStableOrder() throws {
  let table = try kept("{ 'a', 'b', zeta = 1, alpha = { true }, [-1] = 'm', [2^40] = 'x', [4] = 'gap' }")[0]
  let expected = LuaTable(
    items: [.string("a"), .string("b")],
    fields: [.init("alpha", .table(LuaTable(items: [.boolean(true)]))), .init("zeta", .integer(1))],
    sparse: [-1: .string("m"), 1 << 40: .string("x"), 4: .string("gap")])
  #expect(table == .table(expected))
}

@Test func givesTablesBack() throws {
  let bench = try Bench { library in
    library.add("echo") { call throws(HostFailure) in for i in 0..<call.count { call.push(call[i]) } }
  }
  try bench.run(
    """
    local t, n, s = echo({ 1, 2, { x = "y" }, k = true, [0] = false }, 7, "s")
    assert(#t == 3 and t[3].x == "y" and t.k == true and t[0] == false and n == 7 and s == "s")
    """)
}

@Test func refusesTablesItCannotConvert() throws {
  let bench = try Bench()
  #expect(bench.failure("local t = {} t.t = t keep(t)").message.contains("nested too deeply"))
  #expect(bench.failure("keep({ [1.5] = 1 })").message.contains("must be texts or whole numbers, not number"))
  #expect(bench.failure("keep({ [{}] = 1 })").message.contains("must be texts or whole numbers, not table"))
  let large = bench.failure("local t = {} for i = 1, 140000 do t[i] = i end keep(t)")
  #expect(large.message.contains("too large"))
  #expect(bench.failure("keep(('x'):rep(300):byte(1, 300))").message.contains("too many arguments"))
}

@Test func readsArgumentsByKind() throws {
  var answers: [Bool] = []
  let bench = try Bench { library in
    library.add("look") { call throws(HostFailure) in
      answers = unsafe [
        call.integer(0) == 3, call.integer(1) == 3, call.integer(2) == nil, call.number(0) == 3, call.string(3) == "s",
        call.bytes(3).map { unsafe Array($0) } == [115], call.boolean(4) == false, call.table(5)?.items.count == 1,
        call.function(6) != nil, call.integer(99) == nil, call.typeName(99) == "no value", call.typeName(5) == "table",
        call.integer(7) == nil, call[-1] == .nil, call.count == 8,
      ]
    }
  }
  try bench.run("look(3, 3.0, 3.5, 's', false, { 1 }, function() end, 1e300)")
  #expect(answers == Array(repeating: true, count: 15))
}

@Test func raisesHostFailuresAtTheScriptsLine() throws {
  let bench = try Bench { library in
    library.add("refuse", in: "filter") { call throws(HostFailure) in throw HostFailure("cannot\ndo it") }
    library.add("check", in: "filter") { call throws(HostFailure) in
      throw HostFailure(argument: 2, "expected a table, got \(call.typeName(1))")
    }
  }
  let error = bench.failure("\n\nfilter.refuse()")
  #expect(error.message == #"cannot\\ndo it"# || error.message == #"cannot\ndo it"#)
  #expect(error.place == LuaPlace(chunk: "test.lua", line: 3))
  #expect(bench.failure("filter.check(1, 2)").message == "bad argument #2 to 'check' (expected a table, got number)")
  #expect(try bench.run("return select(2, pcall(filter.refuse))") == .string(#"cannot\ndo it"#))
}

@Test func knowsTheCallersLine() throws {
  var places: [LuaPlace?] = []
  let bench = try Bench { library in
    library.add("here") { call throws(HostFailure) in places.append(call.place) }
  }
  try bench.run("here()\nlocal function f()\n  here()\nend\nf()")
  #expect(places == [LuaPlace(chunk: "test.lua", line: 1), LuaPlace(chunk: "test.lua", line: 3)])
}

@Test func callsBackAfterTheHostHasReturned() throws {
  let bench = try Bench { library in
    library.add("each") { call throws(HostFailure) in
      guard let function = call.function(0) else { throw HostFailure(argument: 1, "expected a function") }
      func step(_ i: Int64, _ sum: Int64) -> HostFunction {
        { call throws(HostFailure) in
          let sum = sum + (call.integer(0) ?? 0)
          if i > 3 { call.push(sum) } else { call.next(function, [.integer(i)], then: step(i + 1, sum)) }
        }
      }
      try step(1, 0)(call)
    }
  }
  #expect(try bench.run("return each(function(i) return i * 10 end)") == .integer(60))
  let nested = "return each(function(i) return each(function(j) return i * j end) end)"
  #expect(try bench.run(nested) == .integer(36))
  #expect(bench.state.pending.isEmpty)
  let caught = "for i = 1, 100 do pcall(each, function() error('x') end) end return each(function(i) return i end)"
  #expect(try bench.run(caught) == .integer(6))
  #expect(bench.state.pending.isEmpty)
  #expect(bench.failure("return each(function(i) error('in it') end)").message == "in it")
  #expect(try bench.run("pcall(each, function(i) error('x') end) return each(function(i) return i end)") == .integer(6))
}

@Test func loadsAChunkForTheHost() throws {
  let bench = try Bench { library in
    library.add("require") { call throws(HostFailure) in
      guard let name = call.string(0) else { throw HostFailure(argument: 1, "expected a text") }
      call.next(
        source: name == "bad" ? "return +" : "local m = {} function m.f() return 42 end return m",
        chunkName: name + ".lua"
      ) {
        call throws(HostFailure) in call.push(call[0])
      }
    }
  }
  #expect(try bench.run("return require('good').f()") == .integer(42))
  let error = bench.failure("\nrequire 'bad'")
  #expect(error.place == LuaPlace(chunk: "bad.lua", line: 1))
  #expect(error.message.contains("unexpected symbol"))
}

@Test func refusesEntryFromWithinACall() throws {
  var caught: LuaError?
  var bench: Bench?
  bench = try Bench { library in
    library.add("enter") { call throws(HostFailure) in
      call.push("kept")
      do throws(LuaError) {
        _ = try unsafe call.state.call(LuaFunctionReference(id: 1, name: "", isNative: false), arguments: [.nil])
      } catch {
        caught = error
      }
    }
  }
  #expect(try bench?.run("return enter()") == .string("kept"))
  #expect(caught == .reentered)
  bench = nil
}

@Test func suggestsTheNearestNameOfANamespace() throws {
  let bench = try Bench { library in
    library.add("quintuple", in: "filter") { call throws(HostFailure) in }
    library.add("sample", in: "filter") { call throws(HostFailure) in }
    library.add("name", in: "policy", value: .string("web"))
  }
  #expect(bench.failure("filter.quintupel()").message == "no name 'quintupel' in filter; did you mean 'quintuple'?")
  #expect(bench.failure("filter.xyz()").message == "no name 'xyz' in filter")
  #expect(bench.failure("filter.mine = 1").message == "'filter' is read-only")
  #expect(
    try bench.run("local n = {} for k in pairs(filter) do n[#n + 1] = k end table.sort(n) return table.concat(n, ' ')")
      == .string("quintuple sample"))
  #expect(try bench.run("return policy.name") == .string("web"))
}

@Test func chargesWhatTheHostSays() throws {
  let bench = try Bench { library in
    library.add("work") { call throws(HostFailure) in call.charge(1000) }
  }
  #expect(bench.failure("while true do work() end", limits: LuaLimits(steps: 100_000)).kind == .cpu)
}
