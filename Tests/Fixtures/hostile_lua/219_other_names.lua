-- 219 other names
-- Tries:  names of filters, balancers and counters that are empty, long, or control a terminal
-- Phase:  load
-- Expect: ok
local hostile = require "hostile"
local f = function() return true end
for _, name in ipairs { "", ("n"):rep(61), "\27[2J", "a\nb", "\0", "\u{202e}x", 7, {}, true } do
  assert(not pcall(filter.when, name, f), "filter " .. tostring(name))
  assert(not pcall(balance.with, name, f), "balance " .. tostring(name))
  assert(not pcall(counter, name) and not pcall(gauge, name), "counter " .. tostring(name))
end
for _, name in ipairs { "1x", "A", "a-b", "a b", "\u{e9}", "a{b=\"c\"}" } do assert(not pcall(counter, name), name) end
counter("x") assert(not pcall(gauge, "x"))
hostile.filter("after", filter.when(("\u{e9}"):rep(60), f))
