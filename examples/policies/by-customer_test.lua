-- inventory: ../inventories/campus.json

local mirror = mirrors["by-customer"]

local function judge(source, destination, direction)
  return mirror:judge(packet.udp { source = source, destination = destination, direction = direction })
end

test("guests have the first receiver, in both directions", function()
  for _, guest in ipairs { "10.50.107.0", "10.50.107.255", "10.50.104.96" } do
    expect(judge(guest, "192.0.2.7", "out")).receiver:equals("10.50.9.10")
    expect(judge("192.0.2.7", guest, "in")).receiver:equals("10.50.9.10")
  end
end)

test("staff has the second", function()
  for _, staff in ipairs { "10.50.109.0", "10.50.109.255", "10.50.104.100" } do
    expect(judge(staff, "192.0.2.7", "out")).receiver:equals("10.50.9.11")
    expect(judge("192.0.2.7", staff, "in")).receiver:equals("10.50.9.11")
  end
end)

test("between the two it is the guest's", function()
  expect(judge("10.50.109.228", "10.50.107.64", "out")).receiver:equals("10.50.9.10")
end)

test("nobody else's traffic has a receiver", function()
  local verdict = judge("10.50.105.1", "192.0.2.7", "out")
  expect(verdict).reason:equals("no-receiver")
  expect(verdict).receiver:is_nil()
end)
