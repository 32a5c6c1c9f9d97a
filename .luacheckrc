-- The globals of a policy, for luacheck: what a sandboxed script can name and nothing else.
stds.moontap = {
  read_globals = {
    "assert", "error", "ipairs", "next", "pairs", "pcall", "print", "rawequal", "rawlen", "require", "select",
    "tonumber", "tostring", "type", "_VERSION",
    "math", "string", "table", "utf8",
    "balance", "counter", "every", "filter", "gauge", "inventory", "log", "mirror", "mirrors", "packet", "policy",
    "set", "shared", "source", "target",
  },
}
std = "moontap"
max_line_length = 120
-- A callback is given more than most need.
unused_args = false
