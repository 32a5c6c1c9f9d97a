-- 240 sort orders
-- Tries:  orders that contradict themselves, fail, change the table or sort it again
-- Phase:  load
-- Expect: ok
local hostile = require "hostile"
local function list() local t = {} for i = 1, 200 do t[i] = i * 7919 % 211 end return t end
for _, order in ipairs { function() return true end, function() return math.random() < 0.5 end, function(a, b) return a <= b end, function() return nil end } do
  local t = list() table.sort(t, order) assert(#t == 200)
end
local t = list() table.sort(t, function(a, b) t[1], t[200], t[500] = "x", nil, 1 return a < b end)
t = list() assert(not pcall(table.sort, t, function(a, b) error("no order") end))
t = list() table.sort(t, function(a, b) if a == b then table.sort(t) end return a < b end)
for _, bad in ipairs { { 1, "x" }, { {}, {} }, { true, false }, { filter.any(), filter.any() } } do assert(not pcall(table.sort, bad)) end
assert(not pcall(table.sort, {}, 1) and not pcall(table.sort, filter) and not pcall(table.sort, "x"))
hostile.filter("after", function(p) return true end)
