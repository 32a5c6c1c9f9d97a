-- 266 empty table walked
-- Tries:  look for the first of a quarter million places that are empty
-- Phase:  filter
-- Expect: cpu
-- Match:  time limit of 20 ms|CPU budget
local hostile = require "hostile"
local t, next = {}, next
for i = 1, 1 << 18 do t[i] = true end
for i = 1, 1 << 18 do t[i] = nil end
hostile.filter("walk", function(p) while true do next(t) next(t) next(t) next(t) next(t) next(t) end end)
