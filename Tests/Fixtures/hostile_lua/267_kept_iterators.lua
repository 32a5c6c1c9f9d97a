-- 267 kept iterators
-- Tries:  keep iterators, call them with anything and out of order
-- Phase:  filter
-- Expect: ok
local hostile = require "hostile"
local words = ("a b c"):rep(100):gmatch("%a")
local step, list = pairs(inventory.vpcs)
local codes, text = utf8.codes("\u{20ac}x")
local each, each_list = pairs(mirrors)
hostile.filter("iterators", function(p)
  words() words(1, 2, 3) step() step(1, 2) step(p) each(p, p) each()
  pcall(codes, text, math.maxinteger) pcall(codes, 7, {}) pcall(codes) pcall(next, p) pcall(ipairs, p) pcall(ipairs)
  assert(not pcall(pairs, p) and not pcall(pairs, p.flow) and not pcall(pairs, filter.any))
  return true
end)
