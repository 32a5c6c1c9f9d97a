-- 242 next with no key
-- Tries:  go on from a key that is not there, in tables of the script and of the host
-- Phase:  load
-- Expect: ok
local hostile = require "hostile"
for _, t in ipairs { {}, { 1, 2 }, { x = 1 }, filter, policy, _G } do
  for _, k in ipairs { "no such key", 99, 1.5, true, print, {} } do assert(not pcall(next, t, k) or type(k) == "number") end
end
assert(not pcall(next) and not pcall(next, 1) and not pcall(next, filter.any()) and not pcall(next, shared))
local seen = 0 for k in pairs(filter) do seen = seen + 1 end assert(seen > 8)
hostile.filter("after", function(p) return true end)
