-- 206 sets of anything
-- Tries:  members of every wrong type, nested tables, holes, names, too many
-- Phase:  load
-- Expect: ok
local hostile = require "hostile"
local nested = {} for i = 1, 10 do nested = { nested } end
local bad = { { {} }, nested, { true }, { print }, { 1.5 }, { 0/0 }, { 1/0 }, { -1 }, { 65536 }, { 1 << 53 }, { x = 1 },
  { [3] = "10.0.0.1" }, { "\0" }, { "10.0.0.0/33" }, { "::/129" }, { "5-4" }, { "1-2-3" }, { "-1" }, { "70000" }, { ("1"):rep(70000) },
  { "10.0.0.1\0" }, { "\xff" }, { inventory }, { filter } }
for i, list in ipairs(bad) do
  assert(not pcall(set.cidrs, list), "cidrs took " .. i)
  assert(not pcall(set.ports, list), "ports took " .. i)
end
for i, list in ipairs { { {} }, nested, { true }, { 1 }, { x = "y" }, { [2] = "z" } } do assert(not pcall(set.strings, list), i) end
assert(not pcall(set.cidrs) and not pcall(set.ports, "x") and not pcall(set.strings, print))
local members = { "a", "b" }
local s = set.strings(members)
members[1], members[3] = "c", "d"
assert(#s == 2 and s:contains("a") and not s:contains("d"), "a set changed with its list")
hostile.filter("after", function(p) return s:contains("b") end)
