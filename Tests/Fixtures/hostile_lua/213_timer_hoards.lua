-- 213 timer hoards
-- Tries:  a timer that keeps more each time
-- Phase:  timer
-- Expect: memory
-- Match:  not enough memory
local hostile = require "hostile"
local t = {}
every(0.001, function() for i = 1, 100 do t[#t + 1] = ("x"):rep(9000 + #t) end end)
hostile.filter("after", function(p) return true end)
