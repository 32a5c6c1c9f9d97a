-- audit: nat-egress.lua
-- inventory: configurations/shop.json

local function keys(found)
  local list = {}
  for _, each in ipairs(found) do list[#list + 1] = each.key end
  return list
end

test("IRC through the gateway", function()
  expect(keys(findings "captures/nat-egress-bad.pcap")):equals {
    "eni-app1 tcp 6667",
  }
end)

test("passes over what is in order", function()
  expect(findings "captures/nat-egress-good.pcap"):equals {}
end)

test("the allowed ports are a setting", function()
  local function out(port)
    return packet.tcp { source = "10.20.2.11", source_port = 4000, destination = "192.0.2.7", destination_port = port }
  end
  expect(findings(out(443), out(53))):equals {}
  local found = findings(out(8443), out(8443))
  expect(#found):equals(1)
  expect(found[1].count):equals(2)
  expect(found[1].details.port):equals(8443)
end)
