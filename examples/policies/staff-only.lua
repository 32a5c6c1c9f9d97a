-- The ENIs that carry a tag, whichever they are when the inventory changes.
-- Shows: source.where, a predicate over ENIs, and a timer on packet time.

local bytes = counter "staff_bytes"
local total = 0

mirror {
  name = "staff", vpc = "vpc-campus",
  source = source.where(function(eni) return eni.tags.owner == "staff" end),
  filter = function(packet)
    bytes:add(packet.length)
    total = total + packet.length
    return true
  end,
  target = target.receivers "10.50.9.20",
}

every(20, function() log.info("staff so far: " .. total .. " bytes") end)
