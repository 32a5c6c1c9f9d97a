-- 255 full heap collects
-- Tries:  keep the heap so full that every new text needs a collection of all of it
-- Phase:  filter
-- Expect: memory|cpu
local hostile = require "hostile"
local t, piece = {}, ("x"):rep(20000)
for i = 1, 40000 do t[i] = { i } end
for i = 1, 170 do t[-i] = piece .. i end
hostile.filter("full", function(p) local n = 0 while true do n = n + 1 local _ = piece .. n end end)
