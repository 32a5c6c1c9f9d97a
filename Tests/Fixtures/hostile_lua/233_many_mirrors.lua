-- 233 many mirrors
-- Tries:  17 mirrors, disabled ones too
-- Phase:  load
-- Expect: invalid
-- Match:  at most 5
for i = 1, 17 do mirror { name = "m" .. i, vpc = "vpc-lab", source = source.vpc(), enabled = false } end
