-- 222 eight mebibytes
-- Tries:  a text of 8 MiB
-- Phase:  load
-- Expect: memory
-- Match:  one text may have 2 MiB
local s = ("x"):rep(1 << 20)
s = s .. s .. s .. s .. s .. s .. s .. s
