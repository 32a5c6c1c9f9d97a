-- 247 pcall after fatal
-- Tries:  hundreds of pcalls around one another, each of which goes on when the innermost is ended
-- Phase:  filter
-- Expect: cpu
-- Match:  CPU budget
local hostile = require "hostile"
local function nest(n) if n == 0 then while true do end end local ok = pcall(nest, n - 1) while true do pcall(print, ok) end end
hostile.filter("nest", function(p) nest(150) return true end)
