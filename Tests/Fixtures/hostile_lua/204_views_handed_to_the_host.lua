-- 204 views handed to the host
-- Tries:  give a packet that is gone to every host function that takes values
-- Phase:  filter
-- Expect: ok
local hostile = require "hostile"
local nets, words, old = set.cidrs { "10.0.0.0/8" }, set.strings { "x" }
local uses = {
  function(v) return tostring(v) end, function(v) print(v) end, function(v) log.info(v) end,
  function(v) return shared:set("k", v) end, function(v) return nets:contains(v) end,
  function(v) return words:contains(v) end, function(v) return v:source_in(nets) end,
  function(v) return ("%s"):format(v) end, function(v) return inventory.eni(v) end,
  function(v) return mirrors[v] end, function(v) return v .. "" end, function(v) return v < v end,
  function(v) return ("x"):gsub("x", v) end, function(v) log.info({ v }) end,
}
hostile.filter("user", function(p)
  if old then
    for i, use in ipairs(uses) do if pcall(use, old) then error("use " .. i .. " of a packet that is gone") end end
  end
  old = p
  return true
end)
