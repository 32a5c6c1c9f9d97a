-- inventory: ../inventories/campus.json

local web = mirrors["web-without-cache"]
local laptop, site, cache = "10.50.109.228", "192.0.2.7", "178.60.128.10"

local function out(to, port)
  return packet.tcp {
    source = laptop, source_port = 5000, destination = to, destination_port = port, direction = "out",
  }
end

local function back(from, port)
  return packet.tcp {
    source = from, source_port = port, destination = laptop, destination_port = 5000, direction = "in",
  }
end

test("web traffic is accepted in both directions", function()
  for _, port in ipairs { 80, 443 } do
    expect(web:judge(out(site, port))).reason:equals("collected")
    expect(web:judge(back(site, port))).reason:equals("collected")
  end
end)

test("the content cache is dropped before it could be accepted", function()
  for _, address in ipairs { "178.60.128.0", cache, "178.60.128.255" } do
    expect(web:judge(out(address, 443))).reason:equals("filtered")
    expect(web:judge(back(address, 443))).reason:equals("filtered")
  end
  expect(web:judge(out("178.60.129.0", 443))).reason:equals("collected")
end)

test("both receivers share it", function()
  expect(web.receivers):equals { "10.50.9.10", "10.50.9.11" }
end)

test("what no rule names is not collected", function()
  expect(web:judge(out(site, 22))).reason:equals("filtered")
  expect(web:judge(back(site, 22))).reason:equals("filtered")
  -- An answer is known by its source port, a question by its destination port.
  expect(web:judge(packet.tcp { source = site, destination = laptop, destination_port = 443, direction = "in" })).reason
    :equals("filtered")
end)
