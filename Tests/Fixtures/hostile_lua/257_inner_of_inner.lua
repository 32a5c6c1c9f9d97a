-- 257 inner of inner
-- Tries:  look into tunnels without end, at the same level twice, and back
-- Phase:  filter
-- Expect: ok
local hostile = require "hostile"
hostile.filter("inner", function(p)
  local at, depth = p, 0
  while at and depth < 100 do
    assert(at.payload and at.length >= 0 and tostring(at) and at:hex())
    assert(at == p or at.flow == nil and at.eni == nil and at.direction == nil and at.next_hop == nil)
    at, depth = at.inner, depth + 1
  end
  assert(depth < 10 and (p.inner == nil or p.inner.source == p.inner.source and rawequal(p.inner, p.inner)))
  return true
end)
