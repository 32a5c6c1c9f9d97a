-- 277 wrong keys
-- Tries:  every key of mirror{} with every kind of value
-- Phase:  load
-- Expect: ok
local hostile = require "hostile"
local values = { 0, -1, 1.5, 0/0, "", "\0\27[2J", ("x"):rep(5000), true, {}, { {} }, { 1, 2 }, { x = {} }, print, function() end, filter.any(), source.vpc(), balance.even(), shared, mirrors, inventory }
local from, to, accepted = source.vpc(), target.receivers "10.99.0.10", 0
for _, key in ipairs { "name", "vpc", "region", "source", "direction", "filter", "target", "balance", "copies", "enabled", "tags", "on_error", "description", "x", 1 } do
  for _, value in ipairs(values) do
    local fields = { name = "m", vpc = "vpc-lab", source = from, target = to }
    fields[key] = value
    local ok, e = pcall(mirror, fields)
    if not ok then assert(type(e) == "string" and not e:find("[\0-\31]"), key) else accepted = accepted + 1 end
  end
end
assert(accepted <= 5)
for _, args in ipairs { {}, { 1 }, { "x" }, { print }, { {}, {} } } do assert(not pcall(mirror, table.unpack(args))) end
