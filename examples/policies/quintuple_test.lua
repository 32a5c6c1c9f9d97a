-- inventory: ../inventories/campus.json

local questions = mirrors["dns-questions"]

local function ask(more)
  local fields = { source = "10.50.109.228", destination = "192.0.2.53", destination_port = 53, direction = "out" }
  for key, value in pairs(more or {}) do fields[key] = value end
  return fields
end

test("questions are collected", function()
  expect(questions:judge(packet.udp(ask()))).reason:equals("collected")
end)

test("answers come in, and are not", function()
  local answer = packet.udp { source = "192.0.2.53", source_port = 53, destination = "10.50.109.228", direction = "in" }
  expect(questions:judge(answer)).reason:equals("direction")
end)

test("every condition must match", function()
  expect(questions:judge(packet.tcp(ask()))).reason:equals("filtered")
  expect(questions:judge(packet.udp(ask { destination_port = 5353 }))).reason:equals("filtered")
  -- Forwarded by the laptop for somebody outside.
  expect(questions:judge(packet.udp(ask { source = "10.60.0.1", eni = "eni-laptop" }))).reason:equals("filtered")
end)
