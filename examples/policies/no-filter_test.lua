-- inventory: ../inventories/campus.json

local recorder = mirrors["laptop-recorder"]

test("everything of the laptop, whichever way", function()
  local laptop = "10.50.109.228"
  expect(recorder:judge(packet.udp { source = laptop, destination = "192.0.2.7" })).direction:equals("out")
  local answer = recorder:judge(packet.icmp { source = "192.0.2.7", destination = laptop, type = 0 })
  expect(answer).direction:equals("in")
  expect(answer).receiver:equals("10.50.9.20")
end)

test("ARP goes by the MAC", function()
  -- Who has 10.50.104.1? Tell 10.50.109.228.
  local question = packet.from_hex [[
    ffffffffffff a088b42cfaac 0806 0001 0800 06 04 0001 a088b42cfaac 0a326de4 000000000000 0a326801 ]]
  expect(recorder:judge(question)).reason:equals("collected")
end)

test("nothing of others, and nothing that the recorder sends", function()
  expect(recorder:judge(packet.udp { source = "10.50.104.100", destination = "192.0.2.7" })).reason
    :equals("out-of-range")
  expect(recorder:judge(packet.udp { source = "10.50.9.20", destination = "10.50.109.228" })).reason
    :equals("receiver")
end)
