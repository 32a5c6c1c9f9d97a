-- 274 floods
-- Tries:  flood output and log with what controls a terminal, at every packet
-- Phase:  filter
-- Expect: ok | cpu
local hostile = require "hostile"
hostile.filter("flood", function(p)
  for i = 1, 40 do
    print("\27[2J\27]0;title\7\r\n\xff\u{202e}" .. i, "\0", ("y"):rep(2000))
    log.error("\27[31m\r\n2026-01-01 error: forged\0\u{2066}", ("z"):rep(2000), i)
  end
  return true
end)
