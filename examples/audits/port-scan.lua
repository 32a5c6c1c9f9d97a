-- One client, many ports of one host (vertical) or one port of many hosts (horizontal), nearly none of which answers.
--
-- --set scan_targets=50   ports or hosts from which on it is a scan

local least = tonumber(policy.args.scan_targets or "50")

-- By client: attempts that came to nothing, by host and by port.
local ports, hosts = {}, {}

local function note(list, group, member)
  local known = list[group]
  if not known then
    known = { count = 0 }
    list[group] = known
  end
  if not known[member] then
    known[member] = true
    known.count = known.count + 1
  end
  return known.count
end

audit {
  id = "SCAN-001",
  title = "Port scans",
  severity = "medium",
  tags = { "scan" },
  references = { "MITRE ATT&CK T1046" },
  remediation = "Find out who runs the client. A scan from inside that nobody ordered means that it is taken over.",
  where = filter.quintuple { protocol = "tcp" },
  conversation = function(conversation)
    -- A server that took the connection and said something was no try.
    if conversation.server.payload_bytes > 0 or conversation.client.payload_bytes > 0 then return end
    local client, server = conversation.client.address, conversation.server
    if not server.port then return end
    if note(ports, client .. " to " .. server.address, server.port) == least then
      finding {
        message = client .. " tries the ports of " .. server.address,
        key = "ports " .. client .. " " .. server.address,
        subject = conversation.client.eni or client,
        conversation = conversation,
        details = { client = client, target = server.address, kind = "vertical" },
      }
    end
    if note(hosts, client .. " port " .. server.port, server.address) == least then
      finding {
        message = client .. " tries port " .. server.port .. " of many hosts",
        key = "hosts " .. client .. " " .. server.port,
        subject = conversation.client.eni or client,
        conversation = conversation,
        details = { client = client, port = server.port, kind = "horizontal" },
      }
    end
  end,
}
