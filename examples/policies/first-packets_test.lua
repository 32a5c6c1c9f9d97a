-- inventory: ../inventories/campus.json

local greetings = mirrors.greetings

local function packets(port)
  local there = { source = "10.50.109.228", source_port = port, destination = "192.0.2.7", destination_port = 443 }
  local back = { source = "192.0.2.7", source_port = 443, destination = "10.50.109.228", destination_port = port }
  return packet.tcp(there), packet.tcp(back)
end

test("five packets of a conversation, whichever way they go", function()
  local there, back = packets(5000)
  for _, each in ipairs { there, back, there, there, back } do
    expect(greetings:judge(each)).receiver:equals("10.50.9.20")
  end
  expect(greetings:judge(back)).reason:equals("filtered")
  expect(greetings:judge(there)).reason:equals("filtered")
end)

test("every conversation has its own five", function()
  local first, second = packets(5000), packets(5001)
  for _ = 1, 5 do greetings:judge(first) end
  expect(greetings:judge(first)).reason:equals("filtered")
  expect(greetings:judge(second)).reason:equals("collected")
end)

test("after a long silence it is a new conversation", function()
  local fields = { source = "10.50.109.228", source_port = 5000, destination = "192.0.2.7", destination_port = 443 }
  for _ = 1, 6 do greetings:judge(packet.tcp(fields)) end
  fields.time = 3600
  expect(greetings:judge(packet.tcp(fields))).reason:equals("collected")
end)

test("only TCP", function()
  expect(greetings:judge(packet.udp { source = "10.50.109.228", destination = "192.0.2.7" })).reason:equals("filtered")
end)
