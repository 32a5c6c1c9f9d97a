-- audit: mirror-rules.lua
-- inventory: configurations/shop.json
-- mirrors: configurations/mirrors-bad.json

test("a direction that is none", function()
  local found = findings()
  expect(#found):equals(1)
  expect(found[1].key):matches("^direction%.unknown sideways")
end)
