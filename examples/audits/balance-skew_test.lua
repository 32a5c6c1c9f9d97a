-- audit: balance-skew.lua
-- inventory: configurations/shop.json
-- mirrors: configurations/mirrors-good.json

local function keys(found)
  local list = {}
  for _, each in ipairs(found) do list[#list + 1] = each.key end
  return list
end

test("receivers that get unequal shares", function()
  expect(keys(findings "captures/balance-skew-bad.pcap")):equals {
    "https-to-ids",
  }
end)

test("passes over what is in order", function()
  expect(findings "captures/balance-skew-good.pcap"):equals {}
end)
