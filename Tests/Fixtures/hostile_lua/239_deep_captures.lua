-- 239 deep captures
-- Tries:  patterns with too many captures and levels
-- Phase:  load
-- Expect: ok
local hostile = require "hostile"
local long = ("a"):rep(60000)
for pattern, message in pairs { [("()"):rep(33)] = "too many captures", [("("):rep(33)] = "too many captures", [("a?"):rep(1000)] = "too complex",
  [("(a"):rep(20) .. "%20"] = "invalid", ["%1"] = "invalid capture", ["(%1)"] = "invalid capture", ["(()"] = "unfinished", ["[" .. ("a"):rep(9999)] = "malformed",
  ["%f"] = "missing", ["%b"] = "malformed", ["%"] = "malformed" } do
  local ok, e = pcall(string.find, long, pattern)
  assert(not ok and e:find(message, 1, true), pattern:sub(1, 20) .. ": " .. tostring(e))
end
assert(select("#", long:find(("()"):rep(32))) == 34)
hostile.filter("after", function(p) return true end)
