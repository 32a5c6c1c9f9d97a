-- 217 receiver handles
-- Tries:  keep receivers, use them elsewhere, change them, compare them
-- Phase:  balancer
-- Expect: ok
local hostile = require "hostile"
local old
hostile.balancer("keeper", function(p, receivers)
  local r = receivers[1]
  assert(r.index == 1 and r.address == "10.99.0.10" and tostring(r) == r.address)
  assert(not pcall(function() r.index = 2 end) and not pcall(function() return r.nothing end) and not pcall(function() return r < r end))
  assert(not pcall(function() return r .. "" end) and not pcall(function() return r() end) and not pcall(function() return #r end))
  assert(old == nil or old == r)
  old = r
  return old
end)
