-- 214 balancer answers
-- Tries:  every wrong answer of a balancer in turn
-- Phase:  balancer
-- Expect: verdict
-- Match:  not among the receivers|must return|not a receiver's address
local hostile = require "hostile"
local answers = { 0, -1, 3, 2^63, -2^63, 0/0, 1/0, 1.5, math.mininteger, math.maxinteger, "", "1", "10.99.0.12", "\27[2J", ("x"):rep(1 << 20),
  true, false, print, filter, mirrors, inventory }
local i = 0
hostile.balancer("wrong", function(p, receivers)
  i = i % (#answers + 3) + 1
  if i > #answers then return ({ p, receivers, p.flow })[i - #answers] end
  return answers[i]
end)
