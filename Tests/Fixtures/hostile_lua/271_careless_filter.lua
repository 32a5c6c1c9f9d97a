-- 271 careless filter
-- Tries:  read a TCP header where there is none
-- Phase:  filter
-- Expect: runtime
-- Match:  attempt to index a nil value (field 'icmp')
local hostile = require "hostile"
hostile.filter("careless", function(p) return p.icmp.type == 8 end)
