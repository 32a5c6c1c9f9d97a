-- audit: mirror-filters.lua
-- inventory: configurations/shop.json
-- mirrors: configurations/mirrors-good.json

test("passes over mirrors that are in order", function()
  expect(findings()):equals {}
end)
