-- 250 texts of zeros
-- Tries:  compare texts of zero bytes: one instruction of 12 ms
-- Phase:  filter
-- Expect: cpu
-- Match:  time limit of 20 ms
local hostile = require "hostile"
local s = ("\0"):rep(1 << 20) s = s .. s:sub(1, -99)
hostile.filter("zeros", function(p) while true do if s < s then end if s <= s then end if s < s then end if s < s then end if s < s then end end end)
