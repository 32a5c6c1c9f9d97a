-- inventory: ../inventories/campus.json

local questions = mirrors["dns-questions"]

local function ask(more)
  local fields = { source = "10.50.109.228", destination = "192.0.2.53", destination_port = 53, direction = "out" }
  for key, value in pairs(more or {}) do fields[key] = value end
  return fields
end

test("questions are collected", function()
  expect(questions:judge(packet.udp(ask()))).receiver:equals("10.50.9.20")
  -- A router's ENI sends other people's packets, too.
  expect(questions:judge(packet.udp(ask { source = "10.50.255.1", eni = "eni-desk" }))).collected:is_true()
end)

test("answers come in, and are not", function()
  local answer = packet.udp { source = "192.0.2.53", source_port = 53, destination = "10.50.109.228", direction = "in" }
  expect(questions:judge(answer)).reason:equals("direction")
end)

test("every condition must match", function()
  expect(questions:judge(packet.tcp(ask()))).reason:equals("filtered")
  expect(questions:judge(packet.udp(ask { destination_port = 5353 }))).reason:equals("filtered")
  -- Sent by the laptop for somebody outside.
  expect(questions:judge(packet.udp(ask { source = "10.60.0.1", eni = "eni-laptop" }))).reason:equals("filtered")
end)
