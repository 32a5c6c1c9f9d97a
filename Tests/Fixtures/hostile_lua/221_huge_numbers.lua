-- 221 huge numbers
-- Tries:  numbers that fit no integer in every place where a number is taken
-- Phase:  load
-- Expect: ok
local hostile = require "hostile"
local numbers = { math.maxinteger, math.mininteger, -1, 1 << 32, 1 << 53, (1 << 53) + 1, 2^53, 2^63, -2^63, 1e308, -1e308, 1/0, -1/0, 0/0, 1.5, -0.0, 5e-324 }
local function try(make)
  for _, n in ipairs(numbers) do
    local ok, f = pcall(make, n)
    if ok then pcall(mirror, { name = "n", vpc = "vpc-lab", source = source.vpc(), filter = f, target = target.receivers "10.99.0.10", enabled = n }) end
  end
end
try(function(n) return filter.first { packets = n } end)
try(function(n) return filter.first { bytes = n } end)
pcall(filter.sample, 0/0)
for _, n in ipairs(numbers) do
  pcall(filter.sample, n) pcall(every, n, print) pcall(function() return mirrors[n], inventory.vpcs[n] end)
  pcall(packet.tcp, { source = "10.0.0.1", destination = "10.0.0.2", ttl = n, seq = n, window = n, source_port = n, vlan = n, dscp = n })
  pcall(packet.icmp, { source = "10.0.0.1", destination = "10.0.0.2", type = n, code = n })
  pcall(target.receivers, "10.99.0.10", { encapsulation = { type = "vxlan", vni = n, port = n } })
  pcall(balance.weighted, { ["10.99.0.10"] = n }) pcall(string.rep, "x", n) pcall(table.unpack, {}, n) pcall(select, n, 1)
  pcall(filter.quintuple, { source_port = n, protocol = n }) pcall(set.ports, { n })
end
hostile.filter("after", function(p) return true end)
