-- 241 huge positions
-- Tries:  positions at the ends of the integers
-- Phase:  load
-- Expect: ok
local hostile = require "hostile"
local max, min = math.maxinteger, math.mininteger
for _, a in ipairs { max, min, max - 1, min + 1, 1 << 53, -1, 70000 } do
  assert(not pcall(table.insert, { 1 }, a, 1) and not pcall(table.remove, { 1, 2 }, a) and not pcall(table.concat, { "x" }, ",", min, a == min and max or a))
  pcall(table.unpack, {}, a) pcall(table.unpack, {}, 1, a) pcall(table.unpack, {}, a, a) pcall(table.move, { 1 }, a, a, a) pcall(table.move, { 1 }, 1, 2, a)
  assert(not pcall(table.unpack, {}, min, max) and not pcall(table.move, { 1 }, min, max, 1) and not pcall(table.concat, { "x" }, ",", 1, max))
  pcall(string.sub, "x", a, a) pcall(string.byte, "x", a, a) pcall(utf8.offset, "x", a) pcall(utf8.codepoint, "x", a, a) pcall(select, a)
  pcall(string.find, "x", "x", a) pcall(string.gmatch("x", "x", a)) pcall(string.unpack, "b", "x", a)
end
hostile.filter("after", function(p) return true end)
