-- 216 receivers changed
-- Tries:  change the list of receivers that balancers get
-- Phase:  balancer
-- Expect: verdict
-- Match:  not among the receivers|not a receiver's address
local hostile = require "hostile"
hostile.balancer("vandal", function(p, receivers)
  while #receivers < 200 do receivers[#receivers + 1] = "10.99.0." .. #receivers end
  receivers[1], receivers[0], receivers.x = "nowhere", receivers, p
  return p.length % 2 == 0 and 150 or receivers[1]
end)
