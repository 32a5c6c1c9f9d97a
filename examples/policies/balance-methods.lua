-- The same traffic twice: evenly by conversation, and all traffic of one ENI to one receiver.
-- Shows: the console's two balance methods.

local function to_ids(name, method)
  mirror {
    name = name, vpc = "vpc-campus",
    source = source.vpc(), direction = "all",
    target = target.receivers { "10.50.9.10", "10.50.9.11" },
    balance = method,
  }
end

to_ids("evenly", balance.even())
to_ids("by-eni", balance.eni_hash())
