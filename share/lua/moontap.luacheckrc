-- What a policy may use, and what tests and audits may use besides, printed from the table that binds it.
stds.moontap = {
  read_globals = {
    ["_G"] = { fields = {  }, other_fields = true },
    ["_VERSION"] = { fields = {  }, other_fields = true },
    ["assert"] = { fields = {  }, other_fields = true },
    ["balance"] = { fields = { ["eni_hash"] = { }, ["even"] = { }, ["flow_hash"] = { }, ["round_robin"] = { }, ["weighted"] = { }, ["with"] = { } } },
    ["counter"] = { fields = {  }, other_fields = true },
    ["error"] = { fields = {  }, other_fields = true },
    ["every"] = { fields = {  }, other_fields = true },
    ["filter"] = { fields = { ["all"] = { }, ["any"] = { }, ["bpf"] = { }, ["first"] = { }, ["nat"] = { }, ["none"] = { }, ["quintuple"] = { }, ["rules"] = { }, ["sample"] = { }, ["when"] = { } } },
    ["gauge"] = { fields = {  }, other_fields = true },
    ["inventory"] = { fields = { ["eni"] = { }, ["regions"] = { other_fields = true }, ["vpcs"] = { other_fields = true } } },
    ["ipairs"] = { fields = {  }, other_fields = true },
    ["log"] = { fields = { ["debug"] = { }, ["error"] = { }, ["info"] = { }, ["warn"] = { } } },
    ["math"] = { fields = { ["abs"] = { }, ["acos"] = { }, ["asin"] = { }, ["atan"] = { }, ["ceil"] = { }, ["cos"] = { }, ["deg"] = { }, ["exp"] = { }, ["floor"] = { }, ["fmod"] = { }, ["huge"] = { }, ["log"] = { }, ["max"] = { }, ["maxinteger"] = { }, ["min"] = { }, ["mininteger"] = { }, ["modf"] = { }, ["pi"] = { }, ["rad"] = { }, ["random"] = { }, ["sin"] = { }, ["sqrt"] = { }, ["tan"] = { }, ["tointeger"] = { }, ["type"] = { }, ["ult"] = { } } },
    ["mirror"] = { fields = {  }, other_fields = true },
    ["mirrors"] = { fields = {  }, other_fields = true },
    ["next"] = { fields = {  }, other_fields = true },
    ["packet"] = { fields = { ["from_hex"] = { }, ["icmp"] = { }, ["tcp"] = { }, ["udp"] = { } } },
    ["pairs"] = { fields = {  }, other_fields = true },
    ["pcall"] = { fields = {  }, other_fields = true },
    ["policy"] = { fields = { ["args"] = { other_fields = true }, ["name"] = { other_fields = true } } },
    ["print"] = { fields = {  }, other_fields = true },
    ["rawequal"] = { fields = {  }, other_fields = true },
    ["rawlen"] = { fields = {  }, other_fields = true },
    ["require"] = { fields = {  }, other_fields = true },
    ["select"] = { fields = {  }, other_fields = true },
    ["set"] = { fields = { ["cidrs"] = { }, ["load"] = { }, ["ports"] = { }, ["strings"] = { } } },
    ["shared"] = { fields = {  }, other_fields = true },
    ["source"] = { fields = { ["eni"] = { }, ["subnet"] = { }, ["vpc"] = { }, ["where"] = { } } },
    ["string"] = { fields = { ["byte"] = { }, ["char"] = { }, ["find"] = { }, ["format"] = { }, ["gmatch"] = { }, ["gsub"] = { }, ["len"] = { }, ["lower"] = { }, ["match"] = { }, ["pack"] = { }, ["rep"] = { }, ["reverse"] = { }, ["sub"] = { }, ["unpack"] = { }, ["upper"] = { } } },
    ["table"] = { fields = { ["concat"] = { }, ["insert"] = { }, ["move"] = { }, ["pack"] = { }, ["remove"] = { }, ["sort"] = { }, ["unpack"] = { } } },
    ["target"] = { fields = { ["receivers"] = { } } },
    ["tonumber"] = { fields = {  }, other_fields = true },
    ["tostring"] = { fields = {  }, other_fields = true },
    ["type"] = { fields = {  }, other_fields = true },
    ["utf8"] = { fields = { ["char"] = { }, ["charpattern"] = { }, ["codepoint"] = { }, ["codes"] = { }, ["len"] = { }, ["offset"] = { } } },
  },
}
stds.moontap_test = {
  read_globals = {
    ["expect"] = { fields = {  }, other_fields = true },
    ["packet"] = { fields = { ["from_capture"] = { } } },
    ["test"] = { fields = {  }, other_fields = true },
  },
}
stds.moontap_audit = {
  read_globals = {
    ["audit"] = { fields = {  }, other_fields = true },
    ["configuration"] = { fields = { ["violations"] = { } } },
    ["finding"] = { fields = {  }, other_fields = true },
    ["inventory"] = { fields = { ["enis"] = { other_fields = true }, ["subnets"] = { other_fields = true } } },
    ["os"] = { fields = { ["clock"] = { }, ["date"] = { }, ["time"] = { } } },
  },
}
stds.moontap_audit_test = {
  read_globals = {
    ["findings"] = { fields = {  }, other_fields = true },
  },
}
std = "moontap"
files["/**/*_test.lua"] = { std = "moontap+moontap_test" }
files["/**/audits/**/*.lua"] = { std = "moontap+moontap_audit" }
files["/**/audits/**/*_test.lua"] = { std = "moontap+moontap_audit+moontap_test+moontap_audit_test" }
exclude_files = { "**/*.d.lua" }
max_line_length = 120
-- A callback is given more than most need.
unused_args = false
