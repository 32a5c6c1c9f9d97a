-- 251 equal texts
-- Tries:  compare, and look up by, long texts that are equal and not the same
-- Phase:  filter
-- Expect: cpu
-- Match:  time limit of 20 ms|CPU budget
local hostile = require "hostile"
local x = ("x"):rep((1 << 20) - 1)
local a, b = x .. "y", x .. "y"
local t = { [a] = 1 }
hostile.filter("equal", function(p) while true do if a == b then end if t[b] then end if a == b then end if t[b] then end end end)
