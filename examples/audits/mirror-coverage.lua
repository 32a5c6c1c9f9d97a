-- Every network interface with a tag is collected by an enabled mirror, in both directions.
--
-- --set covered_tag=pci   the tag; its value does not matter

local tag = policy.args.covered_tag or "pci"

audit {
  id = "MIR-001",
  title = "Mirror coverage",
  severity = "high",
  tags = { "mirrors", "pci" },
  references = { "PCI DSS 11.5.1" },
  remediation = "Put the network interface into the range of an enabled mirror of direction all without a filter.",
  needs = { "mirrors" },
  config = function(inventory, mirrors)
    for id, eni in pairs(inventory.enis) do
      if eni.tags[tag] then
        local directions, filtered, disabled = {}, nil, nil
        for name, mirror in pairs(mirrors) do
          if mirror:covers(eni) then
            if not mirror.enabled then
              disabled = name
            elseif mirror.has_filter then
              filtered = name
            else
              directions[mirror.direction] = name
            end
          end
        end
        local whole = directions.all or directions["in"] and directions.out
        if not whole then
          local why = disabled and "; " .. disabled .. " is disabled" or ""
          if filtered then why = "; " .. filtered .. " collects a part of it" .. why end
          if next(directions) then why = "; only one direction is" .. why end
          finding {
            message = id .. " has the tag " .. tag .. " and is not collected wholly by any enabled mirror" .. why,
            key = id,
            subject = eni,
            severity = filtered and "medium" or nil,
            details = { tag = tag, subnet = eni.subnet.id },
          }
        end
      end
    end
  end,
}
