-- 248 error on a full heap
-- Tries:  fill the heap to the last byte, then raise an error whose text needs memory
-- Phase:  filter
-- Expect: memory|runtime
-- Match:  not enough memory|no room
local hostile = require "hostile"
local t, n = {}, 0
for size = 15, 3, -1 do
  for i = 1, 200 do if n + (1 << size) < 7600000 then t[#t + 1] = ("x"):rep((1 << size) - 50 + i % 9) n = n + (1 << size) end end
end
hostile.filter("full", function(p)
  pcall(function() t[#t + 1] = ("y"):rep(2000 + #t) end)
  error("no room" .. ("!"):rep(3000) .. #t)
end)
