-- 259 where predicates
-- Tries:  predicates over network interfaces that fail, nest, or answer nonsense
-- Phase:  load
-- Expect: cpu
-- Match:  CPU budget
for _, f in ipairs { function() end, function() return 1 end, function() error({}) end, function(e) return e.nothing end, print, filter.any, 7 } do assert(not pcall(source.where, f)) end
local depth = 0
local function nest(eni) depth = depth + 1 if depth < 1000 then source.where(nest) end return true end
pcall(source.where, nest)
assert(depth > 20, depth)
for i = 1, 20 do pcall(source.where, function() pcall(source.where, function() error("x") end) return pcall(source.where, function() return true end) end) end
source.where(function(eni) while true do end end)
