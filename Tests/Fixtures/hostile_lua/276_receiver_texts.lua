-- 276 receiver texts
-- Tries:  receiving addresses as texts of a quarter mebibyte
-- Phase:  load
-- Expect: invalid|runtime|cpu
mirror { name = "long", vpc = "vpc-lab", source = source.vpc(), target = target.receivers((","):rep(60000) .. ("10.99.0.x,"):rep(5000)) }
