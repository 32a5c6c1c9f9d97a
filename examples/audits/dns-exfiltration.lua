-- Data that leaves in names: many different long names below one domain, asked by one client.
--
-- --set dns_names=100   different names below one domain
-- --set dns_length=40   characters in front of the domain, on the average

local least_names = tonumber(policy.args.dns_names or "100")
local least_length = tonumber(policy.args.dns_length or "40")

-- By client and domain: how many different names, their length together.
local seen, counts = {}, {}

-- The last two labels, and what is in front of them.
local function split(name)
  local front, domain = string.match(name, "^(.+)%.([^.]+%.[^.]+)$")
  return front, domain
end

audit {
  id = "DNS-001",
  title = "Data in DNS names",
  severity = "high",
  tags = { "dns", "exfiltration" },
  references = { "MITRE ATT&CK T1048.003" },
  remediation = "Look at the client; let clients ask your own resolvers only, and log what they ask.",
  where = filter.quintuple { protocol = "udp", destination_port = 53 },
  packet = function(packet)
    local dns = packet.dns
    if not dns or dns.response then return end
    local front, domain = split(string.lower(dns.name))
    if not front then return end
    local who = packet.source .. " " .. domain
    local names = seen[who]
    if not names then
      names = {}
      seen[who], counts[who] = names, { names = 0, length = 0 }
    end
    if names[front] then return end
    names[front] = true
    local count = counts[who]
    count.names, count.length = count.names + 1, count.length + #front
    if count.names >= least_names and count.length / count.names >= least_length then
      finding {
        message = packet.source .. " asks for many long names below " .. domain,
        key = who,
        subject = packet.source,
        packet = packet,
        evidence = { dns.type .. " " .. dns.name },
        details = { client = packet.source, domain = domain, resolver = packet.destination },
      }
    end
  end,
}
