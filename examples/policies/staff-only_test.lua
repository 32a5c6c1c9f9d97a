-- inventory: ../inventories/campus.json

local staff = mirrors.staff

local function from(source, more)
  local fields = { source = source, destination = "192.0.2.7" }
  for key, value in pairs(more or {}) do fields[key] = value end
  return packet.udp(fields)
end

test("ENIs with the tag are in range, others are not", function()
  expect(staff:judge(from "10.50.109.228")).eni:equals("eni-laptop")
  expect(staff:judge(from "10.50.109.228")).receiver:equals("10.50.9.20")
  expect(staff:judge(from "10.50.104.100")).eni:equals("eni-desk")
  expect(staff:judge(from "10.50.107.64")).reason:equals("out-of-range")
end)

test("their bytes are counted", function()
  staff:judge(from("10.50.109.228", { payload = string.rep("x", 72) }))
  staff:judge(from "10.50.104.100")
  staff:judge(from "10.50.107.64")
  -- 20 bytes of IP and 8 of UDP before the payload.
  expect(counter("staff_bytes").value):equals(100 + 28)
end)

test("the timer runs on packet time", function()
  staff:judge(from("10.50.109.228", { time = 1000 }))
  expect(staff:judge(from("10.50.109.228", { time = 1030 }))).reason:equals("collected")
end)
