-- Requests to one web site, by the Host header. The port comes first: only a few packets have their payload searched.
-- Shows: a filter that looks into the payload.

local web = filter.quintuple { protocol = "tcp", destination_port = 80 }

mirror {
  name = "lamernews", vpc = "vpc-campus",
  source = source.vpc(), direction = "out",
  filter = web & filter.when("host", function(packet)
    local text = packet.payload
    return text:starts("GET ") and text:find("\r\nHost: lamernews.com\r\n") ~= nil
  end),
  target = target.receivers "10.50.9.10",
}
