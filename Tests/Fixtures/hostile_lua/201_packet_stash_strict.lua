-- 201 packet stash, strictly
-- Tries:  keep the packet and read it while another packet is being judged
-- Phase:  filter
-- Expect: ok
-- Host:   every access to a kept view raises: it reads neither memory that is gone nor the packet now judged
local hostile = require "hostile"
local old
hostile.filter("stash", function(p)
  if not old then old = p return true end
  if rawequal(old, p) then error("the packet that is gone is lent again") end
  local read, v = pcall(function() return old.source_port end)
  if read then error("read a packet that is gone: " .. tostring(v)) end
  return true
end)
