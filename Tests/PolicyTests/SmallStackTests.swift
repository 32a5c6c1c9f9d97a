import Inventory
import Mirroring
import Policy
import Testing
import Wire

@testable import LuaRuntime

// 512 KiB of stack are enough for whatever a script nests; the program's threads have 8 MiB.

@Test(arguments: [
  // Patterns within patterns, each with its buffers.
  "local n = 0 local function f() n = n + 1 return (('x'):gsub('x', f)) end pcall(f) assert(n > 50)",
  "local function f(n) return (('x'):rep(99):gsub('(x)', function() return f(n + 1) end)) end pcall(f, 0)",
  // Host functions that call Lua, within each other.
  "local n = 0 local function f() n = n + 1 source.where(f) return true end pcall(source.where, f) assert(n > 20)",
  "local function f() pcall(source.where, function() return pcall(f) end) return true end pcall(f)",
  "local function f(a, b) table.sort({ 3, 1, 2 }, f) return a < b end pcall(f, 1, 2)",
  "local function f() return pcall(pcall, f) end f()",
  // What the host walks: values, drafts, filters.
  "local t = {} for i = 1, 15 do t = { t, x = t } end pcall(mirror, t) pcall(filter.rules, t) pcall(log.info, t)",
  "local f = filter.any() for i = 1, 60 do f = ~f end mirror { name = 'deep', vpc = 'vpc-shop', source = source.vpc(), filter = f, target = target.receivers '10.20.9.10' }",
  "local f = function(p) return true end for i = 1, 100 do f = f & (f == nil or function(p) return true end) end",
  "local s = ('a'):rep(5000) pcall(s.find, s, ('a?'):rep(190)) pcall(s.find, s, ('(a'):rep(32)) pcall(s.match, s, ('.-'):rep(180) .. 'b')",
])
func fitsASmallStack(source: String) {
  let error = withStack(of: 512 << 10) { () -> PolicyError? in
    do throws(PolicyError) {
      _ = try Bench(source)
      return nil
    } catch { return error }
  }
  #expect(error == nil || error?.kind == .cpu || error?.kind == .memory, "\(String(describing: error))")
}
