-- One conversation in four, always the same ones, whole.
-- Shows: filter.sample, which goes by flow hash: both directions, every host, every run agree.

mirror {
  name = "one-in-four", vpc = "vpc-backbone",
  source = source.vpc(), direction = "all",
  filter = filter.sample(1 / 4),
  target = target.receivers "10.9.0.1",
}
