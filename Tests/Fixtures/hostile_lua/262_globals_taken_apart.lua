-- 262 globals taken apart
-- Tries:  leave nothing of the library, then go on
-- Phase:  filter
-- Expect: ok
local hostile = require "hostile"
local bytes = ("x").byte
hostile.filter("bare", function(p)
  return p.length > 0 and bytes("x") == 120 and ("x"):rep(2) == "xx" and p.source ~= nil and #p.payload >= 0 and p.flow.packets > 0
end)
for k in pairs(string) do string[k] = nil end
for k in pairs(table) do table[k] = nil end
local next, globals = next, _G
for k in next, globals do globals[k] = nil end
