-- Each customer's traffic at the receiver that belongs to it: guests at the first, staff at the second; nobody else's.
-- Shows: a Lua balancer. It returns an index, a receiver, its address, or nil: no receiver wants this packet.

local guests = set.cidrs { "10.50.107.0/24", "10.50.104.96/32" }
local staff = set.cidrs { "10.50.109.0/24", "10.50.104.100/32" }

mirror {
  name = "by-customer", vpc = "vpc-campus",
  source = source.subnet("subnet-wlan"), direction = "all",
  target = target.receivers { "10.50.9.10", "10.50.9.11" },
  balance = balance.with("by-customer", function(packet, receivers)
    if packet:source_in(guests) or packet:destination_in(guests) then return 1 end
    if packet:source_in(staff) or packet:destination_in(staff) then return "10.50.9.11" end
    return nil
  end),
}
