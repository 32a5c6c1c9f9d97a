-- A policy beside stored mirrors: one that has copied more than its budget stops collecting, and says why.
-- moontap run examples/store/over-budget.lua --store FILE --set budget=20000 ...
local budget = tonumber(policy.args.budget) or 1000000000

every(10, function()
  for _, each in pairs(mirrors) do
    local counted = each:stats()
    if each.origin == "store" and each.enabled and counted and counted.collected.bytes > budget then
      each:tag { paused = "over budget" }
      each:disable()
    end
  end
end)
