-- Everything one laptop sends and receives, ARP included, to a recorder.
-- Shows: the console's first filter (none), a collection range of ENIs.

mirror {
  name = "laptop-recorder", vpc = "vpc-campus",
  source = source.eni("eni-laptop"), direction = "all",
  target = target.receivers "10.50.9.20",
  description = "no filter: everything in range and direction",
}
