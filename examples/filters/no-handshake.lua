-- A filter for a stored mirror: moontap mirror create --lua examples/filters/no-handshake.lua ...
-- The text returns a filter; it is kept with the mirror and loads nothing else.
local https = filter.quintuple { protocol = "tcp", destination_port = 443, bidirectional = true }
return https & function(packet) return not (packet.tcp and packet.tcp.syn) end
