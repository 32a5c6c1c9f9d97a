-- audit: mirror-filters.lua
-- inventory: configurations/shop.json
-- mirrors: configurations/mirrors-bad.json

test("a filter that nothing meets, one that collects halves", function()
  local found = findings()
  expect(#found):equals(2)
  expect(found[1].key):matches("^filter%.unsatisfiable never")
  expect(found[2].key):matches("^filter%.one%-sided db%-queries")
end)
