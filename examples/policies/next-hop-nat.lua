-- What leaves the campus through the NAT gateway, and the answers. The content cache is a peering and stays out.
-- Shows: the console's third filter (next hop is the NAT gateway).

mirror {
  name = "internet-egress", vpc = "vpc-campus",
  source = source.subnet("subnet-wlan"), direction = "out",
  filter = filter.nat "nat-campus",
  target = target.receivers "10.50.9.10",
}

mirror {
  name = "internet-both-ways", vpc = "vpc-campus",
  source = source.subnet("subnet-wlan"), direction = "all",
  filter = filter.nat("nat-campus", { bidirectional = true }),
  target = target.receivers "10.50.9.11",
}
