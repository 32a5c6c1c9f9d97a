-- 263 namespaces written
-- Tries:  change what the host put into the globals, for itself or for others
-- Phase:  load
-- Expect: ok
local hostile = require "hostile"
local real = filter.any
for _, space in ipairs { filter, source, target, balance, set, log, policy, inventory, packet, policy.args } do
  for _, key in ipairs { "any", "x", 1, print } do
    assert(not pcall(function() space[key] = print end) and not pcall(table.insert, space, 1) and not pcall(table.sort, space) and not pcall(table.move, { 1 }, 1, 1, 1, space))
  end
  pcall(function() for k in pairs(space) do space[k] = nil end end)
end
assert(filter.any == real and policy.args.x == nil and not pcall(function() return filter.x end))
assert(not pcall(function() ("x").y = 1 end) and ("x").y == nil)
string.rep = function() error("mine") end
assert(("x"):rep(2) == "xx")
hostile.filter("after", function(p) return filter.any == real end)
