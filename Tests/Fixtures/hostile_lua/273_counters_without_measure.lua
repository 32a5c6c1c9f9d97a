-- 273 counters without measure
-- Tries:  count to infinity, back, and by what is no number
-- Phase:  filter
-- Expect: ok
local hostile = require "hostile"
local c, g = counter("c"), gauge("g")
for _, n in ipairs { -1, 0/0, 1/0, -1/0, "x", {}, true, print } do assert(not pcall(c.add, c, n) and (n == -1 or not pcall(g.set, g, n)), tostring(n)) end
c:add(1.7e308) assert(not pcall(c.add, c, 1.7e308)) g:set(-1.7e308) assert(not pcall(g.add, g, -1.7e308))
assert(not pcall(c.add) and not pcall(c.add, g, 1) and not pcall(function() c.value = 1 end) and not pcall(function() return c.set end))
hostile.filter("after", function(p) g:set(5e-324) return c.value > 1 end)
