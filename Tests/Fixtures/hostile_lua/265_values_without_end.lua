-- 265 values without end
-- Tries:  pass hundreds of thousands of values from function to function
-- Phase:  load
-- Expect: memory|cpu|runtime
local s = ("x"):rep(150000)
local function f(...) return ... end
while true do f(f(f(f(s:byte(1, -1))))) select("#", f(s:byte(1, -1))) end
