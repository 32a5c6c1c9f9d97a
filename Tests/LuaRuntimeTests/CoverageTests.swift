import Testing

@testable import LuaRuntime

@Suite struct CoverageTests {
  /// Hits by line of a chunk that is loaded; functions that it keeps are called.
  private func lines(_ source: String, calls: Int = 0) throws -> [Int: Int] {
    let bench = try Bench()
    bench.state.coverLines()
    try bench.run(source)
    for _ in 0..<calls {
      guard case .function(let function) = bench.kept.first else { continue }
      _ = try bench.state.call(function)
    }
    return bench.state.coverage["test.lua"] ?? [:]
  }

  @Test func countsWhatRanAndKnowsWhatDidNot() throws {
    let found = try lines(
      """
      local n = 0
      for i = 1, 3 do
        n = n + i
      end
      if n > 100 then
        n = 0
      end
      """)
    #expect(found.filter { $0.value == 0 }.keys.sorted() == [6])
    #expect(found[3] == 3)
    #expect(found[4] == nil && found[7] == nil)
  }

  @Test func linesOfFunctionsThatAreNeverMadeCount() throws {
    let source = """
      if not true then
        keep(function()
          local x = 1
          return x
        end)
      end
      """
    #expect(try lines(source).filter { $0.value == 0 }.keys.sorted() == [2, 3, 4, 5])
  }

  @Test func theEndOfAFunctionThatReturnsIsNoLine() throws {
    let source = """
      keep(function()
        local x = 1
        return x
      end)
      """
    // Line 1 goes on after the function is made on line 4, where the chunk returns, too.
    #expect(try lines(source) == [1: 2, 2: 0, 3: 0, 4: 2])
    #expect(try lines(source, calls: 2) == [1: 2, 2: 2, 3: 2, 4: 2])
  }

  @Test func longDistancesBetweenLinesAreRead() throws {
    let gap = String(repeating: "\n", count: 300)
    let found = try lines("local a = 1\(gap)local b = a\(gap)keep(function()\(gap)return b\(gap)end)")
    #expect(found.keys.sorted() == [1, 301, 601, 901, 1201])
    #expect(found[901] == 0)
  }

  /// What Lua itself says of functions that exist is the same.
  @Test func agreesWithALongFunction() throws {
    let body = (1...2000).map { "x = x + \($0)" }.joined(separator: "\n")
    let found = try lines("local x = 0\n\(body)\n")
    #expect(found.keys.sorted() == Array(1...2001))
    #expect(found.values.allSatisfy { $0 == 1 })
  }

  @Test func theBudgetIsTheSame() throws {
    func steps(_ covers: Bool) throws -> Int {
      let bench = try Bench()
      if covers { bench.state.coverLines() }
      var limits = LuaLimits.load
      limits.steps = 10_000
      let failure = bench.failure("n = 0\nwhile true do\nn = n + 1\nkept = n\nend", limits: limits)
      #expect(failure.kind == .cpu)
      guard case .integer(let count) = try bench.run("return n") else { return 0 }
      return Int(count)
    }
    #expect(try steps(true) == steps(false))
  }
}
