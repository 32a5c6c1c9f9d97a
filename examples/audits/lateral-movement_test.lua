-- audit: lateral-movement.lua
-- inventory: configurations/shop.json

local function keys(found)
  local list = {}
  for _, each in ipairs(found) do list[#list + 1] = each.key end
  return list
end

test("a web server that opens SSH to a database", function()
  expect(keys(findings "captures/lateral-movement-bad.pcap")):equals {
    "10.20.1.11 10.20.3.4 tcp 22",
  }
end)

test("passes over what is in order", function()
  expect(findings "captures/lateral-movement-good.pcap"):equals {}
end)
