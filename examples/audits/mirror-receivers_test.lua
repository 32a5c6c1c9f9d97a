-- audit: mirror-receivers.lua
-- inventory: configurations/shop.json
-- mirrors: configurations/mirrors-bad.json

test("receivers that cannot be reached", function()
  local found = findings()
  expect(#found):equals(2)
  expect(found[1].key):matches("^receivers%.no%-route far%-away")
  expect(found[2].key):matches("^receivers%.other%-vpc far%-away")
end)
