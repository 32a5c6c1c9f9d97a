-- The first five packets of every TCP conversation: handshake and greeting, without the bulk.
-- Shows: filter.first, which counts per conversation.

mirror {
  name = "greetings", vpc = "vpc-campus",
  source = source.vpc(), direction = "all",
  filter = filter.quintuple { protocol = "tcp" } & filter.first { packets = 5 },
  target = target.receivers "10.50.9.20",
}
