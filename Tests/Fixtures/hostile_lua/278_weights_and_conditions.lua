-- 278 weights and conditions
-- Tries:  weights, ports, protocols and rules that cannot be
-- Phase:  load
-- Expect: ok
local from, to = source.vpc(), target.receivers "10.99.0.10, 10.99.0.11"
local function refused(fields)
  local all = { name = "m", vpc = "vpc-lab", source = from, target = to }
  for k, v in pairs(fields) do all[k] = v end
  local ok, e = pcall(mirror, all)
  assert(not ok and #e <= 1100, "accepted")
end
local cidr, weighted = filter.quintuple, balance.weighted
for _, w in ipairs { 0, -1, 0/0, 1/0, "x", {}, true } do refused { balance = weighted { ["10.99.0.10"] = w } } end
refused { balance = weighted { ["10.99.0.99"] = 1 } } refused { balance = weighted { [1] = 1 } }
for _, port in ipairs { -1, 65536, 1.5, 0/0, "1-2-3", "9-8", "-1", "1e3", "\0", {}, true } do refused { filter = cidr { protocol = "tcp", source_port = port } } end
for _, protocol in ipairs { -1, 256, 1.5, "nope", "\0", {}, true } do refused { filter = cidr { protocol = protocol } } end
for _, net in ipairs { "x", "10.0.0.0/33", "10.0.0.0/-1", "\0", 1, {} } do refused { filter = cidr { source = net } } end
refused { filter = filter.rules { inbound = { { priority = 1, action = "maybe" } } } } refused { filter = filter.rules { sideways = {} } }
refused { filter = filter.rules { inbound = { { priority = 1, action = "drop" }, { priority = 1, action = "drop" } } } }
refused { target = target.receivers("10.99.0.10", { encapsulation = { type = "vxlan", vni = 1 << 24 } }) }
refused { target = target.receivers("10.99.0.10", { encapsulation = { type = "none", port = 0 } }) }
require("hostile").filter("after", function(p) return true end)
