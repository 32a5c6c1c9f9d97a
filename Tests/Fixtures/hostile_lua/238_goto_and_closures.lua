-- 238 goto and closures
-- Tries:  loop by goto out of a block whose variables closures hold
-- Phase:  filter
-- Expect: cpu|memory
local hostile = require "hostile"
local f
hostile.filter("goto", function(p)
  ::again::
  do local a <const>, b = 1, f f = function() return a, b end if f then goto again end end
end)
