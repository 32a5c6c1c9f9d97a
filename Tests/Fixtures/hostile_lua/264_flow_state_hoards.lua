-- 264 flow state hoards
-- Tries:  keep more with every conversation
-- Phase:  filter
-- Expect: memory
local hostile = require "hostile"
hostile.filter("hoard", function(p) local s = p.flow.state for i = #s + 1, #s + 40 do s[i] = ("x"):rep(9000 + i) end return true end)
