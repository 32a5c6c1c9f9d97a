-- Two stations that claim one address in ARP (RFC 826), or one that claims the address of a network interface of the
-- inventory with another MAC.

local function mac(payload, first)
  return string.format("%02x:%02x:%02x:%02x:%02x:%02x", string.byte(payload:sub(first, first + 5), 1, 6))
end

local function ip(payload, first)
  return string.format("%d.%d.%d.%d", string.byte(payload:sub(first, first + 3), 1, 4))
end

-- Of addresses that one network interface alone has; VPCs may use the same addresses.
local owners = {}
for id, eni in pairs(inventory.enis) do
  for _, address in ipairs(eni.addresses) do
    owners[address] = owners[address] == nil and { id = id, mac = eni.mac } or false
  end
end

local claims = {}

audit {
  id = "ARP-001",
  title = "ARP spoofing",
  severity = "high",
  tags = { "arp", "spoofing" },
  references = { "RFC 826", "MITRE ATT&CK T1557.002" },
  remediation = "Find the station with the second MAC; bind addresses to MACs at the switch (dynamic ARP inspection).",
  where = filter.bpf "arp",
  packet = function(packet)
    local payload = packet.payload
    -- Ethernet and IPv4; the sender says who it is in requests and answers alike.
    if #payload < 28 or payload:u16(1) ~= 1 or payload:u16(3) ~= 0x0800 then return end
    local sender, address = mac(payload, 9), ip(payload, 15)
    if address == "0.0.0.0" then return end
    local owner = owners[address]
    local other = owner and owner.mac or claims[address]
    claims[address] = claims[address] or sender
    if not other or other == sender then return end
    finding {
      message = sender .. " claims " .. address .. " of " .. (owner and owner.id .. ", " or "") .. other,
      key = address .. " " .. sender,
      subject = owner and owner.id or address,
      packet = packet,
      details = { address = address, claimed_by = sender, known_as = other },
    }
  end,
}
