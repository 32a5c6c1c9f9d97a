-- audit: arp-spoofing.lua
-- inventory: configurations/shop.json

local function keys(found)
  local list = {}
  for _, each in ipairs(found) do list[#list + 1] = each.key end
  return list
end

test("one address, two MACs", function()
  expect(keys(findings "captures/arp-spoofing-bad.pcap")):equals {
    "10.20.1.11 02:00:0a:14:01:0c",
  }
end)

test("passes over what is in order", function()
  expect(findings "captures/arp-spoofing-good.pcap"):equals {}
end)
