-- 275 collects on error
-- Tries:  fail with on_error = "collect"
-- Phase:  filter
-- Expect: runtime
-- Match:  always
mirror { name = "collects", vpc = "vpc-lab", source = source.vpc(), target = target.receivers "10.99.0.10", on_error = "collect",
  filter = function(p) error("always") end }
