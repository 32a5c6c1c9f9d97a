-- 260 changes in a filter
-- Tries:  declare, change and delete mirrors while a packet is judged
-- Phase:  filter
-- Expect: runtime
-- Match:  packets are judged|while the policy loads
local hostile = require "hostile"
hostile.filter("changer", function(p)
  for _, name in ipairs { "disable", "enable", "delete", "modify", "tag", "untag" } do
    local found, method = pcall(function() return mirrors.changer[name] end)
    if found and pcall(method, mirrors.changer, {}) then return "changed by " .. name end
  end
  if mirrors.reload and pcall(mirrors.reload, mirrors) then return true end
  assert(not pcall(mirror, { name = "late" }) and not pcall(filter.any) and not pcall(every, 1, print))
  mirrors.changer:disable()
end)
