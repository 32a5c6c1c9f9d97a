-- Web traffic of the wireless subnet, without the proxy's own servers, to two intrusion detection systems.
-- Shows: a built-in quintuple, a Lua function, and `&` between them.
--
--   moontap run examples/policies/web-to-ids.lua --inventory examples/inventories/campus.json \
--     --read examples/captures/campus.pcap --write out

local https = filter.quintuple { protocol = "tcp", destination_port = 443, bidirectional = true }
local no_handshake = function(packet) return not (packet.tcp and packet.tcp.syn) end

mirror {
  name = "web-to-ids", vpc = "vpc-campus",
  source = source.subnet("subnet-wlan"), direction = "all",
  filter = https & no_handshake,
  target = target.receivers "10.50.9.10, 10.50.9.11", balance = balance.even(),
}
