-- audit: cleartext-credentials.lua
-- inventory: configurations/shop.json

local function keys(found)
  local list = {}
  for _, each in ipairs(found) do list[#list + 1] = each.key end
  return list
end

test("six protocols that show passwords", function()
  expect(keys(findings "captures/cleartext-credentials-bad.pcap")):equals {
    "FTP 192.0.2.7",
    "HTTP Basic 192.0.2.7",
    "IMAP 192.0.2.7",
    "POP3 192.0.2.7",
    "SMTP 192.0.2.7",
    "Telnet 192.0.2.7",
  }
end)

test("passes over what is in order", function()
  expect(findings "captures/cleartext-credentials-good.pcap"):equals {}
end)

test("what is said holds no credentials", function()
  for _, each in ipairs(findings "captures/cleartext-credentials-bad.pcap") do
    local said = { each.message, table.concat(each.evidence, " ") }
    for name, value in pairs(each.details) do said[#said + 1] = name .. " " .. tostring(value) end
    for _, secret in ipairs { "lovelace", "YWRhOmxvdmVsYWNl", "AGFkYQBsb3ZlbGFjZQ" } do
      expect(table.concat(said, " ")).never:contains(secret)
    end
  end
end)

local function request(header)
  return packet.tcp {
    source = "10.20.1.11", source_port = 4000, destination = "192.0.2.7", destination_port = 80, flags = "P.",
    payload = "GET / HTTP/1.1\r\nHost: a.example\r\n" .. header .. "\r\n\r\n",
  }
end

test("HTTP Basic is found, a token is not", function()
  expect(keys(findings(request "Authorization: Basic YTpi"))):equals { "HTTP Basic 192.0.2.7" }
  expect(findings(request "Authorization: Bearer YTpi")):equals {}
end)
