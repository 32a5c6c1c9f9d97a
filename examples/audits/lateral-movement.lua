-- Conversations between subnets that should not talk.
--
-- A subnet says with its tag "may-talk-to" to which others its hosts may open conversations: "subnet-app,subnet-tools";
-- "none" is none. Subnets without the tag may talk to all.
--
-- --set deny=subnet-web>subnet-db   pairs that may not, whatever the tags; separated by commas

local allowed = {}
for id, subnet in pairs(inventory.subnets) do
  local tag = subnet.tags["may-talk-to"]
  if tag then
    allowed[id] = { [id] = true }
    for other in string.gmatch(tag, "[^,%s]+") do allowed[id][other] = true end
  end
end

local denied = {}
for from, to in string.gmatch(policy.args.deny or "", "([^,>%s]+)>([^,>%s]+)") do denied[from .. ">" .. to] = true end

audit {
  id = "LAT-001",
  title = "Lateral movement between subnets",
  severity = "high",
  tags = { "segmentation", "pci" },
  references = { "MITRE ATT&CK TA0008", "PCI DSS 1.3" },
  remediation = "Close the way with a network ACL or a security group, and find out what the client wanted there.",
  needs = { "inventory" },
  conversation = function(conversation)
    local client, server = conversation.client, conversation.server
    local from, to = client.subnet, server.subnet
    if not from or not to or from == to then return end
    local isDenied = denied[from .. ">" .. to] or allowed[from] and not allowed[from][to]
    if not isDenied then return end
    local port = server.port and (" port " .. server.port) or ""
    finding {
      message = string.format("%s of %s talks to %s of %s, %s%s", client.address, from, server.address, to,
        conversation.protocol, port),
      key = table.concat({ client.address, server.address, conversation.protocol, server.port or "" }, " "),
      subject = client.eni or client.address,
      conversation = conversation,
      details = { from = from, to = to, established = conversation.established, bytes = conversation.bytes },
    }
  end,
}
