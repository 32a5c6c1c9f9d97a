-- 208 shared extremes
-- Tries:  keys, values, sums and times of shared at and beyond their bounds
-- Phase:  load
-- Expect: ok
local hostile = require "hostile"
for _, key in ipairs { "", ("k"):rep(257), 1, 1.5, true, {}, print, filter, 0/0 } do
  assert(not pcall(shared.set, shared, key, 1) and not pcall(shared.get, shared, key) and not pcall(shared.add, shared, key, 1))
end
for _, value in ipairs { {}, print, filter.any, shared, ("v"):rep(4097) } do assert(not pcall(shared.set, shared, "k", value)) end
for _, seconds in ipairs { 0, -1, 0/0, 1/0, -1/0, 1e10, math.maxinteger, math.mininteger, "x", {} } do
  assert(not pcall(shared.set, shared, "k", 1, seconds), "accepted " .. tostring(seconds))
end
shared:set(("k"):rep(256), ("v"):rep(4096), 1e9)
shared:set("\0\xff", "\0\xff") assert(shared:get("\0\xff") == "\0\xff")
shared:set("n", math.maxinteger) assert(shared:add("n", 1) == math.mininteger)
shared:set("f", 1.7e308) assert(shared:add("f", 1.7e308) == 1/0)
shared:set("q", 0/0) local q = shared:get("q") assert(q ~= q)
assert(not pcall(shared.add, shared, "\0\xff", 1) and not pcall(shared.add, shared, "new", "1") and not pcall(shared.add, shared, "new", true))
assert(not pcall(shared.get, {}, "k") and not pcall(shared.get, nil, "k") and not pcall(shared.get))
hostile.filter("after", function(p) return shared:get("n") == math.mininteger end)
