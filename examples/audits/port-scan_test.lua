-- audit: port-scan.lua
-- inventory: configurations/shop.json

local function keys(found)
  local list = {}
  for _, each in ipairs(found) do list[#list + 1] = each.key end
  return list
end

test("many ports, none answers", function()
  expect(keys(findings "captures/port-scan-bad.pcap")):equals {
    "ports 10.20.9.5 10.20.3.4",
  }
end)

test("passes over what is in order", function()
  expect(findings "captures/port-scan-good.pcap"):equals {}
end)
