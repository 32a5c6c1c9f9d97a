-- What runs beside a hostile script: its answers must be those of a run of it alone.
local ticks, seen, odd = counter("ticks"), 0, set.ports { 1883, "50000-65535", 4789 }
every(1, function() ticks:add() end)
mirror {
  name = "well-behaved", vpc = "vpc-lab", source = source.vpc(), direction = "all",
  filter = function(packet)
    seen = seen + 1
    shared:add("packets", 1)
    local state = packet.flow.state
    state.count = (state.count or 0) + 1
    local text = packet.payload:sub(1, 16)
    return odd:contains(packet.source_port) or packet.protocol == "icmp" or (#text + state.count + seen) % 3 == 0
  end,
  target = target.receivers "10.99.0.10, 10.99.0.11",
  balance = function(packet, receivers) return #packet.source % #receivers + 1 end,
}
