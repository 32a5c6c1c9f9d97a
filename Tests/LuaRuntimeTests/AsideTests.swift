import Testing

@testable import LuaRuntime

/// The host at work beside a running script.
@Suite struct AsideTests {
  /// A bench whose `ask(f)` calls `f` aside and returns how that ended.
  private final class Asking {
    var bench: Bench!
    var limits = LuaLimits.callback

    init() throws {
      bench = try Bench { library in
        library.add("ask") { [unowned self] call throws(HostFailure) in
          guard let function = call.function(0) else { throw HostFailure(argument: 1, "a function expected") }
          var answer = "no room"
          let ran = call.aside {
            do throws(LuaError) {
              answer = "\(try self.bench.state.call(function, arguments: [.integer(20)], limits: self.limits))"
            } catch {
              answer = error.kind.rawValue
            }
          }
          if !ran { answer = "no room" }
          // Arguments are still there.
          call.push(call.function(0) == function ? answer : "lost its arguments")
        }
        library.add("twice") { call throws(HostFailure) in
          guard let function = call.function(0) else { throw HostFailure("a function expected") }
          call.next(function, []) { first throws(HostFailure) in
            let value = first.integer(0) ?? 0
            first.next(function, []) { second throws(HostFailure) in
              second.push(value * 100 + (second.integer(0) ?? 0))
            }
          }
        }
      }
    }
  }

  @Test func callsIntoARunningScript() throws {
    let asking = try Asking()
    let result = try asking.bench.run("local n = 1; local a = ask(function(x) n = n + x; return n end); return a .. n")
    #expect(result == .string("integer(21)21"))
  }

  @Test func whatIsRaisedInsideEndsInside() throws {
    let asking = try Asking()
    #expect(try asking.bench.run("return ask(function() error 'boom' end)") == .string("runtime"))
    #expect(try asking.bench.run("return ask(function() local t = nil; return t.x end)") == .string("runtime"))
  }

  @Test func theInnerCallHasLimitsOfItsOwn() throws {
    let asking = try Asking()
    let result = try asking.bench.run(
      "local a = ask(function() while true do end end); local b = ask(function(x) return x end); return a .. ' ' .. b")
    #expect(result == .string("cpu integer(20)"))
    asking.limits.allocatedBytesPerCall = 1 << 16
    #expect(try asking.bench.run("return ask(function() return #string.rep('x', 1 << 18) end)") == .string("memory"))
  }

  @Test func theOuterCallKeepsItsOwn() throws {
    let asking = try Asking()
    var limits = LuaLimits.load
    limits.steps = 20_000
    let endless = asking.bench.failure("n = 0 while true do n = n + 1 ask(print) end", limits: limits)
    #expect(endless.kind == .cpu)
    // A look at the budget each, though no 256 instructions lie between two.
    guard case .integer(let asked) = try asking.bench.run("return n") else { return }
    #expect(asked > 10 && asked < 100)
    limits.steps = .max
    limits.allocatedBytesPerCall = 1 << 20
    let greedy = asking.bench.failure(
      "for i = 1, 1000 do local text = string.rep('x', 10000) ask(print) end", limits: limits)
    #expect(greedy.kind == .memory)
  }

  @Test func nestsAFewTimesAndThenRefuses() throws {
    let asking = try Asking()
    asking.limits = .load
    let result = try asking.bench.run(
      "depth = 0; function f() depth = depth + 1; last = ask(f); return last end; ask(f); return depth .. ' ' .. tostring(last)"
    )
    guard case .string(let text) = result else {
      Issue.record("\(result)")
      return
    }
    #expect(text.hasPrefix("8 "))
  }

  @Test func deepInTheStackItIsRefusedOrRuns() throws {
    let asking = try Asking()
    let source = """
      local function deep(n, f)
        if n == 0 then return ask(f) end
        local _, answer = pcall(deep, n - 1, f)
        return answer
      end
      return deep(depth, function(x) return deep(1, function() return x end) end)
      """
    for depth in 1...220 {
      let answer = try? asking.bench.run("depth = \(depth)\n" + source)
      // Near Lua's bound of 200 nested C calls it may be refused, at either level.
      if depth < 150 { #expect(answer == .string("string(\"integer(20)\")"), "\(depth)") }
    }
    #expect(try asking.bench.run("return ask(function(x) return x end)") == .string("integer(20)"))
  }

  /// A host function that waits for a function of the script is not forgotten when that asks.
  @Test func whatIsToFollowStillFollows() throws {
    let asking = try Asking()
    let result = try asking.bench.run(
      """
      local n = 0
      local function inner() n = n + 1; return n end
      local function outer()
        assert(ask(function() error 'boom' end) == 'runtime')
        return twice(inner)
      end
      return twice(outer)
      """)
    #expect(result == .integer(102 * 100 + 304))
  }

  @Test func survivesAllocationsThatFail() throws {
    for n in 1...60 as ClosedRange<UInt64> {
      let asking = try Asking()
      asking.bench.state.failAllocations(from: n)
      _ = try? asking.bench.run("local t = {}; return ask(function(x) t[1] = { x }; return #t end)")
      asking.bench.state.failAllocations(from: 0)
      #expect(try asking.bench.run("return ask(function(x) return x end)") == .string("integer(20)"))
    }
  }
}
