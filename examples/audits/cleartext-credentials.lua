-- Passwords that anybody on the way can read: FTP, Telnet, HTTP Basic, POP3, IMAP, SMTP.
--
-- Messages and details hold no credentials; the packets that belong to a finding do, as the captures did.

local reported = {
  ftp = "USER and PASS in clear",
  pop3 = "USER and PASS in clear",
  imap = "LOGIN in clear",
  smtp = "AUTH PLAIN or LOGIN without TLS",
}

-- The first bytes of a client in upper case, as far as they are commands.
local function commands(conversation)
  return string.upper(conversation.client.payload:sub(1, 400))
end

local function found(conversation, protocol, how)
  local server = conversation.server
  finding {
    message = protocol .. " credentials in clear to " .. server.address .. ": " .. how,
    key = protocol .. " " .. server.address,
    subject = server.eni or server.address,
    conversation = conversation,
    details = { protocol = protocol, client = conversation.client.address, port = server.port },
  }
end

local checks = {
  [21] = function(c) if string.find(commands(c), "PASS ", 1, true) then found(c, "FTP", reported.ftp) end end,
  [110] = function(c) if string.find(commands(c), "PASS ", 1, true) then found(c, "POP3", reported.pop3) end end,
  [143] = function(c) if string.find(commands(c), " LOGIN ", 1, true) then found(c, "IMAP", reported.imap) end end,
  -- A client that sends only options of Telnet (IAC, 255) has not typed anything.
  [23] = function(c)
    local text = string.gsub(c.client.payload:sub(1, 400), "\255[\251-\254].", "")
    if #text > 0 then found(c, "Telnet", "the session is in clear") end
  end,
}

local function mail(c)
  local text = commands(c)
  if string.find(text, "AUTH PLAIN", 1, true) or string.find(text, "AUTH LOGIN", 1, true) then
    found(c, "SMTP", reported.smtp)
  end
end
checks[25], checks[587] = mail, mail

audit {
  id = "CRED-001",
  title = "Credentials in clear",
  severity = "high",
  tags = { "credentials", "cleartext" },
  references = { "CWE-319", "RFC 8314" },
  remediation = "Use the protocol over TLS, or SSH instead, and change the passwords that were seen.",
  where = filter.quintuple { protocol = "tcp" },
  conversation = function(conversation)
    if conversation.client.payload_bytes == 0 then return end
    local check = checks[conversation.server.port]
    if check then return check(conversation) end
    local http = conversation.http
    if http and http.authorization and string.lower(http.authorization) == "basic" then
      found(conversation, "HTTP Basic", "for " .. (http.host or conversation.server.address))
    end
  end,
}
