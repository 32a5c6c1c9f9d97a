-- inventory: ../inventories/campus.json

local egress, both = mirrors["internet-egress"], mirrors["internet-both-ways"]
local laptop, site, cache, desk = "10.50.109.228", "192.0.2.7", "178.60.128.10", "10.50.104.100"

local function out(to) return packet.udp { source = laptop, destination = to, direction = "out" } end
local function back(from) return packet.udp { source = from, destination = laptop, direction = "in" } end

test("what leaves through the gateway is collected", function()
  expect(egress:judge(out(site))).receiver:equals("10.50.9.10")
  expect(both:judge(out(site))).receiver:equals("10.50.9.11")
end)

test("answers are collected where both ways are asked for", function()
  expect(egress:judge(back(site))).reason:equals("direction")
  expect(both:judge(back(site))).reason:equals("collected")
end)

test("the peering and the VPC itself are other next hops", function()
  for _, to in ipairs { cache, desk } do
    expect(egress:judge(out(to))).reason:equals("filtered")
    expect(both:judge(out(to))).reason:equals("filtered")
  end
  expect(both:judge(back(cache))).reason:equals("filtered")
end)

test("groups have no next hop", function()
  expect(egress:judge(out "224.0.0.251")).reason:equals("filtered")
end)
