-- inventory: ../inventories/campus.json

local ids = mirrors["web-to-ids"]
local laptop, server = "10.50.109.228", "192.0.2.7"

local function out(more)
  local fields = {
    source = laptop, source_port = 5000, destination = server, destination_port = 443, direction = "out", flags = ".",
  }
  for key, value in pairs(more or {}) do fields[key] = value end
  return packet.tcp(fields)
end

test("both halves of a web conversation are collected, by one receiver", function()
  local there = ids:judge(out())
  local back = ids:judge(packet.tcp {
    source = server, source_port = 443, destination = laptop, destination_port = 5000, direction = "in",
  })
  expect(there).reason:equals("collected")
  expect(there).eni:equals("eni-laptop")
  expect(back).reason:equals("collected")
  expect(back).receiver:equals(there.receiver)
end)

test("handshakes are left out", function()
  expect(ids:judge(out { flags = "S" })).reason:equals("filtered")
  expect(ids:judge(out { flags = "S." })).reason:equals("filtered")
end)

test("other ports and protocols are left out", function()
  expect(ids:judge(out { destination_port = 80 })).reason:equals("filtered")
  expect(ids:judge(packet.udp { source = laptop, destination = server, destination_port = 443 })).reason
    :equals("filtered")
end)

test("only the wireless subnet is in range", function()
  expect(ids:judge(out { source = "10.50.9.20" })).reason:equals("out-of-range")
  expect(ids:judge(packet.tcp { source = "192.0.2.1", destination = server })).reason:equals("unattributed")
end)

test("what comes from port 443 is an answer, whoever asked", function()
  expect(ids:judge(out { source_port = 443, destination_port = 5000 })).reason:equals("collected")
end)

test("both detection systems share it", function()
  expect(ids.receivers):equals { "10.50.9.10", "10.50.9.11" }
end)

test("a new conversation goes to the receiver with fewer bytes", function()
  local first = ids:judge(out { payload = string.rep("x", 1000) })
  local second = ids:judge(out { source_port = 5001 })
  expect(second.receiver).never:equals(first.receiver)
end)
