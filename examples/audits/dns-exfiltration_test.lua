-- audit: dns-exfiltration.lua
-- inventory: configurations/shop.json

local function keys(found)
  local list = {}
  for _, each in ipairs(found) do list[#list + 1] = each.key end
  return list
end

test("many long names below one domain", function()
  expect(keys(findings "captures/dns-exfiltration-bad.pcap")):equals {
    "10.20.1.11 tunnel.example",
  }
end)

test("passes over what is in order", function()
  expect(findings "captures/dns-exfiltration-good.pcap"):equals {}
end)
