-- 224 cyclic tables
-- Tries:  a table that holds itself to mirror{}
-- Phase:  load
-- Expect: runtime
-- Match:  nested too deeply
local t = { name = "x", vpc = "vpc-lab" }
t.tags, t[1], t.filter = t, t, { t, t, t }
for _, f in ipairs { set.strings, filter.none, filter.rules, source.subnet, log.warn } do assert(not pcall(f, t)) end
mirror(t)
