-- 223 deep tables
-- Tries:  a table of 10,000 levels to the host
-- Phase:  load
-- Expect: runtime
-- Match:  nested too deeply
local t = {}
for i = 1, 10000 do t = { t, x = t } end
for _, f in ipairs { set.cidrs, filter.quintuple, filter.all, target.receivers, balance.weighted, packet.tcp, log.info } do assert(not pcall(f, t)) end
mirror(t)
