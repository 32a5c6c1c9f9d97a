-- DNS questions of the whole VPC. Several conditions must all match.
-- Shows: the console's second filter (quintuple).

mirror {
  name = "dns-questions", vpc = "vpc-campus",
  source = source.vpc(), direction = "out",
  filter = filter.quintuple(
    { protocol = "udp", destination_port = 53 },
    { source = "10.50.0.0/16" }
  ),
  target = target.receivers "10.50.9.20",
}
