-- Receivers that copies cannot reach, that have less bandwidth than they need, or that are collected themselves.

local codes = {
  ["receivers.no-route"] = "high", ["receivers.other-vpc"] = "high", ["receivers.bandwidth"] = "medium",
  ["range.receiver-inside"] = "low",
}

audit {
  id = "MIR-004",
  title = "Receivers out of reach or over-committed",
  severity = "medium",
  tags = { "mirrors", "receivers" },
  references = { "docs/mirror-rules.md" },
  remediation = "Give each source subnet a route to the receivers, and these a ninth of the range's bandwidth.",
  needs = { "mirrors" },
  config = function()
    for _, violation in ipairs(configuration.violations()) do
      if codes[violation.code] then
        finding {
          message = violation.mirror .. ": " .. violation.message,
          key = violation.code .. " " .. violation.mirror .. " " .. violation.message,
          subject = violation.mirror,
          severity = codes[violation.code],
          evidence = { violation.hint },
          details = { code = violation.code, place = violation.place },
        }
      end
    end
  end,
}
