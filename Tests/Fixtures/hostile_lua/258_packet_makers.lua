-- 258 packet makers
-- Tries:  packets that cannot be, and more than may be
-- Phase:  load
-- Expect: runtime
-- Match:  at most 1024 made packets
local ends = { source = "10.0.0.1", destination = "10.0.0.2" }
for key, values in pairs { source = { "x", "", 1, {}, "10.0.0.1/8", "::1" }, destination = { "\0", true }, payload = { 1, {}, ("x"):rep(70000) }, ttl = { -1, 256, 1.5, "1" },
  vlan = { 4096, -1, "x" }, source_mac = { "x", "02:00", 1 }, direction = { "up", 1 }, dscp = { 64 }, nothing = { 1 }, [1] = { 1 } } do
  for _, value in ipairs(values) do
    local fields = { source = ends.source, destination = ends.destination } fields[key] = value
    assert(not pcall(packet.udp, fields), tostring(key) .. " " .. tostring(value))
  end
end
for _, hex in ipairs { "0", "xx", "0x00", ("00"):rep(65537), "\0\0", 1, {} } do assert(not pcall(packet.from_hex, hex)) end
assert(not pcall(packet.from_hex, "00", "ppp") and not pcall(packet.tcp) and not pcall(packet.tcp, "x") and not pcall(packet.tcp, {}))
for _, hex in ipairs { "", "00", "45", ("ff"):rep(60), ("00"):rep(1500), ("45000000"):rep(20) } do
  for _, link in ipairs { "ethernet", "raw" } do
    local p = packet.from_hex(hex, link)
    local all = { p.source, p.tcp, p.icmp, p.flow, p.payload:sub(1), p.inner, p.next_hop, p.eni, tostring(p), p:hex() }
  end
end
for i = 1, 1025 do packet.udp(ends) end
