-- audit: expired-certificate.lua
-- inventory: configurations/shop.json

local function keys(found)
  local list = {}
  for _, each in ipairs(found) do list[#list + 1] = each.key end
  return list
end

test("a certificate that had expired", function()
  expect(keys(findings "captures/expired-certificate-bad.pcap")):equals {
    "192.0.2.9 old.example",
  }
end)

test("passes over what is in order", function()
  expect(findings "captures/expired-certificate-good.pcap"):equals {}
end)
