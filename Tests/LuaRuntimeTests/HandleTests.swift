import Testing

@testable import LuaRuntime

/// A library with filters that combine, and a list that can be walked.
private func fill(_ library: inout HostLibrary) {
  let filter = library.declareHandleType("filter")
  var type = HandleType("filter")
  func combine(_ mark: String) -> HostFunction {
    { call throws(HostFailure) in
      let sides = (0..<call.count).map { i in call.handle(i, of: filter).map { "h\($0)" } ?? call.typeName(i) }
      if sides.contains("number") { throw HostFailure("a number is no filter") }
      call.push(sides.count == 1 ? mark + sides[0] : sides.joined(separator: mark))
    }
  }
  type.operators = [
    (.and, combine("&")), (.or, combine("|")), (.exclusiveOr, combine("~")), (.not, combine("~")),
    (.length, { call throws(HostFailure) in call.push(Int64(7)) }),
  ]
  type.claimsFunctions = true
  type.fields = [
    ("number", { call throws(HostFailure) in call.push(Int64(call.handle(0, of: filter) ?? -1)) }),
    ("nothing", { call throws(HostFailure) in }),
  ]
  type.methods = [
    (
      "plus",
      { call throws(HostFailure) in
        guard let n = call.handle(0, of: filter) else { throw HostFailure(argument: 1, "expected a filter") }
        guard let m = call.integer(1) else {
          throw HostFailure(argument: 2, "expected a number, got \(call.typeName(1))")
        }
        call.push(Int64(n) + m)
      }
    )
  ]
  type.describe = { call throws(HostFailure) in call.push("filter \(call.handle(0, of: filter) ?? -1)") }
  library.define(filter, as: type)
  library.add("f") { call throws(HostFailure) in call.push(LuaHandle(filter, Int(call.integer(0) ?? 0))) }

  let list = library.declareHandleType("list")
  var listType = HandleType("list")
  listType.index = { call throws(HostFailure) in
    if let i = call.integer(1), (1...3).contains(i) { call.push("item \(i)") }
  }
  listType.enumerate = { call throws(HostFailure) in
    let position = call.integer(1) ?? 0
    guard position < 3 else { return }
    call.push("key \(position)")
    call.push(position)
  }
  library.define(list, as: listType)
  library.add("list", value: .handle(LuaHandle(list, 0)))
}

@Test func combinesHandlesAndFunctions() throws {
  let bench = try Bench(fill)
  for (source, expected) in [
    ("f(1) & f(2)", "h1&h2"), ("f(1) | print", "h1|function"), ("print ~ f(3)", "function~h3"), ("~f(4)", "~h4"),
    ("print & pairs", "function&function"), ("~print", "~function"),
  ] {
    #expect(try bench.run("return " + source) == .string(expected), "\(source)")
  }
  #expect(try bench.run("return #f(1)") == .integer(7))
  #expect(bench.failure("return f(1) & 3").message == "a number is no filter")
  #expect(bench.failure("return #print").message.contains("attempt to get length of a function value"))
  #expect(bench.failure("return print.x").message.contains("attempt to index a function value"))
}

@Test func readsFieldsAndMethodsOfHandles() throws {
  let bench = try Bench(fill)
  #expect(try bench.run("return f(5).number") == .integer(5))
  #expect(try bench.run("return f(5).nothing") == .nil)
  #expect(try bench.run("return f(5):plus(2)") == .integer(7))
  #expect(bench.failure("f(5):plus({})").message == "bad argument #1 to 'plus' (expected a number, got table)")
  #expect(bench.failure("f(5).plus({}, 1)").message.contains("bad argument #1"))
  #expect(bench.failure("return f(5).nubmer").message == "no field 'nubmer' in filter; did you mean 'number'?")
  #expect(bench.failure("return f(5)[1]").message == "filter has no key of type number")
  #expect(bench.failure("f(5).number = 1").message == "cannot set 'number': filter is read-only")
  #expect(bench.failure("f(5)()").message.contains("attempt to call a filter value"))
}

@Test func comparesAndDescribesHandles() throws {
  let bench = try Bench(fill)
  #expect(try bench.run("return f(1) == f(1) and f(1) ~= f(2) and f(1) ~= list and f(1) ~= 1") == .boolean(true))
  #expect(
    try bench.run("return tostring(f(8)) .. ' ' .. tostring(list) .. (' %s'):format(f(9))")
      == .string("filter 8 list filter 9"))
  #expect(try bench.run("return type(f(1))") == .string("userdata"))
  #expect(try bench.run("return f(3)") == .handle(LuaHandle(HandleTypeID(index: 0), 3)))
  #expect(bench.failure("return f(1) .. 'x'").message.contains("attempt to concatenate a filter value"))
  #expect(bench.failure("return f(1) < f(2)").message.contains("attempt to compare two filter values"))
}

@Test func walksHandles() throws {
  let bench = try Bench(fill)
  let source = "local n = '' for k, v in pairs(list) do n = n .. k .. '=' .. v .. ' ' end return n"
  #expect(try bench.run(source) == .string("key 0=0 key 1=1 key 2=2 "))
  #expect(try bench.run("local n = 0 for i, v in ipairs(list) do n = n + i end return n") == .integer(6))
  #expect(try bench.run("return list[2], list.x") == .string("item 2"))
  #expect(bench.failure("pairs(f(1))").message.contains("table expected, got filter"))
}

@Test func keepsHandlesOutOfTableFunctions() throws {
  let bench = try Bench(fill)
  for call in ["table.insert(list, 1)", "table.concat(list)", "table.unpack(list)", "rawequal(list)", "next(list)"] {
    #expect(bench.failure(call).message.hasPrefix("bad argument"), "\(call)")
  }
}
