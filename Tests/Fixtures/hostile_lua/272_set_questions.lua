-- 272 set questions
-- Tries:  ask sets for everything that is no member
-- Phase:  filter
-- Expect: ok
local hostile = require "hostile"
local nets, ports, words = set.cidrs { "10.0.0.0/8" }, set.ports { 80 }, set.strings { "x" }
for _, v in ipairs { 0/0, 1/0, 1e308, -1, math.mininteger, 1.5, "", "\0", "x\0", ("9"):rep(9999), true, {}, print, nets, filter } do
  for _, s in ipairs { nets, ports, words } do local ok, found = pcall(s.contains, s, v) assert(not ok or found == false, tostring(v)) end
end
assert(not pcall(nets.contains) and not pcall(nets.contains, {}, "10.0.0.1") and not pcall(function() nets.x = 1 end) and not pcall(function() return nets[1] end))
hostile.filter("asks", function(p)
  for _, v in ipairs { ports, words, nets.contains, p, "10.0.0.0/8", 1, {} } do assert(not pcall(p.source_in, p, v) and not pcall(p.destination_in, p, v)) end
  assert(not pcall(p.source_in, p) and not pcall(p.source_in, nets, p) and not pcall(p.source_in))
  return p:source_in(nets) == nets:contains(p.source)
end)
