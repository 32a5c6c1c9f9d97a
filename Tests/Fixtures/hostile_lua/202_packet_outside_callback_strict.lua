-- 202 packet outside callback, strictly
-- Tries:  keep the packet and read it in another callback, or when no packet is being judged
-- Phase:  filter
-- Expect: stale
-- Match:  used outside its callback
-- Host:   reading a view outside its callback raises
local hostile = require "hostile"
local old
hostile.balancer("later", function(p, receivers) old = old or p return 1 end)
hostile.filter("never", function(p) return old == nil or old.destination_port == 1 end)
if every then every(1, function() return old.destination_port end) end
