import Testing

@testable import LuaRuntime

@Test func runsAChunk() throws {
  var lines: [String] = []
  let state = try LuaState(library: HostLibrary(), print: { lines.append($0) })
  let r = try state.load(source: "print(('x'):rep(3), 1.5, {}, print) return ('abc'):gsub('b', '%0%0')", chunkName: "a.lua")
  #expect(r == .string("abbc"))
  #expect(lines == ["xxx\t1.5\ttable\tfunction"])
  print(try state.reachableNames())
  print(state.memory)
  do { try state.load(source: "\n\nwhile true do pcall(function() while true do end end) end", chunkName: "a.lua") } catch { print(error) }
  do { try state.load(source: "\n\nlocal t = {} for i = 1, math.huge do t[i] = {} end", chunkName: "a.lua") } catch { print(error) }
  do { try state.load(source: "\n\nlocal x\n x.y = 1", chunkName: "a.lua") } catch { print(error, error.traceback) }
  do { try state.load(source: "\n\nlocal x x x\n x.y = 1", chunkName: "a.lua") } catch { print(error, error.traceback) }
  do { try state.load(source: "\n\nlocal s = 'x' while true do s = s .. s end", chunkName: "a.lua") } catch { print(error, error.traceback) }
  do { try state.load(source: "while true do local s = ('x'):rep(10000) end", chunkName: "a.lua", limits: .callback) } catch { print(error, error.traceback) }
  print(state.memory)
}
