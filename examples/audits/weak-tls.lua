-- TLS that was broken long ago: versions before 1.2 (RFC 8996), and cipher suites without encryption, without
-- authentication, with export keys, RC4, DES and triple DES.

audit {
  id = "TLS-001",
  title = "Weak TLS",
  severity = "medium",
  tags = { "tls" },
  references = { "RFC 8996", "RFC 9325", "RFC 7465" },
  remediation = "Let the server take TLS 1.2 or 1.3 with AEAD cipher suites only.",
  where = filter.quintuple { protocol = "tcp" },
  conversation = function(conversation)
    local answer = conversation.tls_answer
    if not answer then return end
    local hello, server = conversation.tls, conversation.server
    local name = hello and hello.server_name or server.address
    if answer.version < 0x0303 then
      finding {
        message = name .. " takes " .. answer.version_name,
        key = "version " .. name,
        subject = server.eni or server.address,
        conversation = conversation,
        details = { version = answer.version_name, server_name = name, port = server.port },
      }
    end
    if answer.weakness then
      finding {
        message = string.format("%s takes cipher suite 0x%04x: %s", name, answer.cipher, answer.weakness),
        key = string.format("cipher %s %04x", name, answer.cipher),
        severity = "high",
        subject = server.eni or server.address,
        conversation = conversation,
        details = { cipher = answer.cipher, weakness = answer.weakness, server_name = name },
      }
    end
  end,
}
