-- 256 payload extremes
-- Tries:  positions of the payload outside of it
-- Phase:  filter
-- Expect: ok
local hostile = require "hostile"
local positions = { math.maxinteger, math.mininteger, 0, -1, 1 << 32, 2^53, 1e15 }
hostile.filter("payload", function(p)
  local view = p.payload
  local n = #view
  for _, at in ipairs { n, n + 1, n - 1, n + 2, table.unpack(positions) } do
    for _, f in ipairs { view.byte, view.u16, view.u32 } do
      local v = f(view, at)
      assert(v == nil or at >= 1 and at <= n, at)
    end
    assert(#view:sub(at) <= n and #view:sub(at, at) <= 1 and #view:sub(math.mininteger, at) <= n)
    local found = view:find("", at) assert(found == nil or found <= n + 1)
  end
  for _, bad in ipairs { 1.5, 0/0, 1/0, "x", {}, true } do assert(not pcall(view.byte, view, bad) and not pcall(view.sub, view, bad)) end
  assert(not pcall(view.byte) and not pcall(view.byte, {}, 1) and not pcall(view.find, view) and not pcall(function() view[1] = 2 end) and not pcall(function() return view[1] end))
  assert(view:find(("x"):rep(5000)) == nil and not view:starts(("x"):rep(5000)) and view:starts("") and view:sub(1, -1) == view:sub(1))
  return true
end)
