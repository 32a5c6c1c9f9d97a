-- Filters that are allowed and yet collect less than their author thinks: conditions that nothing can meet, one half of
-- each conversation, rules that never decide.

local codes = { ["filter.unsatisfiable"] = "high", ["filter.one-sided"] = "medium", ["rules.shadowed"] = "low" }

audit {
  id = "MIR-003",
  title = "Filters that collect too little",
  severity = "medium",
  tags = { "mirrors" },
  references = { "docs/mirror-rules.md" },
  remediation = "Do what the hint says; moontap explain shows what a filter makes of a packet.",
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
