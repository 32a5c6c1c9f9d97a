-- 231 doubled filters
-- Tries:  a filter that doubles: 2^60 parts
-- Phase:  load
-- Expect: runtime
-- Match:  at most 256 parts
local f = filter.any() & function(p) return true end
for i = 1, 60 do f = f & ~f | filter.all { f, f } end
