-- 210 timer raises
-- Tries:  a timer that fails whenever it runs
-- Phase:  timer
-- Expect: runtime
-- Match:  no timer today
local hostile = require "hostile"
every(0.001, function() error("no timer today") end)
hostile.filter("after", function(p) return true end)
