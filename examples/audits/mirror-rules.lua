-- The console's rules over a configuration: what would be refused if someone pressed the button.

local elsewhere = { ["receivers.no-route"] = true, ["receivers.other-vpc"] = true }

audit {
  id = "MIR-002",
  title = "Mirrors that break rules",
  severity = "high",
  tags = { "mirrors" },
  references = { "docs/mirror-rules.md" },
  remediation = "Do what the hint says.",
  needs = { "mirrors" },
  config = function()
    for _, violation in ipairs(configuration.violations()) do
      if not violation.warning and not elsewhere[violation.code] then
        finding {
          message = violation.mirror .. ": " .. violation.message,
          key = violation.code .. " " .. violation.mirror .. " " .. violation.message,
          subject = violation.mirror,
          evidence = { violation.hint },
          details = { code = violation.code, place = violation.place },
        }
      end
    end
  end,
}
