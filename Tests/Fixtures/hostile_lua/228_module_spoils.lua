-- 228 module spoils
-- Tries:  a module that takes the library apart, for everybody
-- Phase:  load
-- Expect: ok
local hostile = require "hostile"
local spoiler = require "modules.spoiler"
assert(leaked == nil and ("x"):rep(2) == "xx" and ("x"):upper() == "X" and pcall and tostring(1) == "1" and math.pi)
assert(spoiler.packet == 7 and require("modules.spoiler") ~= spoiler)
hostile.filter("after", function(p) return ("x"):upper() == "X" end)
