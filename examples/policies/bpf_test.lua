-- inventory: ../inventories/campus.json

local wrong = mirrors["something-went-wrong"]
local laptop, site = "10.50.109.228", "192.0.2.7"

test("unreachable destinations are collected, pings are not", function()
  expect(wrong:judge(packet.icmp { source = site, destination = laptop, type = 3, code = 1 })).receiver
    :equals("10.50.9.20")
  expect(wrong:judge(packet.icmp { source = site, destination = laptop, type = 8 })).reason:equals("filtered")
end)

test("resets are collected, with or without an acknowledgement", function()
  for _, flags in ipairs { "R", "R." } do
    expect(wrong:judge(packet.tcp { source = site, destination = laptop, flags = flags })).reason:equals("collected")
  end
  for _, flags in ipairs { "S", "S.", "F.", "P." } do
    expect(wrong:judge(packet.tcp { source = site, destination = laptop, flags = flags })).reason:equals("filtered")
  end
end)

test("under a VLAN tag the expression sees nothing", function()
  expect(wrong:judge(packet.tcp { source = site, destination = laptop, flags = "R", vlan = 7 })).collected:is_false()
end)
