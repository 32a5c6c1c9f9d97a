-- By priority: the content cache is dropped, other web traffic accepted, all else not collected.
-- Shows: accept and drop rules; the lowest number is asked first, the first match decides.

mirror {
  name = "web-without-cache", vpc = "vpc-campus",
  source = source.vpc(), direction = "all",
  filter = filter.rules {
    outbound = {
      { priority = 1, action = "drop", destination = "178.60.128.0/24" },
      { priority = 2, action = "accept", protocol = "tcp", destination_port = 443 },
      { priority = 3, action = "accept", protocol = "tcp", destination_port = 80 },
    },
    inbound = {
      { priority = 1, action = "drop", source = "178.60.128.0/24" },
      { priority = 2, action = "accept", protocol = "tcp", source_port = 443 },
      { priority = 3, action = "accept", protocol = "tcp", source_port = 80 },
    },
  },
  target = target.receivers "10.50.9.10\n10.50.9.11",
}
