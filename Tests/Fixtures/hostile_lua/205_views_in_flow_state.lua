-- 205 views in flow.state
-- Tries:  keep the packet in the table that lives as long as its conversation
-- Phase:  filter
-- Expect: ok
local hostile = require "hostile"
hostile.filter("state", function(p)
  local state = p.flow.state
  for k, v in pairs(state) do
    if pcall(function() return v.length end) or k ~= "packet" and pcall(function() return k.length end) then error("a packet lives on") end
  end
  state[p], state.packet = p, p
  return true
end)
