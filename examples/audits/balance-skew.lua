-- How evenly copies are spread over the receivers of each mirror, as seen on their way: captures of VXLAN copies, as
-- `moontap run --write --as encapsulated` writes them. Known by their network identifier (VNI).
--
-- --set skew=1.25           the busiest receiver may have so much of the mean
-- --set skew_packets=1000   packets from which on it is judged

local bound = tonumber(policy.args.skew or "1.25")
local least = tonumber(policy.args.skew_packets or "1000")

-- By VNI.
local known, counts = {}, {}
for name, mirror in pairs(mirrors) do
  if mirror.enabled and #mirror.receivers > 1 then
    known[mirror.vni] = { name = name, receivers = mirror.receivers }
    counts[mirror.vni] = { packets = 0 }
  end
end

audit {
  id = "BAL-001",
  title = "Receivers of unequal load",
  severity = "low",
  tags = { "mirrors", "receivers" },
  references = { "docs/mirror-rules.md" },
  remediation = "Balance by flow or evenly; one conversation that is most of the traffic cannot be spread.",
  needs = { "mirrors" },
  captures = "together",
  where = filter.quintuple { protocol = "udp", destination_port = 4789 },
  packet = function(packet)
    local vni = packet.payload:u32(5)
    local count = vni and counts[vni >> 8]
    if not count then return end
    count.packets = count.packets + 1
    count[packet.destination] = (count[packet.destination] or 0) + packet.length
  end,
  finish = function()
    for vni, mirror in pairs(known) do
      local count, total, most, busiest = counts[vni], 0, -1, nil
      for _, receiver in ipairs(mirror.receivers) do
        local bytes = count[receiver] or 0
        total = total + bytes
        if bytes > most then most, busiest = bytes, receiver end
      end
      local skew = most * #mirror.receivers / math.max(total, 1)
      if count.packets >= least and skew > bound then
        finding {
          message = string.format("%s: %s gets %.2f times the mean of %d receivers", mirror.name, busiest, skew,
            #mirror.receivers),
          key = mirror.name,
          subject = mirror.name,
          details = { packets = count.packets, skew = skew, busiest = busiest },
        }
      end
    end
  end,
}
