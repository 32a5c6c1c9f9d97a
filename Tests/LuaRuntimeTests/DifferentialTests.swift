import Foundation
import Testing

@testable import LuaRuntime

/// Runs one script in the strict environment and in the installed `lua5.4`; both must say the same.
private func compare(_ source: String, lines: Int = 100, at location: SourceLocation = #_sourceLocation) throws {
  let ours = try LuaState(library: HostLibrary(), memory: 256 << 20)
    .load(source: source, chunkName: "stdin", limits: .none)
  guard case .string(let text) = ours else {
    Issue.record("the script returned \(ours)", sourceLocation: location)
    return
  }
  let theirs = try stock("io.write((function() \(source)\nend)())")
  #expect(text.utf8.count { $0 == 0x0a } >= lines - 1, sourceLocation: location)
  guard !text.utf8.elementsEqual(theirs.utf8) else { return }
  let (a, b) = (text.split(separator: "\n"), theirs.split(separator: "\n"))
  #expect(a.count == b.count, sourceLocation: location)
  for (mine, stock) in zip(a, b) where mine != stock {
    Issue.record("ours: \(mine)\nlua5.4: \(stock)", sourceLocation: location)
    return
  }
}

private func stock(_ source: String) throws -> String {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = ["lua5.4", "-"]
  let (input, output) = (Pipe(), Pipe())
  process.standardInput = input
  process.standardOutput = output
  try process.run()
  input.fileHandleForWriting.write(Data(source.utf8))
  try input.fileHandleForWriting.close()
  let data = output.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return String(decoding: data, as: UTF8.self)
}

