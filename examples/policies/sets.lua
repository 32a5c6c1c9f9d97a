-- Traffic with networks on a watch list, except to ports that are of no interest.
-- Shows: a Lua filter with sets; `set.load` reads a text file beside the policy, one CIDR a line.

local watched = set.load "watchlist.txt"
local boring = set.ports { 53, 123, "137-138" }

mirror {
  name = "watch-list", vpc = "vpc-campus",
  source = source.vpc(), direction = "all",
  filter = filter.when("watched", function(packet)
    if packet.destination_port and boring:contains(packet.destination_port) then return false end
    return packet:source_in(watched) or packet:destination_in(watched)
  end),
  target = target.receivers "10.50.9.20",
}
