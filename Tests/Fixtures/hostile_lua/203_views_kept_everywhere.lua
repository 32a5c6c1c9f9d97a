-- 203 views kept everywhere
-- Tries:  keep the packet and all that hangs on it in tables, keys, closures and globals, and read them at a later packet
-- Phase:  filter
-- Expect: ok
-- Host:   every read of every kept view raises
local hostile = require "hostile"
local kept = {}
local function keep(p)
  kept = { p, p.tcp or p, p.flow, p.payload, p.inner or p }
  kept[p], kept.f, last = true, function() return p.length, p.flow.packets, #p.payload end, p
end
local reads = {
  function(v) return v.length end, function(v) return v.source end, function(v) return v.packets end,
  function(v) return v.state end, function(v) return v.seq end, function(v) return v:byte(1) end,
  function(v) return v:sub(1, 2) end, function(v) return #v end, function(v) return v.payload end,
  function(v) return v.inner end, function(v) return v.nothing end, function(v) return v:hex() end,
}
hostile.filter("keeper", function(p)
  for _, v in ipairs(kept) do
    for i, read in ipairs(reads) do if pcall(read, v) then error("read " .. i .. " of a view that is gone") end end
  end
  if kept.f and (pcall(kept.f) or pcall(function() return last.length end)) then error("a closure's packet lives") end
  keep(p)
  return true
end)