/// What both scripts begin with: the same random numbers on both sides, and results as one clean line each.
private let prelude = #"""
  local seed, out = 12345, {}
  local function random(n) seed = (seed * 1103515245 + 12345) % 2147483648 return (seed >> 8) % n + 1 end
  local function pick(list) return list[random(#list)] end
  local function show(...)
    local t = {}
    for i = 1, select("#", ...) do t[i] = ("%q"):format((select(i, ...))):gsub("\n", "n") end
    return table.concat(t, " ")
  end
  local function note(what, ...)
    out[#out + 1] = (what .. " -> " .. show(...)):gsub("[\128-\255]", function(c) return "<" .. c:byte() .. ">" end)
  end

  """#

/// 100,000 patterns and subjects, each through every function that takes a pattern, in one process of `lua5.4`.
@Test func matchesPatternsAsLuaDoes() throws {
  try compare(
    prelude + #"""
      local items = { "a", "b", ".", "%a", "%d", "%s", "%w", "%W", "%x", "%p", "%.", "[ab]", "[^a]", "[a-c]", "[%d_]",
        "[]]", "[^]]", "[a-]", "[-a]", "[%a-z]", "(", ")", "()", "(a)", "(.)", "%1", "%2", "%bab", "%b()", "%f[%w]", "%f[^a]", "$",
        "^", "-", "%", "[", "[a", "%f", "%b", "%bx", "\0", "%u", "%L", "%g", "%c", "x" }
      local ends = { "", "", "", "*", "+", "-", "?" }
      local letters = { "a", "b", "c", "A", "1", "_", " ", ".", "(", ")", "\n", "\0", "\200", "]", "-", "x" }
      local replacements = { "%0", "<%1>", "", "%%", "x%", "%2" }
      local concat = table.concat
      local function pattern()
        local t = { random(4) == 1 and "^" or "" }
        for i = 1, random(5) do t[#t + 1] = pick(items) .. pick(ends) end
        if random(5) == 1 then t[#t + 1] = "$" end
        return concat(t)
      end
      local function text()
        local t = {}
        for i = 1, random(12) - 1 do t[i] = pick(letters) end
        return concat(t)
      end
      local function gather(s, p)
        local t = {}
        for a, b in s:gmatch(p) do t[#t + 1] = tostring(a) .. "," .. tostring(b) if #t > 50 then break end end
        return concat(t, ";")
      end
      local function join(a, b, b2) return b and (a .. b) end
      local choices = { a = "X", b = false, ["1"] = 7 }
      local function line(...)
        local t = { ... }
        for i = 1, select("#", ...) do t[i] = tostring(t[i]) end
        return (concat(t, " "):gsub("\n", "n"))
      end
      for i = 1, 100000 do
        local p, s, init = pattern(), text(), random(14) - 4
        out[#out + 1] = line(i, "find", pcall(string.find, s, p, init))
        out[#out + 1] = line(i, "match", pcall(string.match, s, p, init))
        out[#out + 1] = line(i, "gmatch", pcall(gather, s, p))
        local choice = i % 4
        if choice == 0 then out[#out + 1] = line(i, "gsub", pcall(string.gsub, s, p, pick(replacements), pick { 1, 2, 100 }))
        elseif choice == 1 then out[#out + 1] = line(i, "by function", pcall(string.gsub, s, p, join))
        elseif choice == 2 then out[#out + 1] = line(i, "by table", pcall(string.gsub, s, p, choices))
        else out[#out + 1] = line(i, "plain", s:find(p, init, true)) end
        if #out >= 40000 then out = { concat(out, "\n") } end
      end
      return concat(out, "\n")
      """#, lines: 400_000)
}

@Test func formatsAsLuaDoes() throws {
  try compare(
    prelude + #"""
      local values = { 0, 1, -1, 255, math.maxinteger, math.mininteger, 1.5, -0.0, 1e300, 1/0, -1/0, 3.0, "", "x",
        "with \"quotes\"\n\r\0" .. "7\127", ("long"):rep(40), true, false }
      local kinds = { "d", "i", "u", "x", "X", "o", "c", "e", "E", "f", "F", "g", "G", "a", "A", "s", "q", "%", "z", "" }
      for i = 1, 6000 do
        local f = "<%" .. pick { "", "", "", "-", "+", " ", "#", "0", "-+", "+0", "-0 " } .. pick { "", "", "5", "12", "99", "123" }
          .. pick { "", "", ".", ".0", ".3", ".20", ".123" } .. pick(kinds) .. ">"
        local v = pick(values)
        local ok, text = pcall(string.format, f, v)
        note(show(f, v), ok, ok and text or "refused")
      end
      return table.concat(out, "\n")
      """#)
}

@Test func worksOnTablesAsLuaDoes() throws {
  try compare(
    prelude + #"""
      local function some()
        local t = {}
        for i = 1, random(9) - 1 do t[i] = random(20) end
        return t
      end
      local function act(name, ...)
        local ok, a, b = pcall(table[name], ...)
        return ok, ok and type(a) ~= "table" and a or nil, ok and b or nil
      end
      for i = 1, 3000 do
        local n, m = random(12) - 2, random(9)
        local function try(name, ...)
          local t = some()
          note(name .. " " .. table.concat(t, " "), act(name, t, ...))
          note("is", table.unpack(t, 1, 20))
        end
        try("insert", n, 99) try("insert", 98) try("remove", n) try("remove") try("concat", ", ", n, m) try("concat")
        try("move", n, m, random(8)) try("unpack", n, m) try("sort") try("sort", function(a, b) return a > b end)
        note("pack", table.pack(n, nil).n, select(pick { 1, 2, -1 }, n, "x"))
      end
      return table.concat(out, "\n")
      """#)
}

@Test func sortsStably() throws {
  let bench = try Bench()
  try bench.run(
    """
    local t = {}
    for i = 1, 2000 do t[i] = { key = i * 7919 % 13, place = i } end
    table.sort(t, function(a, b) return a.key < b.key end)
    for i = 2, #t do
      assert(t[i - 1].key < t[i].key or (t[i - 1].key == t[i].key and t[i - 1].place < t[i].place))
    end
    """)
}
