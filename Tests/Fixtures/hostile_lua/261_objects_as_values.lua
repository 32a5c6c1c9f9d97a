-- 261 objects as values
-- Tries:  use host objects as texts, numbers, tables and functions
-- Phase:  filter
-- Expect: ok
local hostile = require "hostile"
local objects = { filter.any(), source.vpc(), mirrors, shared, counter("c"), set.ports { 1 }, inventory.vpcs }
local uses = { function(o) return o + 1 end, function(o) return o .. "x" end, function(o) return o < o end, function(o) return o() end, function(o) o.x = 1 end,
  function(o) o[1] = 1 end, function(o) return ("x"):gsub("x", o) end, function(o) return table.concat { o } end, function(o) return table.unpack(o) end,
  function(o) return next(o) end, function(o) return rawlen(o) end, function(o) for i = 1, o do end end, function(o) return ("x"):rep(o) end, function(o) return o // o end,
  function(o) return -o end, function(o) return o << 1 end, function(o) return math.floor(o) end, function(o) return tonumber(o, 10) end, function(o) table.insert(o, 1) end }
local function try(o) for i, use in ipairs(uses) do assert(not pcall(use, o), i .. " of " .. tostring(o)) end end
for _, o in ipairs(objects) do try(o) end
hostile.filter("after", function(p) try(p) try(p.flow) return true end)
