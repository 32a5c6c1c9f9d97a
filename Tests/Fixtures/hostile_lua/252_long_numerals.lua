-- 252 long numerals
-- Tries:  a number written with a million blanks, wherever Lua takes a text for a number
-- Phase:  filter
-- Expect: cpu
-- Match:  time limit of 20 ms|CPU budget
local hostile = require "hostile"
local s = (" "):rep((1 << 20) - 2) .. "65"
hostile.filter("sums", function(p) while true do local _ = s + 1 _ = s * 2 _ = -s _ = 2 ^ s _ = s // 1 end end)
