-- 207 table changed in pairs
-- Tries:  add keys to a table while it is walked
-- Phase:  filter
-- Expect: memory|cpu|runtime|ok
local hostile = require "hostile"
hostile.filter("grow", function(p)
  local t = { a = 1, b = 2, c = 3 }
  for k in pairs(t) do t[k .. "x"], t[#t + 1], t[k] = 1, k, nil end
  for k in pairs(t) do t[k] = nil t[t] = t end
  return true
end)
