-- 243 arithmetic
-- Tries:  every operation that a processor may stop at
-- Match:  divide by zero|n//0
-- Phase:  load
-- Expect: runtime
local hostile = require "hostile"
local max, min = math.maxinteger, math.mininteger
assert(min // -1 == min and min % -1 == 0 and max + 1 == min and -min == min and math.abs(min) == min and min * -1 == min)
for _, f in ipairs { function() return 1 // 0 end, function() return 1 % 0 end, function() return 2^53 | 0.5 end, function() return 1/0 | 0 end,
  function() return 0/0 // 1 | 0 end, function() for i = 1, 2, 0 do end end, function() return "x" + 1 end, function() return "1e400" | 0 end } do assert(not pcall(f)) end
assert(1 << 64 == 0 and 1 << -1 == 0 and 1 >> -63 == min and 1 << min == 0 and -1 >> max == 0)
local n = 0 for i = max - 1, max do n = n + 1 end assert(n == 2)
n = 0 for i = min + 1, min, -1 do n = n + 1 end assert(n == 2)
n = 0 for i = 1, 1/0 do n = n + 1 if n == 9 then break end end assert(n == 9)
for i = 1, 0/0 do error("ran") end for i = 1, -1/0 do error("ran") end for i = max, max + 1.0 do n = n + 1 end
assert(math.fmod(min, -1) == 0 and not pcall(math.fmod, 1, 0) and math.tointeger(2^63) == nil and max // 1 | 0 == max)
hostile.filter("after", function(p) return 1 // (p.length - p.length) == 0 end)
