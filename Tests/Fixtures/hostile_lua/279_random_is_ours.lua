-- 279 random is ours
-- Tries:  intervals at the ends of the integers, and a million numbers
-- Phase:  load
-- Expect: cpu
-- Match:  CPU budget
local random, max, min = math.random, math.maxinteger, math.mininteger
assert(random(min, max) and random(max, max) == max and random(min, min) == min and random(max) >= 1 and random(0))
for _, args in ipairs { { 2, 1 }, { max, min }, { -1 }, { 1.5 }, { 0/0 }, { 1, 2, 3 }, { "x" }, { {} } } do assert(not pcall(random, table.unpack(args))) end
while true do random(min, max) random() end
