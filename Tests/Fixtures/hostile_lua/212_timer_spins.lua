-- 212 timer spins
-- Tries:  a timer that never returns
-- Phase:  timer
-- Expect: cpu
-- Match:  CPU budget of 1000000|time limit of 50 ms
local hostile = require "hostile"
every(0.001, function() while true do pcall(function() while true do end end) end end)
hostile.filter("after", function(p) return true end)
