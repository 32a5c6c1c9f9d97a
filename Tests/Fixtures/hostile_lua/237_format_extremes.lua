-- 237 format extremes
-- Tries:  every verb with every width, flag and value
-- Phase:  load
-- Expect: ok|cpu|memory
local hostile = require "hostile"
local values = { 0, -1, 1/0, 0/0, -0.0, 1e308, math.mininteger, "", ("x"):rep(2000), "\0\xff\27", true, {}, print, filter }
for verb in ("diuxXocaAeEfFgGsqpnlzj%"):gmatch "." do
  for _, spec in ipairs { "", "99", "100", "-99.99", "099.99", "#+ -099", ".99", "*", "1$", "99999999999", ".99999999", "ll", "\0" } do
    for _, v in ipairs(values) do pcall(string.format, "%" .. spec .. verb, v, v, v) end
  end
end
assert(not pcall(string.format, "%", 1) and not pcall(string.format, "%d") and not pcall(string.format, ("%99.99f"):rep(300), 1))
hostile.filter("after", function(p) return true end)
