-- The web hosts of the laboratory (scripts/lab), without pings, to two receivers.
local no_ping = filter.when("no-ping", function(packet) return packet.protocol ~= "icmp" end)

mirror {
  name = "web-to-ids", vpc = "vpc-lab",
  source = source.eni("eni-web1", "eni-web2"), direction = "all",
  filter = no_ping,
  target = target.receivers("10.20.9.10, 10.20.9.20", { encapsulation = { vni = 7 } }),
  balance = balance.even(),
}
