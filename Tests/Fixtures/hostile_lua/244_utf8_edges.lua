-- 244 utf8 edges
-- Tries:  broken sequences to every function of utf8
-- Phase:  load
-- Expect: ok
local hostile = require "hostile"
for _, s in ipairs { "\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "a\xffb", "\xf8\x88\x80\x80\x80" } do
  assert(not utf8.len(s)) assert(not pcall(utf8.codepoint, s, 1, -1)) assert(not pcall(function() for _ in utf8.codes(s) do end end), s)
  pcall(utf8.offset, s, 1) pcall(utf8.offset, s, -1) pcall(utf8.len, s, 2, -1, true) pcall(log.info, s) print(s) pcall(shared.set, shared, s, s)
  assert(not pcall(set.cidrs, { s }) and not pcall(counter, s) and inventory.eni(s) == nil)
end
assert(not pcall(utf8.char, -1) and not pcall(utf8.char, 1 << 31) and utf8.char(0x7fffffff) and not pcall(utf8.len, "x", 3) and not pcall(utf8.codepoint, "x", 9))
hostile.filter("after", function(p) return true end)
