-- 230 nested filters
-- Tries:  a filter of 10,000 levels
-- Phase:  load
-- Expect: runtime
-- Match:  at most
local f = filter.any()
for i = 1, 10000 do f = ~f end
