-- 235 error values
-- Tries:  errors that are no text
-- Phase:  filter
-- Expect: runtime
-- Match:  the error value is a|42|1.5
local hostile = require "hostile"
local i = 0
hostile.filter("values", function(p)
  i = i % 12 + 1
  error(({ {}, print, filter.any, true, 42, 1.5, p, p.flow, mirrors, p.flow.state, function() end })[i])
end)
