-- 280 unions of limits
-- Tries:  reach several limits in one callback and go on after each
-- Phase:  filter
-- Expect: memory|cpu
local hostile = require "hostile"
local i = 0
hostile.filter("all", function(p)
  i = i + 1
  pcall(function() local t = {} while true do t[#t + 1] = ("x"):rep(9000) end end)
  pcall(function() while true do end end)
  pcall(string.rep, "x", 1 << 20) pcall(error, ("x"):rep(9000))
  return true
end)
