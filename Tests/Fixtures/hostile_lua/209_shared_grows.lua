-- 209 shared grows
-- Tries:  fill shared with short values, then make each of them long
-- Phase:  load
-- Expect: runtime|cpu
-- Match:  full|budget
for i = 1, 60000 do shared:set("k" .. i, 1) end
local long = ("v"):rep(4096)
for i = 1, 60000 do shared:set("k" .. i, long) end
