-- 229 files
-- Tries:  read anything but plain files of the policy's own folder
-- Phase:  load
-- Expect: ok
local hostile = require "hostile"
for _, path in ipairs { "", ".", "..", "/", "/etc/passwd", "/dev/zero", "../hostile_lua/hostile.lua", "modules", "modules/", "modules/../hostile.lua",
  "./hostile.lua", "modules//failing.lua", "hostile.lua\0", "hostile.lua/", "\27[2J", ("a/"):rep(5000) .. "b", ("a"):rep(300), "no\nfile", 7, {} } do
  local ok, message = pcall(set.load, path)
  assert(not ok, "loaded " .. tostring(path))
  assert(not message:find("root:", 1, true) and not message:find("[\0-\31]") and #message < 1100)
end
for _, kind in ipairs { "", "CIDRS", "\27", {}, 1 } do assert(not pcall(set.load, "hostile.lua", kind)) end
local ok, message = pcall(set.load, "hostile.lua")
assert(not ok and message:find("hostile.lua:1:", 1, true))
hostile.filter("after", function(p) return true end)
