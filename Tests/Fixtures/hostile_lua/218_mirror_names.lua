-- 218 mirror names
-- Tries:  names of mirrors with control characters, marks that turn text round, zeros and broken UTF-8; 60 wide characters
-- Phase:  load
-- Expect: ok|invalid
-- Host:   nothing of them reaches a terminal as it is
local hostile = require "hostile"
local yes = function(p) return true end
for _, name in ipairs { "\27[2J\27]0;x\7", "a\nb: error: forged", "a\0b", "\u{202e}txt.exe\u{2066}", "\xff\xfe\x80" } do pcall(hostile.filter, name, yes) end
pcall(hostile.filter, ("\u{1F600}"):rep(60), yes)
assert(not pcall(hostile.filter, ("\u{1F600}"):rep(61), yes) and not pcall(hostile.filter, "", yes))
