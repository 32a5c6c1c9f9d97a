-- 253 long numerals in calls
-- Tries:  250 numbers of a mebibyte each in one call
-- Phase:  filter
-- Expect: cpu
-- Match:  CPU budget
local hostile = require "hostile"
local s, t = (" "):rep((1 << 20) - 2) .. "65", {}
for i = 1, 250 do t[i] = s end
hostile.filter("calls", function(p) while true do string.char(table.unpack(t)) math.max(table.unpack(t)) math.sin(s) end end)
