-- inventory: ../inventories/backbone.json

local sample = mirrors["one-in-four"]

local function conversation(port)
  local client, server = "192.0.2.1", "198.51.100.7"
  local there = packet.tcp { source = client, source_port = port, destination = server, destination_port = 443 }
  local back = packet.tcp { source = server, source_port = 443, destination = client, destination_port = port }
  return there, back
end

test("about one conversation in four", function()
  local taken = 0
  for port = 2001, 2200 do
    if sample:judge((conversation(port))).collected then taken = taken + 1 end
  end
  -- Which ones is settled by their hash: the number is the same in every run, here and elsewhere.
  expect(taken):is_near(50, 8)
  expect(sample.receivers):equals { "10.9.0.1" }
end)

test("on either way", function()
  local taken = {}
  for port = 2001, 2040 do
    local there, back = conversation(port)
    for _, each in ipairs { there, back } do
      local verdict = sample:judge(each)
      if verdict.collected then taken[each.source] = true end
    end
  end
  expect(taken):equals { ["192.0.2.1"] = true, ["198.51.100.7"] = true }
end)

test("whole conversations", function()
  for port = 2001, 2020 do
    local there, back = conversation(port)
    expect(sample:judge(back).collected):equals(sample:judge(there).collected)
  end
end)
