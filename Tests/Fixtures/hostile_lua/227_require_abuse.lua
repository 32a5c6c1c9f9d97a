-- 227 require abuse
-- Tries:  thousands of modules that are not there, or fail, or have strange names
-- Phase:  load
-- Expect: runtime|cpu
-- Match:  at most 256 modules|budget|time limit
for _, name in ipairs { "", ".", "..", "a..b", "../x", "/etc/passwd", "a/b", "hostile.lua", "x\0y", ("x"):rep(201), "\u{202e}", 1, {}, print } do
  assert(not pcall(require, name), "loaded " .. tostring(name))
end
for i = 1, 20 do assert(not pcall(require, "modules.failing")) end
for i = 1, 1000 do pcall(require, "modules.none" .. i) end
local function deep(n) if n > 0 then return (("x"):gsub("x", function() deep(n - 1) require "modules.cycle_a" end)) end end
for i = 1, 20 do pcall(deep, 50) end
error("at most 256 modules were tried")
