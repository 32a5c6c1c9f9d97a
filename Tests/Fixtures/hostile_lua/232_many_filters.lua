-- 232 many filters
-- Tries:  65 filters
-- Phase:  load
-- Expect: runtime
-- Match:  at most 64 filters
for i = 1, 65 do filter.any() end
