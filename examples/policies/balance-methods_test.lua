-- inventory: ../inventories/campus.json

local evenly, by_eni = mirrors.evenly, mirrors["by-eni"]

local function conversation(eni, port)
  return packet.tcp {
    source = inventory.eni(eni).addresses[1], source_port = port, destination = "192.0.2.7", destination_port = 443,
    direction = "out",
  }
end

test("equal conversations are spread evenly", function()
  local count = {}
  for port = 5001, 5010 do
    local receiver = evenly:judge(conversation("eni-laptop", port)).receiver
    count[receiver] = (count[receiver] or 0) + 1
  end
  expect(count):equals { ["10.50.9.10"] = 5, ["10.50.9.11"] = 5 }
end)

test("a conversation stays at its receiver", function()
  local first = evenly:judge(conversation("eni-laptop", 5001)).receiver
  evenly:judge(conversation("eni-laptop", 5002))
  expect(evenly:judge(conversation("eni-laptop", 5001)).receiver):equals(first)
end)

test("answers go with their conversation, by either method", function()
  for _, mirror in ipairs { evenly, by_eni } do
    local first = mirror:judge(conversation("eni-laptop", 5001)).receiver
    local answer = mirror:judge(packet.tcp {
      source = "192.0.2.7", source_port = 443, destination = "10.50.109.228", destination_port = 5001,
    })
    expect(answer).direction:equals("in")
    expect(answer).receiver:equals(first)
  end
end)

test("all traffic of one ENI goes to one receiver", function()
  local receivers = {}
  for _, eni in ipairs { "eni-laptop", "eni-desk", "eni-phone", "eni-tablet" } do
    local first = by_eni:judge(conversation(eni, 5001)).receiver
    for port = 5002, 5010 do expect(by_eni:judge(conversation(eni, port)).receiver):equals(first) end
    receivers[first] = true
  end
  -- These four ENIs use both.
  expect(receivers):equals { ["10.50.9.10"] = true, ["10.50.9.11"] = true }
end)
