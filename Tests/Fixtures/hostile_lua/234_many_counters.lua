-- 234 many counters
-- Tries:  257 counters and gauges
-- Phase:  load
-- Expect: runtime
-- Match:  at most 256
for i = 1, 257 do (i % 2 == 0 and counter or gauge)("c" .. i) end
