-- audit: mirror-coverage.lua
-- inventory: configurations/shop.json
-- mirrors: configurations/mirrors-bad.json

test("network interfaces that no mirror collects wholly", function()
  local found = findings()
  expect(#found):equals(2)
  expect(found[1].key):matches("^eni%-db2")
  expect(found[2].key):matches("^eni%-db1")
end)
