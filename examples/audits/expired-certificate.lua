-- Certificates that do not hold at the time of the handshake. They are in clear up to TLS 1.2 only; what TLS 1.3 hides
-- is not judged.

local day = 86400

audit {
  id = "TLS-002",
  title = "Certificates out of date",
  severity = "medium",
  tags = { "tls", "certificates" },
  references = { "RFC 5280 section 4.1.2.5" },
  remediation = "Give the server a certificate that holds, and renew it before it ends.",
  where = filter.quintuple { protocol = "tcp" },
  conversation = function(conversation)
    local certificate = conversation.certificate
    if not certificate then return end
    local server, now = conversation.server, conversation.first_time
    local name = certificate.subject or server.address
    local what
    if now > certificate.not_after then
      what = string.format("expired %d days before", (now - certificate.not_after) // day)
    elseif now < certificate.not_before then
      what = string.format("holds only %d days later", (certificate.not_before - now) // day + 1)
    else
      return
    end
    finding {
      message = "the certificate of " .. name .. " at " .. server.address .. " " .. what,
      key = server.address .. " " .. name,
      subject = server.eni or server.address,
      conversation = conversation,
      details = { subject = certificate.subject, issuer = certificate.issuer, not_after = certificate.not_after },
    }
  end,
}
