-- 245 tointeger edges
-- Tries:  numbers and texts at the border of what is a whole number
-- Phase:  load
-- Expect: ok
local hostile = require "hostile"
for _, v in ipairs { 2^63, -2^63 - 1025, 0/0, 1/0, -1/0, 1.5, 5e-324, "x", "", {}, print, true } do assert(not math.tointeger(v), tostring(v)) end
assert(math.tointeger(-2^63) == math.mininteger and math.tointeger(3.0) == 3 and tonumber("0x") == nil and tonumber("1e") == nil and tonumber("", 10) == nil)
assert(tonumber("9223372036854775808") == 2^63 and tonumber("0xffffffffffffffffff") == -1 and tonumber(("9"):rep(400)) == 1/0 and tonumber("inf") == nil and tonumber("nan") == nil)
for _, base in ipairs { 0, 1, 37, -1, math.maxinteger, 1.5, "x" } do assert(not pcall(tonumber, "1", base)) end
assert(tostring(1.5) == "1.5" and tonumber("1,5") == nil)
hostile.filter("after", function(p) return true end)
