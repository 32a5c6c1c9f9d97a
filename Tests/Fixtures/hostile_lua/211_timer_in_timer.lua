-- 211 timer in timer
-- Tries:  declare timers, mirrors, filters, sets and counters in a timer
-- Phase:  timer
-- Expect: runtime
-- Match:  only while the policy loads
local hostile = require "hostile"
local makes = { function() filter.any() end, function() set.ports { 1 } end, function() counter("c") end,
  function() packet.from_hex("00") end, function() return require "hostile" end, function() source.vpc() end }
every(0.001, function()
  for i, make in ipairs(makes) do assert(not pcall(make), i) end
  every(0.001, print)
end)
hostile.filter("after", function(p) return true end)
