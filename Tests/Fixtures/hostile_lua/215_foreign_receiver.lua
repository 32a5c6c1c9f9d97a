-- 215 foreign receiver
-- Tries:  answer with a receiver of another mirror
-- Phase:  balancer
-- Expect: verdict
-- Match:  another mirror's
local hostile = require "hostile"
local stolen
hostile.balancer("owner", function(p, receivers) stolen = receivers[2] return 1 end)
hostile.balancer("thief", function(p, receivers) return stolen end)
