-- inventory: ../inventories/campus.json

local watch = mirrors["watch-list"]
local laptop = "10.50.109.228"

local function out(to, port)
  return packet.tcp {
    source = laptop, source_port = 5000, destination = to, destination_port = port, direction = "out",
  }
end

test("networks on the list are watched, to and from", function()
  for _, address in ipairs { "178.60.128.1", "216.58.223.255", "207.46.11.202" } do
    expect(watch:judge(out(address, 443))).receiver:equals("10.50.9.20")
    local back = packet.tcp { source = address, source_port = 443, destination = laptop, destination_port = 5000 }
    expect(watch:judge(back)).reason:equals("collected")
  end
end)

test("their neighbours are not", function()
  for _, address in ipairs { "178.60.129.1", "216.58.224.0", "207.46.11.203" } do
    expect(watch:judge(out(address, 443))).reason:equals("filtered")
  end
end)

test("ports of no interest are left out", function()
  for _, port in ipairs { 53, 123, 137, 138 } do
    expect(watch:judge(out("178.60.128.1", port))).reason:equals("filtered")
  end
  expect(watch:judge(out("178.60.128.1", 139))).reason:equals("collected")
end)

test("the port that it comes from does not matter", function()
  local answer = { source = "178.60.128.1", source_port = 53, destination = laptop, destination_port = 5000 }
  expect(watch:judge(packet.udp(answer))).reason:equals("collected")
end)

test("packets without ports are watched too", function()
  expect(watch:judge(packet.icmp { source = laptop, destination = "178.60.128.1" })).reason:equals("collected")
end)
