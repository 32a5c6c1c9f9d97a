-- What leaves through a NAT gateway for ports that nobody expects there.
--
-- --set egress_ports=443,53,123   ports that may be reached through NAT gateways

-- The answers of a server of ours go out as well: what counts is who began.
local high = "1024-65535"
local expected = filter.quintuple { source_port = "1-1023", destination_port = high }
  | filter.quintuple { source_port = 0, destination_port = high }
for port in string.gmatch(policy.args.egress_ports or "53,80,123,443", "%d+") do
  expected = expected | filter.quintuple { destination_port = tonumber(port) }
end

local gateways = {}
for _, vpc in pairs(inventory.vpcs) do
  for id in pairs(vpc.nat_gateways) do gateways[id] = true end
end

audit {
  id = "EGR-001",
  title = "Unexpected egress through a NAT gateway",
  severity = "medium",
  tags = { "egress", "nat" },
  references = { "MITRE ATT&CK T1571" },
  remediation = "Let the subnet out to the ports and destinations that its hosts need, and to no others.",
  needs = { "inventory" },
  where = ~expected,
  packet = function(packet)
    local port = packet.destination_port
    if port == nil then return end
    local gateway = packet.next_hop
    if not gateway or not gateways[gateway] then return end
    finding {
      message = packet.eni .. " reaches " .. packet.protocol .. " port " .. port .. " through " .. gateway,
      key = packet.eni .. " " .. packet.protocol .. " " .. port,
      subject = packet.eni,
      packet = packet,
      details = { gateway = gateway, destination = packet.destination, port = port, protocol = packet.protocol },
    }
  end,
}
