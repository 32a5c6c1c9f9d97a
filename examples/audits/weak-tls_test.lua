-- audit: weak-tls.lua
-- inventory: configurations/shop.json

local function keys(found)
  local list = {}
  for _, each in ipairs(found) do list[#list + 1] = each.key end
  return list
end

test("an old version and an old cipher suite", function()
  expect(keys(findings "captures/weak-tls-bad.pcap")):equals {
    "cipher old.example 0005",
    "version old.example",
  }
end)

test("passes over what is in order", function()
  expect(findings "captures/weak-tls-good.pcap"):equals {}
end)
