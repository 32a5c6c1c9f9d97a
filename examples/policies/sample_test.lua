-- inventory: ../inventories/backbone.json

local sample = mirrors["one-in-four"]

local function conversation(port)
  local there = packet.tcp { source = "192.0.2.1", source_port = port, destination = "198.51.100.7", destination_port = 443 }
  local back = packet.tcp { source = "198.51.100.7", source_port = 443, destination = "192.0.2.1", destination_port = port }
  return there, back
end

test("about one conversation in four", function()
  local taken = 0
  for port = 2001, 2200 do
    if sample:judge((conversation(port))).collected then taken = taken + 1 end
  end
  -- Which ones is settled by their hash: the number is the same in every run.
  expect(taken):is_near(50, 15)
end)

test("whole conversations", function()
  for port = 2001, 2020 do
    local there, back = conversation(port)
    expect(sample:judge(back).collected):equals(sample:judge(there).collected)
  end
end)
