-- 225 unknown keys
-- Tries:  thousands of keys that mean nothing
-- Phase:  load
-- Expect: invalid|runtime|cpu
-- Host:   what is wrong is said in bounded time and space
local t = {}
for i = 1, 2000 do t["key" .. i] = ("v"):rep(100) end
mirror(t)
