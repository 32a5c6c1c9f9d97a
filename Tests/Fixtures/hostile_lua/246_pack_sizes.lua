-- 246 pack sizes
-- Tries:  formats whose sizes overflow
-- Phase:  load
-- Expect: ok
local hostile = require "hostile"
for _, f in ipairs { "i17", "i0", "!17i4", "!3i4", "s99999999999", "c", "Xi17", "X", "Xz", "i99999999999999999999", "y", "%" } do
  assert(not pcall(string.pack, f, 1), f)
end
assert(not pcall(string.pack, "i1", 128) and not pcall(string.pack, "c1", "xx") and not pcall(string.pack, "z", "a\0b") and not pcall(string.pack, "s1", ("x"):rep(256)))
for _, f in ipairs { "s8", "c2147483647", "c9999999", "z", "i16", "!16i16i16i16" } do assert(not pcall(string.unpack, f, "\255\255\255\255\255\255\255\127x"), f) end
for _, at in ipairs { 0, 9, -9, math.maxinteger, math.mininteger } do pcall(string.unpack, "i4", "12345678", at) end
hostile.filter("after", function(p) return true end)
