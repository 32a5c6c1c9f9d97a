-- inventory: inventory.json

local ids = mirrors["web-to-ids"]
local web, client = "10.20.1.11", "198.51.100.7"

local function out(more)
  local fields = {
    source = web, source_port = 80, destination = client, destination_port = 5000, direction = "out", flags = ".",
  }
  for key, value in pairs(more or {}) do fields[key] = value end
  return packet.tcp(fields)
end

test("web traffic is collected, pings are not", function()
  expect(ids:judge(out())).reason:equals("collected")
  expect(ids:judge(packet.icmp { source = web, destination = client, direction = "out" })).reason:equals("filtered")
end)

test("other hosts are out of range", function()
  expect(ids:judge(packet.tcp { source = "10.20.1.21", destination = client, direction = "out" })).reason
    :equals("out-of-range")
end)
