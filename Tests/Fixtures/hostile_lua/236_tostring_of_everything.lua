-- 236 tostring of everything
-- Tries:  find an address in any text
-- Phase:  filter
-- Expect: ok
local hostile = require "hostile"
local function check(v)
  for _, text in ipairs { tostring(v), ("%s"):format(v), ("%.99s"):format(v), ("%50s"):format(v) } do
    assert(not text:find("0x", 1, true) and not text:find("%x%x%x%x%x%x%x%x%x"), text)
  end
  local _, e = pcall(function() return v + v end) assert(not tostring(e):find("0x", 1, true))
  _, e = pcall(function() return v.x.y.z end) assert(not tostring(e):find("0x", 1, true))
  assert(not pcall(string.format, "%p", v))
end
local values = { {}, print, check, filter, filter.any(), source.vpc(), target.receivers "10.99.0.10", balance.even(), mirrors, inventory, inventory.vpcs,
  inventory.vpcs["vpc-lab"], shared, counter("c"), gauge("g"), set.ports { 1 }, policy.args, _G, string }
for _, v in ipairs(values) do check(v) end
hostile.filter("views", function(p) for _, v in ipairs { p.flow, p.payload, p.flow.state, p.tcp or p.flow } do check(v) end return true end)
