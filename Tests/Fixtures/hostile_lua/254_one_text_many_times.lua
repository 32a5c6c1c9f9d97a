-- 254 one text many times
-- Tries:  a list that holds one mebibyte 3,000 times: 3 GB for whoever copies it
-- Phase:  load
-- Expect: runtime|cpu
-- Match:  too much text|CPU budget
local s, t = ("x"):rep(1 << 20), {}
for i = 1, 3000 do t[i] = s end
for _, f in ipairs { set.strings, set.cidrs, set.ports, filter.quintuple, target.receivers, balance.weighted, log.info } do assert(not pcall(f, t)) end
for i = 1, 100 do t[i + 250] = nil end
assert(not pcall(log.info, table.unpack(t, 1, 200)) and not pcall(source.subnet, table.unpack(t, 1, 200)))
mirror(t)
